/**
 * Chains: a small kernel that reads nothing but what one other kernel writes runs in that kernel's launch, right behind it. The mean of a
 * loss over its rows is the usual case. Both compute what they would alone, in the same order, so no digit depends on it; a value
 * between them that nobody else wants needs no buffer.
 *
 * Only kernels too small to be cut up for threads are chained: what is chained runs on one.
 */
import { InternalError, known } from '../base/errors.js';
import type { Template } from '../graph/template.js';
import type { KernelBuffer, LoopKernel, PartBuffer, RegionKernel, RegionPart } from '../kernel/l2.js';
import type { BuiltKernel } from './build.js';
import type { Binding } from './kernel-reader.js';

/** Points of the first kernel: about what takes 50 microseconds, below which no launch is cut up. */
const MAX_FIRST_POINTS = 2 ** 15;
/** Points of the kernel that is put behind it. */
const MAX_SECOND_POINTS = 2 ** 12;

interface LoopsBuilt extends BuiltKernel {
  readonly kernel: LoopKernel;
}

function isLoops(k: BuiltKernel): k is LoopsBuilt {
  return k.kernel.kind === 'loops';
}

function points(kernel: LoopKernel): number {
  return kernel.dims.reduce((n, d) => n * d.size, 1);
}

/** Nodes that a kernel reads or writes. */
function nodesOf(k: BuiltKernel, access: Binding['access']): number[] {
  return k.bindings.filter((b) => b.access === access).map((b) => b.node);
}

/** Whether it only writes memory of its own. */
function isFresh(template: Template, k: BuiltKernel): boolean {
  return nodesOf(k, 'write').every((id) => template.nodes[id].into < 0);
}

/** The kernel's buffers as slots of the chain, a new one for each node that it does not have yet. */
function placed(
  k: LoopsBuilt,
  bindings: Binding[],
  buffers: KernelBuffer[],
  locals: ReadonlyMap<number, number>,
): PartBuffer[] {
  return k.bindings.map(({ node, access }, i): PartBuffer => {
    const local = locals.get(node);
    if (local !== undefined) return { kind: 'fixed', slot: -1 - local };
    const have = bindings.findIndex((b) => b.node === node);
    if (have >= 0) {
      if (bindings[have].access === 'write') buffers[have] = { ...buffers[have], access: 'readwrite' };
      return { kind: 'fixed', slot: have };
    }
    const { dtype } = k.kernel.buffers[i];
    buffers.push({ dtype, access });
    return { kind: 'fixed', slot: bindings.push({ node, access }) - 1 };
  });
}

function join(
  template: Template,
  first: LoopsBuilt,
  second: LoopsBuilt,
  between: readonly number[],
): BuiltKernel {
  const bindings: Binding[] = [];
  const buffers: KernelBuffer[] = [];
  const localOf = new Map(between.map((node, i) => [node, i]));
  const parts = [first, second].map((k) => placed(k, bindings, buffers, localOf));
  const shift = [0, first.arguments.length];
  const kernel: RegionKernel = {
    kind: 'region',
    name: `${first.kernel.name}_then_${second.kernel.name.replace(/^(row|map)_/, '')}`,
    length: 1,
    reverse: false,
    locals: between.map((id) => {
      const { shape, dtype } = template.nodes[id];
      return { dtype, elements: shape.reduce((n, s) => n * s, 1) };
    }),
    before: [],
    steps: [first, second].map(
      ({ kernel: k }, i): RegionPart => ({
        kernel: k,
        buffers: parts[i].map((b) => (b.slot < 0 ? { kind: 'fixed', slot: buffers.length - 1 - b.slot } : b)),
        arguments: k.arguments.map((_, a) => shift[i] + a),
      }),
    ),
    after: [],
    exprs: [],
    stores: [],
    buffers,
    arguments: [...first.kernel.arguments, ...second.kernel.arguments],
  };
  return {
    group: first.group,
    kernel,
    bindings,
    arguments: [...first.arguments, ...second.arguments],
    scatteredReads: new Set([...first.scatteredReads, ...second.scatteredReads]),
  };
}

export function chain(template: Template, kernels: readonly BuiltKernel[]): BuiltKernel[] {
  const out: (BuiltKernel | null)[] = [...kernels];
  const writer = new Map<number, number>();
  const readers = new Map<number, number[]>();
  kernels.forEach((k, i) => {
    for (const id of nodesOf(k, 'write')) writer.set(id, i);
    for (const id of nodesOf(k, 'read')) {
      const have = readers.get(id);
      if (have === undefined) readers.set(id, [i]);
      else have.push(i);
    }
  });
  kernels.forEach((second, i) => {
    const reads = nodesOf(second, 'read');
    if (!isLoops(second) || reads.length === 0 || points(second.kernel) > MAX_SECOND_POINTS) return;
    const [from, ...others] = new Set(reads.map((id) => writer.get(id) ?? -1));
    if (from < 0 || from === i || others.length > 0) return;
    const first = out[from];
    // What was chained already is no loops kernel any more: chains have two links.
    if (first === null || !isLoops(first) || first.kernel.stages.length === 0) return;
    if (points(first.kernel) > MAX_FIRST_POINTS || !isFresh(template, first) || !isFresh(template, second))
      return;
    const between = [...new Set(reads)].filter((id) => {
      const { root, handle, boundary } = template.nodes[id];
      return !root && !handle && !boundary && known(readers.get(id), 'its readers').length === 1;
    });
    if (between.some((id) => template.nodes[id].leaf >= 0)) throw new InternalError('a leaf is written');
    out[from] = join(template, first, second, between);
    out[i] = null;
  });
  return out.filter((k) => k !== null);
}
