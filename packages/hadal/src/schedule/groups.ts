/**
 * Fusion: which ops run in one kernel.
 *
 * Every op that computes (elementwise, random, reduce, dot) belongs to exactly one **group**, and a group becomes one kernel:
 * - `map`: elementwise ops over one shape (the group's **domain**);
 * - `row`: reductions over the same dimensions of one domain, with elementwise ops over the whole domain (level `full`) or over
 *   what is left of it (level `outer`): softmax, layer norm, loss chains;
 * - `gemm`: a dot or a convolution with elementwise ops over its result, the epilogue;
 * - `stencil`: a depthwise convolution or one of its gradients with its epilogue;
 * - `scan`, `sort`: one op along lines of its domain with elementwise ops over its result; elementwise ops that a scan reads are part
 *   of it too;
 * - `scatter`: one op alone;
 * - `attention`: attention or its gradient, on a template of its own;
 * - `host`: one op that no template covers.
 *
 * Movement ops, gather, constants, iota and buffers belong to no group: they are read through. Nodes are visited in topological
 * order and join the latest group of their producers that takes them; map groups of other producers then merge into it. A group
 * takes a node if all it reads of the group is at its own position and if the groups stay free of cycles.
 */
import { InternalError } from '../base/errors.js';
import { sameShape } from '../base/shape.js';
import type { Template, TemplateNode } from '../graph/template.js';
import type { IndexExpr } from '../kernel/index-expr.js';
import { sameIndex, variableIndex, zeroIndex } from '../kernel/index-expr.js';
import { blockSumIndex, blockSumOf } from './block-sums.js';
import type { Operands } from './group-bounds.js';
import { excess, MAX_MEMBERS, MAX_NUMBERS, MAX_READS, readsOfBoth } from './group-bounds.js';
import { lastOf, readsInLanes } from './lane-reads.js';
import { readThrough } from './movement-index.js';
import { wantsVectors } from './wants-vectors.js';

/** `columns`: sums of every `BLOCK` rows of a row group's domain, taken while it walks the rows. */
export type Level = 'full' | 'outer' | 'columns';

export interface Group {
  readonly id: number;
  kind: 'map' | 'row' | 'gemm' | 'stencil' | 'attention' | 'scan' | 'sort' | 'scatter' | 'host' | 'region';
  readonly domain: readonly number[];
  /** Its loop variables, as `domainIndex` gives them. */
  readonly index: readonly IndexExpr[];
  /** row: the reduced dimensions. */
  reduced: readonly number[];
  /** Nodes of the group in topological order, with the level they are computed at. */
  readonly members: Map<number, Level>;
  /** Values of others and leaves that its nodes read. */
  readonly reads: Set<number>;
  /** Arguments and constants that its nodes use. */
  readonly numbers: Set<number>;
  /** Groups whose values this one reads. */
  readonly inputs: Set<Group>;
  /** Groups that read values of this one. */
  readonly outputs: Set<Group>;
  /** The first of its nodes, and the last of those that it holds or needs. */
  first: number;
  reach: number;
  /** The last search that came by. */
  mark: number;
}

/** Row groups do not take in others beside them beyond this: every sum holds registers. */
const MAX_SIBLINGS = 32;

export function computes(n: TemplateNode): boolean {
  if (n.leaf >= 0 || n.argument >= 0) return false;
  const { kind } = n.op;
  return (
    kind === 'elementwise' ||
    kind === 'reduce' ||
    kind === 'dot' ||
    kind === 'conv' ||
    kind === 'random' ||
    kind === 'scan' ||
    kind === 'sort' ||
    kind === 'scatter' ||
    kind === 'host' ||
    kind === 'region' ||
    kind === 'attention' ||
    kind === 'interleave' ||
    kind === 'result' ||
    n.root ||
    n.boundary
  );
}

/** Whether a node runs on the gemm template, or on that of depthwise convolutions. */
export function isProduct(n: TemplateNode): boolean {
  return n.op.kind === 'dot' || n.op.kind === 'conv';
}

export function isStencil(n: TemplateNode): boolean {
  return n.leaf < 0 && n.op.name === 'stencil';
}

/** Whether a node's value is the one that its kernel's template computes, which elementwise ops around it read. */
export function isLine(n: TemplateNode): boolean {
  return n.op.kind === 'scan' || n.op.kind === 'sort';
}

/** Whether an op reads an input as an array in memory. */
export function readsArray({ op }: TemplateNode, slot: number): boolean {
  return op.kind === 'host' || op.kind === 'region' || (op.name === 'scatter' && slot === 0);
}

/**
 * Whether a node is the result of a convolution with its first two dimensions swapped, as a kernel's gradient is, and written to memory:
 * the convolution's kernel stores it where it belongs.
 */
export function isSwappedProduct(nodes: readonly TemplateNode[], id: number): boolean {
  const n = nodes[id];
  if (n.op.name !== 'permute' || n.leaf >= 0 || !computes(n)) return false;
  const { op, leaf } = nodes[n.inputs[0]];
  return op.kind === 'conv' && leaf < 0 && n.attributes.every((from, d) => from === (d < 2 ? 1 - d : d));
}

/**
 * What a reshape that is written to memory is a reshape of, or a swapped product a permutation of, else -1. It is computed where that is:
 * it costs a store and no loops of its own.
 */
export function reshaped(nodes: readonly TemplateNode[], id: number): number {
  const isWritten = (n: TemplateNode): boolean => n.op.name === 'reshape' && n.leaf < 0 && computes(n);
  if (isSwappedProduct(nodes, id)) return nodes[id].inputs[0];
  if (!isWritten(nodes[id])) return -1;
  let [at] = nodes[id].inputs;
  while (nodes[at].op.name === 'reshape' && nodes[at].leaf < 0 && !isWritten(nodes[at]))
    [at] = nodes[at].inputs;
  return at;
}

/** The shape of the points at which a node is computed: its own, or that of what it puts side by side or in another shape. */
export function pointsOf(nodes: readonly TemplateNode[], id: number): readonly number[] {
  const n = nodes[id];
  if (n.op.kind === 'interleave' && n.leaf < 0) return nodes[n.inputs[0]].shape;
  const base = reshaped(nodes, id);
  return base < 0 ? n.shape : nodes[base].shape;
}

/** Loop variables of a domain, one per dimension. */
export function domainIndex(domain: readonly number[]): IndexExpr[] {
  return domain.map((size, d) => variableIndex(d, size));
}

/** Where a member of a group is computed, as an index into the member's own shape; null if the shape does not fit the level. */
export function ownIndex(group: Group, shape: readonly number[], level: Level): readonly IndexExpr[] | null {
  const vars = group.index;
  if (level === 'full') return sameShape(shape, group.domain) ? vars : null;
  if (level === 'columns') return blockSumIndex(vars);
  const kept = group.domain.map((s, d) => (group.reduced.includes(d) ? 1 : s));
  if (sameShape(shape, kept)) return vars.map((v, d) => (group.reduced.includes(d) ? zeroIndex : v));
  const squeezed = vars.filter((_, d) => !group.reduced.includes(d));
  const rest = group.domain.filter((_, d) => !group.reduced.includes(d));
  return sameShape(shape, rest) ? squeezed : null;
}

export interface Fusion {
  readonly groups: readonly Group[];
  readonly groupOf: ReadonlyMap<number, Group>;
}

export function fuse(template: Template): Fusion {
  const { nodes } = template;
  const isComputed = nodes.map(computes);
  const groupOf = new Map<number, Group>();
  const groups = new Set<Group>();
  let nextId = 0;

  function newGroup(kind: Group['kind'], domain: readonly number[], reduced: readonly number[]): Group {
    const group: Group = {
      id: nextId++,
      kind,
      domain,
      index: domainIndex(domain),
      reduced,
      members: new Map(),
      reads: new Set(),
      numbers: new Set(),
      inputs: new Set(),
      outputs: new Set(),
      first: -1,
      reach: -1,
      mark: 0,
    };
    groups.add(group);
    return group;
  }

  /** Notes that a group, and so all that read it, needs a node as late as `reach`. */
  function raise(group: Group, reach: number): void {
    const stack = [group];
    for (let g = stack.pop(); g !== undefined; g = stack.pop()) {
      if (g.reach >= reach) continue;
      g.reach = reach;
      for (const output of g.outputs) stack.push(output);
    }
  }

  function connect(reader: Group, source: Group): void {
    if (reader === source) return;
    reader.inputs.add(source);
    source.outputs.add(reader);
    raise(reader, source.reach);
  }

  let searches = 0;

  /** Whether `group` needs `other`, directly or through others. */
  function dependsOn(group: Group, other: Group): boolean {
    // Whatever leads to the other group needs one of its nodes.
    if (group.reach < other.first) return false;
    const search = ++searches;
    const stack = [group];
    for (let g = stack.pop(); g !== undefined; g = stack.pop()) {
      for (const input of g.inputs) {
        if (input === other) return true;
        if (input.mark === search || input.reach < other.first) continue;
        input.mark = search;
        stack.push(input);
      }
    }
    return false;
  }

  /** The computing nodes that a node's inputs come from, through everything that is read through. */
  const producerCache: (readonly number[] | undefined)[] = nodes.map(() => undefined);
  function producers(id: number): readonly number[] {
    const have = producerCache[id];
    if (have !== undefined) return have;
    const list: number[] = [];
    const stack = [...nodes[id].inputs];
    for (let i = stack.pop(); i !== undefined; i = stack.pop()) {
      if (!isComputed[i]) for (const input of nodes[i].inputs) stack.push(input);
      else if (!list.includes(i)) list.push(i);
    }
    list.sort((a, b) => a - b);
    producerCache[id] = list;
    return list;
  }

  /**
   * Whether a node read at `index` can be had inside of `group`: what it reaches of the group is at its own place, or can be
   * computed again at another. `outside` collects the groups of other values it reaches.
   */
  function reaches(
    id: number,
    index: readonly IndexExpr[],
    group: Group,
    outside: Set<Group>,
    budget: { ops: number },
  ): boolean {
    const node = nodes[id];
    if (!computes(node)) {
      return readThrough(nodes, id, index).every((r) => reaches(r.node, r.index, group, outside, budget));
    }
    const home = groupOf.get(id);
    if (home === undefined) throw new InternalError(`node ${id} is read before it has a group`);
    if (home !== group) {
      outside.add(home);
      return true;
    }
    if (node.boundary || node.op.kind === 'interleave' || isSwappedProduct(nodes, id)) return false;
    const level = group.members.get(id);
    const own = level === undefined || level === 'columns' ? null : ownIndex(group, node.shape, level);
    if (own === null) return false;
    if (own.every((e, d) => sameIndex(e, index[d]))) return true;
    if (node.op.kind !== 'elementwise' || --budget.ops < 0) return false;
    return node.inputs.every((i) => reaches(i, index, group, outside, budget));
  }

  /** What a node that is no reduction reads where it is computed at `own`. */
  function readsOf(
    id: number,
    own: readonly IndexExpr[],
  ): readonly { readonly node: number; readonly index: readonly IndexExpr[] }[] {
    const { op, inputs } = nodes[id];
    const base = reshaped(nodes, id);
    if (base >= 0) return [{ node: base, index: own }];
    return op.kind === 'elementwise' || op.kind === 'interleave' || op.kind === 'scan'
      ? inputs.map((i) => ({ node: i, index: own }))
      : readThrough(nodes, id, own);
  }

  /** Whether `id` fits `group` at a level; if so, the other groups it reads. */
  function fits(id: number, group: Group, level: Level): Set<Group> | null {
    const own = ownIndex(group, pointsOf(nodes, id), level);
    if (own === null) return null;
    const outside = new Set<Group>();
    const budget = { ops: 16 };
    if (!readsOf(id, own).every((r) => reaches(r.node, r.index, group, outside, budget))) return null;
    for (const other of outside) if (dependsOn(other, group)) return null;
    return outside;
  }

  /** The values and leaves that a node reads, and the numbers that it uses, through everything that is read through. */
  const operandCache: (Operands | undefined)[] = nodes.map(() => undefined);
  function operands(id: number): Operands {
    const have = operandCache[id];
    if (have !== undefined) return have;
    const reads: number[] = [];
    const numbers: number[] = [];
    const stack = [...nodes[id].inputs];
    for (let i = stack.pop(); i !== undefined; i = stack.pop()) {
      const { leaf, argument, op, inputs } = nodes[i];
      if (leaf >= 0 || isComputed[i]) {
        if (!reads.includes(i)) reads.push(i);
      } else if (argument >= 0 || op.name === 'constant') {
        if (!numbers.includes(i)) numbers.push(i);
      } else for (const input of inputs) stack.push(input);
    }
    const made = { reads, numbers };
    operandCache[id] = made;
    return made;
  }

  /** Whether a group stays within its bounds when it takes a node. */
  function hasRoom(group: Group, id: number): boolean {
    const own = operands(id);
    let more = 0;
    for (const i of own.reads) if (!group.reads.has(i) && !group.members.has(i)) more++;
    let numbers = 0;
    for (const i of own.numbers) if (!group.numbers.has(i)) numbers++;
    // What adds nothing is taken even by a group that began beyond its bounds, as one that puts many parts side by side.
    return (
      (more === 0 || group.reads.size + more <= MAX_READS) &&
      (numbers === 0 || group.numbers.size + numbers <= MAX_NUMBERS)
    );
  }

  function join(id: number, group: Group, level: Level, outside: Iterable<Group>): void {
    const own = operands(id);
    for (const i of own.reads) if (!group.members.has(i)) group.reads.add(i);
    for (const i of own.numbers) group.numbers.add(i);
    group.reads.delete(id);
    group.members.set(id, level);
    if (group.first < 0) group.first = id;
    raise(group, id);
    groupOf.set(id, group);
    for (const g of outside) connect(group, g);
  }

  /** Whether one kernel could walk both groups: the same domain, and where both reduce, the same rows. */
  function alike(from: Group, into: Group): boolean {
    if (from === into || isAlone(into) || !sameShape(from.domain, into.domain)) return false;
    if (runsOneByOne(into) && [...from.members.keys()].some((id) => wantsVectors(nodes[id]))) return false;
    return (
      from.kind === 'map' ||
      (from.kind === 'row' && into.kind === 'row' && sameShape(from.reduced, into.reduced))
    );
  }

  /** Moves a group into another that is alike, if nothing between them forbids it. */
  function merge(from: Group, into: Group): boolean {
    if (!alike(from, into)) return false;
    if (excess(from, into) !== null) return false;
    for (const between of into.inputs) if (between !== from && dependsOn(between, from)) return false;
    for (const between of from.inputs) if (between !== into && dependsOn(between, into)) return false;
    for (const g of from.inputs) {
      g.outputs.delete(from);
      connect(into, g);
    }
    for (const g of from.outputs) {
      g.inputs.delete(from);
      connect(g, into);
    }
    raise(into, from.reach);
    for (const i of from.numbers) into.numbers.add(i);
    for (const i of readsOfBoth(from, into)) into.reads.add(i);
    for (const id of from.members.keys()) into.reads.delete(id);
    const order = [...into.members, ...from.members].sort((a, b) => a[0] - b[0]);
    into.members.clear();
    into.first = Math.min(into.first, from.first);
    for (const [id, level] of order) {
      into.members.set(id, level);
      groupOf.set(id, into);
    }
    groups.delete(from);
    return true;
  }

  /** The groups a node might join, latest first. */
  function candidates(id: number): Group[] {
    const found = new Set<Group>();
    for (const p of producers(id)) {
      const g = groupOf.get(p);
      if (g === undefined || isAlone(g)) continue;
      if (!nodes[p].boundary && g.members.size < MAX_MEMBERS) found.add(g);
    }
    // Epilogues first: what a map group holds can still come along, a gemm cannot move into a map.
    const rank = (g: Group): number => (g.kind === 'map' ? 0 : 1);
    return [...found].sort((a, b) => rank(b) - rank(a) || b.id - a.id);
  }

  /** Row groups by what their reductions read from memory: the operation and its operand. */
  const rowReaders = new Map<string, Group[]>();

  /** What a reduction reads of memory straight or through one operation. */
  function memoryReads(id: number): string[] {
    const [input] = nodes[id].inputs;
    const { op, inputs } = nodes[input];
    if (op.kind !== 'elementwise') return [];
    const under = (at: number): number => {
      let i = at;
      while (nodes[i].leaf < 0 && nodes[i].op.kind === 'movement' && !computes(nodes[i]))
        [i] = nodes[i].inputs;
      return i;
    };
    return inputs.map((i) => `${nodes[id].op.name} ${op.name} ${under(i)}`);
  }

  /** Row groups that do the same to the same values, such as sums of products with one factor in common: one pass can serve all. */
  function siblings(id: number): Group[] {
    const found = memoryReads(id).flatMap((key) => rowReaders.get(key) ?? []);
    return [...new Set(found)].filter(
      (g) => groups.has(g) && g.kind === 'row' && g.members.size < MAX_SIBLINGS,
    );
  }

  function noteReads(id: number, group: Group): void {
    for (const key of memoryReads(id)) {
      const readers = rowReaders.get(key);
      if (readers === undefined) rowReaders.set(key, [group]);
      else readers.push(group);
    }
  }

  /** Elementwise neighbours of the same domain come along once a node has its group. */
  function absorb(id: number, group: Group): void {
    for (const p of producers(id)) {
      const other = groupOf.get(p);
      if (other === undefined || other === group || nodes[p].boundary) continue;
      if (!alike(other, group) || !readsInPlace(id, p, other, group)) continue;
      if (other.kind === 'map' || isReadInPlace(other, group)) merge(other, group);
    }
  }

  /** Whether all that a group reads of another is read where it is computed: reductions cannot be had elsewhere in one kernel. */
  function isReadInPlace(other: Group, group: Group): boolean {
    for (const id of group.members.keys()) {
      for (const p of producers(id))
        if (groupOf.get(p) === other && !readsInPlace(id, p, other, group)) return false;
    }
    return true;
  }

  /** Whether a node of `group` reads a producer of `other`, a group alike, only where the producer is computed. */
  function readsInPlace(id: number, producer: number, other: Group, group: Group): boolean {
    const level = group.members.get(id);
    const theirs = other.members.get(producer);
    if (level === undefined || theirs === undefined || theirs === 'columns') return false;
    if (level === 'columns') return theirs === 'full';
    if (nodes[producer].op.kind === 'interleave' || isSwappedProduct(nodes, producer)) return false;
    const own = ownIndex(group, pointsOf(nodes, id), level);
    const place = ownIndex(group, nodes[producer].shape, theirs);
    if (own === null || place === null) return false;
    const visit = (i: number, index: readonly IndexExpr[]): boolean => {
      if (i === producer) return index.every((e, d) => sameIndex(e, place[d]));
      if (computes(nodes[i])) return true;
      return readThrough(nodes, i, index).every((r) => visit(r.node, r.index));
    };
    const node = nodes[id];
    // A reduction reads its input at every point of the domain.
    if (node.op.kind === 'reduce') return visit(node.inputs[0], group.index);
    return readsOf(id, own).every((r) => visit(r.node, r.index));
  }

  function placePointwise(id: number): void {
    for (const group of candidates(id)) {
      if (runsOneByOne(group) && wantsVectors(nodes[id])) continue;
      for (const level of group.kind === 'row' ? (['full', 'outer'] as const) : (['full'] as const)) {
        const outside = hasRoom(group, id) ? fits(id, group, level) : null;
        if (outside === null || (level === 'outer' && endsLanes(id, group))) continue;
        join(id, group, level, outside);
        absorb(id, group);
        return;
      }
    }
    const group = newGroup('map', pointsOf(nodes, id), []);
    join(id, group, 'full', outsideOf(id));
    absorb(id, group);
  }

  /** Whether sums of long ops down columns would be taken one by one, for what a node of their results reads. */
  function endsLanes(id: number, group: Group): boolean {
    const lanes = lastOf(group.domain);
    if (group.reduced.includes(lanes) || ![...group.members.keys()].some((i) => wantsVectors(nodes[i])))
      return false;
    const own = ownIndex(group, pointsOf(nodes, id), 'outer') ?? [];
    return !readsOf(id, own).every((r) => readsInLanes(nodes, isComputed, r, group.index[lanes]));
  }

  function outsideOf(id: number): Set<Group> {
    const out = new Set<Group>();
    for (const p of producers(id)) {
      const g = groupOf.get(p);
      if (g !== undefined) out.add(g);
    }
    return out;
  }

  /** Puts a sum of blocks of rows into a row group that has what is summed at hand, if there is one. */
  function placeBlockSum(id: number): boolean {
    const of = blockSumOf(nodes, id);
    if (of < 0) return false;
    const { shape } = nodes[of];
    const along = [shape.length - 1];
    for (const group of groups) {
      const isAlike =
        group.kind === 'row' && sameShape(group.domain, shape) && sameShape(group.reduced, along);
      const isAtHand = group.reads.has(of) || group.members.get(of) === 'full';
      if (!isAlike || !isAtHand || group.members.size >= MAX_MEMBERS || !hasRoom(group, id)) continue;
      const outside = new Set<Group>();
      if (!reaches(of, domainIndex(shape), group, outside, { ops: 0 })) continue;
      if ([...outside].some((g) => dependsOn(g, group))) continue;
      join(id, group, 'columns', outside);
      return true;
    }
    return false;
  }

  function placeReduce(id: number): void {
    if (placeBlockSum(id)) return;
    const node = nodes[id];
    const input = node.inputs[0];
    const domain = nodes[input].shape;
    const reduced = node.attributes.filter((d) => domain[d] !== 1);
    const vars = domainIndex(domain);
    const alongRows = reduced.includes(lastOf(domain));
    const own = candidates(id);
    const rows = own.filter((g) => g.kind === 'row');
    for (const group of new Set([...rows, ...siblings(id), ...own])) {
      if (!sameShape(group.domain, domain)) continue;
      const sameRows = group.kind === 'row' && sameShape(group.reduced, reduced);
      // A map becomes a row kernel only along rows: down columns its other results would be written in strides.
      const canTurn = group.kind === 'map' && alongRows;
      if ((!sameRows && !canTurn) || !hasRoom(group, id)) continue;
      const outside = new Set<Group>();
      if (!reaches(input, vars, group, outside, { ops: 16 })) continue;
      if ([...outside].some((g) => dependsOn(g, group))) continue;
      if (canTurn) {
        group.kind = 'row';
        group.reduced = reduced;
      }
      join(id, group, 'outer', outside);
      absorb(id, group);
      noteReads(id, group);
      return;
    }
    const group = newGroup('row', domain, reduced);
    join(id, group, 'outer', outsideOf(id));
    noteReads(id, group);
    if (alongRows) absorb(id, group);
  }

  /** A further result belongs to the group of the op that makes it. */
  function placeResult(id: number): void {
    const group = groupOf.get(nodes[id].inputs[0]);
    if (group === undefined) throw new InternalError(`result ${id} of an op that is not computed`);
    join(id, group, 'full', []);
  }

  function placeScan(id: number): void {
    const group = newGroup('scan', nodes[id].shape, []);
    join(id, group, 'full', outsideOf(id));
    absorb(id, group);
  }

  nodes.forEach((node, id) => {
    if (!computes(node)) return;
    if (node.op.kind === 'result') placeResult(id);
    else if (node.op.kind === 'reduce') placeReduce(id);
    else if (node.op.kind === 'scan') placeScan(id);
    else if (isProduct(node))
      join(id, newGroup(isStencil(node) ? 'stencil' : 'gemm', node.shape, []), 'full', outsideOf(id));
    else if (
      node.op.kind === 'sort' ||
      node.op.kind === 'scatter' ||
      node.op.kind === 'attention' ||
      node.op.kind === 'host' ||
      node.op.kind === 'region'
    )
      join(id, newGroup(ownKind(node, node.op.kind), node.shape, []), 'full', outsideOf(id));
    else placePointwise(id);
  });
  return { groups: [...groups].sort((a, b) => a.id - b.id), groupOf };
}

/** A scan without a body for a kernel runs in JavaScript. */
function ownKind<K extends Group['kind']>(node: TemplateNode, kind: K): K | 'host' {
  return kind === 'region' && node.body === undefined ? 'host' : kind;
}

/** Whether a group's kernel takes one element after the other, with what is fused into it. */
export function runsOneByOne(group: Group): boolean {
  return group.kind === 'scan' || group.kind === 'sort' || group.kind === 'scatter';
}

/** Whether no other op joins a group. */
function isAlone(group: Group): boolean {
  return (
    group.kind === 'host' || group.kind === 'scatter' || group.kind === 'attention' || group.kind === 'region'
  );
}
