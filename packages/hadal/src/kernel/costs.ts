/**
 * What a kernel has to do at the least, read off its loops: the arithmetic of its formulas, and every element that it touches moved
 * once. Against the time it took they say how far it is from the machine's limits.
 */
import { dtypeInfo } from '../base/dtype.js';
import { numel } from '../base/shape.js';
import { dependences, indexDependence } from './dependence.js';
import type {
  AttentionGradKernel,
  AttentionKernel,
  ExprId,
  Kernel,
  RegionKernel,
  StencilKernel,
  WinogradGradKernel,
  WinogradKernel,
} from './l2.js';
import { variableSizes } from './l2.js';
import { stencilVariables } from './stencil/stencil.js';
import { READ, winogradTiles } from './winograd/tiles.js';

export interface KernelCost {
  /**
   * Operations on numbers: 2 m n k for a product, one for each element that a reduction, a running sum or a sum of scattered elements
   * takes in, none for comparisons of a sort, and one for each op and element
   * computed, be it an addition or an exponential. Conversions and moving are none.
   */
  readonly flops: number;
  /** Bytes of the elements read, each counted once however often the kernel reads it. */
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

export const noCost: KernelCost = { flops: 0, bytesRead: 0, bytesWritten: 0 };

export function addCosts(a: KernelCost, b: KernelCost): KernelCost {
  return {
    flops: a.flops + b.flops,
    bytesRead: a.bytesRead + b.bytesRead,
    bytesWritten: a.bytesWritten + b.bytesWritten,
  };
}

/** The arithmetic of all steps; every element of the region's own buffers is moved once. */
function regionCost(kernel: RegionKernel, elements: readonly number[]): KernelCost {
  const times = [
    ...kernel.before.map((part) => ({ part, count: 1 })),
    ...kernel.steps.map((part) => ({ part, count: kernel.length })),
    ...kernel.after.map((part) => ({ part, count: 1 })),
  ];
  const flops = times.reduce((sum, { part, count }) => {
    const all = part.kernel.buffers.map(() => Number.POSITIVE_INFINITY);
    return sum + count * kernelCost(part.kernel, all).flops;
  }, 0);
  const moved = (isWritten: boolean): number =>
    kernel.buffers.reduce(
      (sum, b, i) => sum + ((b.access !== 'read') === isWritten ? elements[i] * dtypeInfo[b.dtype].bytes : 0),
      0,
    );
  return { flops, bytesRead: moved(false), bytesWritten: moved(true) };
}

/** Of its two products, or of the five of its gradient, without what causality hides. */
export function attentionFlops(kernel: AttentionKernel | AttentionGradKernel): number {
  const { batch, queries, keys, features, valueFeatures } = kernel;
  const seenBelow = Math.min(queries, keys);
  const pairs = kernel.isCausal
    ? (seenBelow * (seenBelow + 1)) / 2 + (queries - seenBelow) * keys
    : queries * keys;
  const width = kernel.kind === 'attention' ? features + valueFeatures : 3 * features + 2 * valueFeatures;
  return 2 * numel(batch) * pairs * width;
}

export function stencilFlops({
  pass,
  samples,
  channels,
  groupChannels,
  positions,
  taps,
}: StencilKernel): number {
  return (
    2 *
    samples *
    channels *
    numel(positions) *
    numel(taps) *
    (pass === 'mix' || pass === 'dense' ? groupChannels : 1)
  );
}

/** Of the products of transformed tiles and kernels, or tiles and gradients. */
export function winogradFlops(kernel: WinogradKernel | WinogradGradKernel): number {
  const { down, across } = winogradTiles(kernel);
  return 2 * READ * READ * kernel.samples * down * across * kernel.channels * kernel.features;
}

/** @param elements how many elements each buffer of the kernel has. */
export function kernelCost(kernel: Kernel, elements: readonly number[]): KernelCost {
  const bytesOf = (buffer: number): number => dtypeInfo[kernel.buffers[buffer].dtype].bytes;
  if (kernel.kind === 'host') {
    const moved = (wanted: 'read' | 'write'): number =>
      kernel.buffers.reduce((sum, b, i) => sum + (b.access === wanted ? elements[i] * bytesOf(i) : 0), 0);
    return { flops: 0, bytesRead: moved('read'), bytesWritten: moved('write') };
  }

  if (kernel.kind === 'region') return regionCost(kernel, elements);

  const sizes = variableSizes(kernel);
  const deps = dependences(kernel);
  const points = (variables: Iterable<number>): number => numel([...variables].map((v) => sizes[v]));

  /** The variables a value differs along: its own, and those of the reductions and the product in it. */
  function variablesOf(id: ExprId): Set<number> {
    const own = new Set(deps[id].variables);
    if (kernel.kind === 'gemm' || kernel.kind === 'winograd' || kernel.kind === 'winogradGrad') {
      const result = kernel.kind === 'gemm' ? kernel.batch.length + 2 : 3;
      if (deps[id].dot) for (let v = 0; v < result; v++) own.add(v);
      return own;
    }
    if (kernel.kind === 'stencil') {
      const result = {
        slide: stencilVariables.positions,
        mix: stencilVariables.positions,
        dense: stencilVariables.positions,
        spread: stencilVariables.image,
        taps: stencilVariables.taps,
        denseTaps: stencilVariables.taps,
      };
      if (deps[id].dot)
        for (const v of [stencilVariables.sample, stencilVariables.channel, ...result[kernel.pass]])
          if (v !== stencilVariables.sample || (kernel.pass !== 'taps' && kernel.pass !== 'denseTaps'))
            own.add(v);
      return own;
    }
    if (kernel.kind === 'loops') {
      for (const s of deps[id].stages)
        for (const v of variablesOf(kernel.stages[s].value)) if (!kernel.dims[v].reduced) own.add(v);
    } else if (kernel.kind === 'scan' || kernel.kind === 'sort') {
      // What a line's template gives differs at every point.
      if (deps[id].stages.size > 0) kernel.dims.forEach((_, v) => own.add(v));
    }
    return own;
  }

  let flops = 0;
  if (kernel.kind === 'gemm') flops += 2 * numel(sizes);
  else if (kernel.kind === 'stencil') flops += stencilFlops(kernel);
  else if (kernel.kind === 'winograd' || kernel.kind === 'winogradGrad') flops += winogradFlops(kernel);
  else if (kernel.kind === 'attention' || kernel.kind === 'attentionGrad') flops += attentionFlops(kernel);
  else if (kernel.kind === 'loops') for (const s of kernel.stages) flops += points(stagePoints(s.value));
  else if (kernel.kind === 'scan' || (kernel.kind === 'scatter' && kernel.mode === 'add'))
    flops += numel(kernel.dims);

  /** A reduction takes in every point of its row, also where its value does not differ along it. */
  function stagePoints(value: ExprId): Set<number> {
    const variables = variablesOf(value);
    if (kernel.kind === 'loops')
      kernel.dims.forEach((d, v) => {
        if (d.reduced) variables.add(v);
      });
    return variables;
  }

  const read = kernel.buffers.map(() => 0);
  kernel.exprs.forEach((e, id) => {
    if (e.op === 'random' || (e.op === 'call' && e.name !== 'cast')) flops += points(variablesOf(id));
    if (e.op === 'load') read[e.buffer] += points(indexDependence(e.index, deps));
  });
  if (kernel.kind === 'winograd' || kernel.kind === 'winogradGrad')
    for (const slot of [kernel.image, kernel.kind === 'winograd' ? kernel.weights : kernel.gradient])
      read[slot] = Number.POSITIVE_INFINITY;
  const written = kernel.buffers.map(() => 0);
  for (const s of kernel.stores) written[s.buffer] += points(indexDependence(s.index, deps));
  const total = (touched: readonly number[]): number =>
    touched.reduce((sum, count, i) => sum + Math.min(count, elements[i]) * bytesOf(i), 0);
  return { flops, bytesRead: total(read), bytesWritten: total(written) };
}
