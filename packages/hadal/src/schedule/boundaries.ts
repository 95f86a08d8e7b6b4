/**
 * Why a kernel ends where it ends: for each value that one kernel writes and another reads, what kept the two from being one.
 *
 * Fusion decides node by node as groups grow; this looks at the finished groups and names the rule that separates two of them.
 */
import { known } from '../base/errors.js';
import { sameShape, showShape } from '../base/shape.js';
import type { Template } from '../graph/template.js';
import { sameIndex } from '../kernel/index-expr.js';
import { excess } from './group-bounds.js';
import type { Fusion, Group } from './groups.js';
import { computes, domainIndex, fuse, isProduct, ownIndex, pointsOf } from './groups.js';
import { readThrough } from './movement-index.js';
import type { ExplainedPlan } from './plan.js';

/**
 * - `host`: one side is an op that runs in JavaScript on whole arrays.
 * - `line`: one side sorts, scans or scatters, or is a loop over steps: it works on whole arrays in memory.
 * - `operand`: a product reads its operands from memory, since it reads each of their elements many times.
 * - `written`: the value is a gradient or was kept: it is in memory before anything reads it.
 * - `reduction`: what is reduced has to be there in full before the result is read at other points than its own rows.
 * - `place`: the reader needs elements at other positions than those being computed: a transpose, a slice, a lookup.
 * - `shape`: the two walk different shapes.
 * - `cycle`: a third kernel needs the one and is needed by the other.
 * - `size`: together they would be larger than a kernel may be.
 * - `order`: each could have run with the other, but had joined other ops by then.
 */
export type BoundaryReason =
  | 'host'
  | 'line'
  | 'operand'
  | 'written'
  | 'reduction'
  | 'place'
  | 'shape'
  | 'cycle'
  | 'size'
  | 'order';

/** A value on its way from one launch to another. */
export interface Boundary {
  /** Position in the graph. */
  readonly node: number;
  /** The launch that writes it and the launch that reads it. */
  readonly from: number;
  readonly to: number;
  readonly reason: BoundaryReason;
  readonly text: string;
}

const wholeArrays: ReadonlySet<Group['kind']> = new Set(['attention', 'scan', 'sort', 'scatter', 'region']);

interface Why {
  readonly reason: BoundaryReason;
  readonly text: string;
}

/** The members of a group that read a value of another, through what is read through and computed again. */
function readersOf(template: Template, fusion: Fusion, group: Group, value: number): number[] {
  const { nodes } = template;
  const reaches = (id: number): boolean => {
    const stack = [...nodes[id].inputs];
    const seen = new Set<number>();
    for (let i = stack.pop(); i !== undefined; i = stack.pop()) {
      if (i === value) return true;
      if (i < value || seen.has(i) || fusion.groupOf.get(i) === group) continue;
      seen.add(i);
      stack.push(...nodes[i].inputs);
    }
    return false;
  };
  return [...group.members.keys()].filter(reaches);
}

/** Whether a group leads to another by way of a third. */
function leadsAround(from: Group, to: Group): Group | null {
  for (const first of from.outputs) {
    if (first === to) continue;
    const seen = new Set<Group>([first]);
    const stack = [first];
    for (let g = stack.pop(); g !== undefined; g = stack.pop()) {
      if (g === to) return first;
      for (const next of g.outputs) {
        if (seen.has(next)) continue;
        seen.add(next);
        stack.push(next);
      }
    }
  }
  return null;
}

/** Whether a member reads a value where the value's own group would compute it. */
function readsInPlace(template: Template, group: Group, reader: number, home: Group, value: number): boolean {
  const { nodes } = template;
  const level = group.members.get(reader);
  const theirs = home.members.get(value);
  if (level === undefined || theirs === undefined) return false;
  const { op, inputs } = nodes[reader];
  const own =
    op.kind === 'reduce' ? domainIndex(group.domain) : ownIndex(group, pointsOf(nodes, reader), level);
  const place = ownIndex(home, nodes[value].shape, theirs);
  if (own === null || place === null) return false;
  const visit = (id: number, index: typeof own): boolean => {
    if (id === value) return index.length === place.length && index.every((e, d) => sameIndex(e, place[d]));
    if (nodes[id].leaf >= 0) return true;
    if (computes(nodes[id]))
      return nodes[id].op.kind !== 'elementwise' || nodes[id].inputs.every((i) => visit(i, index));
    return readThrough(nodes, id, index).every((r) => visit(r.node, [...r.index]));
  };
  if (op.kind === 'elementwise' || op.kind === 'reduce' || op.kind === 'interleave')
    return inputs.every((i) => visit(i, own));
  return readThrough(nodes, reader, own).every((r) => visit(r.node, [...r.index]));
}

function why(template: Template, fusion: Fusion, home: Group, group: Group, value: number): Why {
  const { nodes } = template;
  const name = (id: number): string => `${nodes[id].op.name} n${id}`;
  if (home.kind === 'host')
    return { reason: 'host', text: `${name(value)} runs in JavaScript, on whole arrays` };
  if (group.kind === 'host')
    return {
      reason: 'host',
      text: `${name([...group.members.keys()][0])} runs in JavaScript, on whole arrays`,
    };
  for (const [side, id] of [[home, value] as const, [group, [...group.members.keys()][0]] as const]) {
    if (!wholeArrays.has(side.kind)) continue;
    const text = `the ${side.kind} of ${name(id)} goes over whole lines in memory`;
    return { reason: 'line', text };
  }
  const readers = readersOf(template, fusion, group, value);
  const product = readers.find((id) => isProduct(nodes[id]));
  if (product !== undefined) {
    const text = `${name(product)} reads each element of its operands many times, so they are in memory`;
    return { reason: 'operand', text };
  }
  if (nodes[value].boundary) {
    const text = `n${value} is a gradient or was kept: it is written before anything reads it`;
    return { reason: 'written', text };
  }
  const around = leadsAround(home, group);
  const reduction = readers.find((id) => nodes[id].op.kind === 'reduce');
  if ((home.kind === 'gemm' || home.kind === 'stencil') && reduction !== undefined) {
    const text = `${name(reduction)} needs whole rows, of which a tile of the product has a part`;
    return { reason: 'reduction', text };
  }
  const afterReduction = home.kind === 'row' && home.members.get(value) === 'outer';
  if (afterReduction && !sameShape(home.domain, group.domain)) {
    const dims = home.reduced.join(', ');
    const text =
      `${name(value)} is done when all of dimension ${dims} of ${showShape(home.domain)} is read; ` +
      `its reader walks ${showShape(group.domain)}`;
    return { reason: 'reduction', text };
  }
  const apart = readers.find((id) => !readsInPlace(template, group, id, home, value));
  const sameRows =
    home.kind !== 'row' || group.kind !== 'row' || home.reduced.join() === group.reduced.join();
  if (sameShape(home.domain, group.domain)) {
    if (around !== null) {
      const [third] = [...around.members.keys()];
      const text = `${name(third)} needs the one and is needed by the other, so it has to run between them`;
      return { reason: 'cycle', text };
    }
    if (!sameRows) {
      const text = `one reduces dimension ${home.reduced.join(', ')} of ${showShape(home.domain)}, the other ${group.reduced.join(', ')}`;
      return { reason: 'reduction', text };
    }
    if (afterReduction && apart !== undefined) {
      const text = `${name(apart)} reads ${name(value)} across rows, so all rows have to be reduced before`;
      return { reason: 'reduction', text };
    }
    if (apart !== undefined) {
      const text = `${name(apart)} reads n${value} at other positions than its own`;
      return { reason: 'place', text };
    }
    const over = excess(home, group);
    if (over !== null) return { reason: 'size', text: `together they would be ${over}` };
    if (group.kind === 'row' && home.kind === 'map') {
      const text = `the reduction runs down columns: computing n${value} along would write it in strides`;
      return { reason: 'reduction', text };
    }
    const text = 'each had joined other ops before the two met';
    return { reason: 'order', text };
  }
  const text = `one computes ${showShape(home.domain)}, the other ${showShape(group.domain)}`;
  return { reason: 'shape', text };
}

/** The boundaries between a plan's launches, in the order of their readers. */
export function boundariesOf(plan: ExplainedPlan): readonly Boundary[] {
  const { template, launches } = plan;
  const fusion = fuse(template);
  const writer = new Map<number, number>();
  launches.forEach((launch, at) => {
    for (const block of launch.blocks) for (const id of block.writes) writer.set(id, at);
  });
  return launches.flatMap((launch, to) =>
    launch.blocks.flatMap((block) => {
      const group = known(fusion.groupOf.get(block.writes[0]), 'the group of a kernel');
      const read = block.values.filter((id) => !block.writes.includes(id));
      return read.flatMap((node): Boundary[] => {
        const from = writer.get(node);
        if (from === undefined || from === to) return [];
        const home = known(fusion.groupOf.get(node), 'the group of a value');
        return [{ node, from, to, ...why(template, fusion, home, group, node) }];
      });
    }),
  );
}
