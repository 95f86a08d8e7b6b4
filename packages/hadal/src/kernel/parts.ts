/**
 * How a kernel's work is cut up for several threads, decided from its sizes when a plan is made.
 *
 * Words used here:
 * - **unit**: the smallest piece that a kernel can be told to run; a launch hands every block a range of units `from`..`to`, in
 *   two size slots behind the kernel's own. A reduction never crosses units, and a unit holds whole vectors, so that every element
 *   comes out of the same instructions however the units are dealt out: results are the same bits for any number of threads.
 * - **share**: what one thread runs of a launch: consecutive units of consecutive blocks, of about the same cost as the others.
 *
 * A unit of a scan or a sort is some of its lines. A scatter is one unit. A unit of a loops kernel is a step of its outermost loop, or one vector where that loop runs over lanes. A unit of a gemm is one
 * row of register tiles of one batch point, or one column of tiles where the result is wider than high: each thread packs its own
 * operands, so what all of them need should be the smaller one. A unit of a stencil is a channel of a sample, or some of a group, or of a gradient by filters
 * a channel; of the dense passes it is a block of rows of a sample, or some features; one of a convolution by Winograd's algorithm is a row
 * of tiles, or a panel of features where there are few tiles, one of its kernel's gradient a panel of features of a group of
 * tiles.
 * A unit of attention is a panel of queries of one batch point, one of its
 * gradient a batch point. A unit of a region is a row, where it can be cut along rows.
 */
import { panelWidth } from './attention/blocks.js';
import { attentionFlops, stencilFlops, winogradFlops } from './costs.js';
import { gemmTarget } from './gemm/lower-gemm.js';
import type {
  AttentionGradKernel,
  AttentionKernel,
  CompiledKernel,
  Expr,
  GemmKernel,
  Kernel,
  LoopKernel,
  RegionKernel,
  ScanKernel,
  ScatterKernel,
  SortKernel,
  StencilKernel,
  WinogradGradKernel,
  WinogradKernel,
} from './l2.js';
import { indexValues } from './l2.js';
import { lineUnits } from './loops/lines.js';
import { splitLoop, withoutWideLanes } from './loops/vectors.js';
import { regionRows } from './region-rows.js';
import { featuresTogether } from './stencil/stencil.js';
import { denseUnits, isDense } from './stencil/stencil-dense.js';
import type { Target, Threads } from './target.js';
import { cutsFeatures, winogradTiles } from './winograd/tiles.js';

export interface Parts {
  readonly units: number;
  /** Nanoseconds that a unit takes one core, roughly. */
  readonly cost: number;
  /** Whether different threads may run different units. */
  readonly divisible: boolean;
}

/** Units of one block. */
export interface Part {
  readonly block: number;
  readonly from: number;
  readonly to: number;
}

/** Nanoseconds a core takes for a simple operation on one element: in vectors, and one by one. */
const VECTOR_NS = 0.15;
const SCALAR_NS = 0.6;
/** Nanoseconds an element of a line that is sorted takes. */
const SORT_NS = 10;
/** Multiplications and additions of a product that a core does in a nanosecond. */
const PRODUCT_FLOPS = 40;

function product(sizes: readonly number[]): number {
  return sizes.reduce((a, b) => a * b, 1);
}

/** Whether a gemm is cut along its columns. */
export function cutsColumns(m: number, n: number): boolean {
  return m < n;
}

/** Units of one batch point of a gemm: never 0, so that they can be divided by. */
function gemmUnits(kernel: GemmKernel, target: Target): number {
  const { m, n } = kernel;
  const { mr, nr } = gemmTarget(kernel, target).gemm;
  return Math.max(1, cutsColumns(m, n) ? Math.ceil(n / nr) : Math.ceil(m / mr));
}

/** A store to an index out of memory may hit an element twice: the last one counts, so their order does. */
function storesInOrder(kernel: CompiledKernel): boolean {
  return kernel.stores.some((s) => indexValues(s.index).length > 0);
}

function weight(e: Expr): number {
  switch (e.op) {
    case 'call':
      return 3;
    case 'random':
      return 60;
    case 'load':
      return 2;
    default:
      return 1;
  }
}

function loopParts(kernel: LoopKernel, target: Target): Parts {
  const split = splitLoop(kernel, target);
  const points = product(kernel.dims.map((d) => d.size));
  const operations = kernel.exprs.reduce((sum, e) => sum + weight(e), kernel.stages.length + 1);
  const perPoint = operations * (split.isVector ? VECTOR_NS : SCALAR_NS);
  if (split.variable < 0) return { units: 1, cost: points * perPoint, divisible: false };
  const units = Math.ceil(kernel.dims[split.variable].size / split.step);
  return {
    units,
    cost: units === 0 ? 0 : (points / units) * perPoint,
    divisible: units > 1 && !storesInOrder(kernel),
  };
}

function gemmParts(kernel: GemmKernel, target: Target): Parts {
  const batch = product(kernel.batch);
  const units = batch * gemmUnits(kernel, target);
  const flops = 2 * batch * kernel.m * kernel.n * kernel.k * kernel.outer;
  return {
    units,
    cost: units === 0 ? 0 : flops / PRODUCT_FLOPS / units,
    divisible: units > 1 && !storesInOrder(kernel),
  };
}

/** What of a stencil's time goes into memory and edges: so many times that of its arithmetic. */
const STENCIL_FACTOR = 3;

function stencilParts(kernel: StencilKernel, { lanes }: Target): Parts {
  const { pass, samples, channels } = kernel;
  if (isDense(kernel)) {
    const units = denseUnits(kernel);
    const cost = stencilFlops(kernel) / PRODUCT_FLOPS / units;
    return { units, cost, divisible: units > 1 && !storesInOrder(kernel) };
  }
  const together = pass === 'mix' ? featuresTogether(kernel, lanes) : 1;
  const units = pass === 'taps' ? channels : (samples * channels) / together;
  const cost = (STENCIL_FACTOR * stencilFlops(kernel)) / PRODUCT_FLOPS / units;
  return { units, cost, divisible: units > 1 && !storesInOrder(kernel) };
}

/** Units are steps of the outermost loop that is not the line's. */
function lineParts(kernel: ScanKernel | SortKernel): Parts {
  const units = lineUnits(kernel);
  const lines = product(kernel.dims.filter((_, v) => v !== kernel.line));
  const length = kernel.kind === 'sort' ? kernel.length : kernel.dims[kernel.line];
  const isSorted = kernel.kind === 'sort' && kernel.method !== 'select';
  const cost = lines * length * (isSorted ? SORT_NS : SCALAR_NS);
  return { units, cost: units === 0 ? 0 : cost / units, divisible: units > 1 && !storesInOrder(kernel) };
}

/** Elements that share a position are taken in order, so one thread takes all. */
function scatterCost(kernel: ScatterKernel): number {
  return kernel.elements * VECTOR_NS + product(kernel.dims) * SCALAR_NS;
}

/** One step needs the one before it: what cannot be cut along rows is a single unit. */
function regionParts(kernel: RegionKernel, target: Target): Parts {
  const step = kernel.steps.map((p) => partsOf(p.kernel, withoutWideLanes(target)));
  const cost = kernel.length * step.reduce((sum, p) => sum + p.units * p.cost, 0);
  const units = regionRows(kernel)?.rows ?? 1;
  return { units, cost: cost / units, divisible: units > 1 };
}

function attentionParts(kernel: AttentionKernel | AttentionGradKernel, target: Target): Parts {
  const batch = product(kernel.batch);
  const isGrad = kernel.kind === 'attentionGrad';
  const units = batch * (isGrad ? 1 : Math.ceil(kernel.queries / panelWidth(kernel, target)));
  const cost = attentionFlops(kernel) / PRODUCT_FLOPS;
  return { units, cost: units === 0 ? 0 : cost / units, divisible: units > 1 && !storesInOrder(kernel) };
}

function winogradParts(kernel: WinogradKernel | WinogradGradKernel, target: Target): Parts {
  const panels = Math.ceil(kernel.features / target.gemm.nr);
  const isByRows = kernel.kind === 'winograd' && !cutsFeatures(kernel);
  const groups = kernel.kind === 'winograd' ? 1 : kernel.groups;
  const units = isByRows ? kernel.samples * winogradTiles(kernel).down : groups * panels;
  const cost = winogradFlops(kernel) / PRODUCT_FLOPS / units;
  return { units, cost, divisible: units > 1 && !storesInOrder(kernel) };
}

export function partsOf(kernel: Kernel, target: Target): Parts {
  switch (kernel.kind) {
    case 'loops':
      return loopParts(kernel, target);
    case 'gemm':
      return gemmParts(kernel, target);
    case 'stencil':
      return stencilParts(kernel, target);
    case 'winograd':
    case 'winogradGrad':
      return winogradParts(kernel, target);
    case 'scan':
    case 'sort':
      return lineParts(kernel);
    case 'scatter':
      return { units: 1, cost: scatterCost(kernel), divisible: false };
    case 'region':
      return regionParts(kernel, target);
    case 'attention':
    case 'attentionGrad':
      return attentionParts(kernel, target);
    case 'host':
      return { units: 1, cost: 0, divisible: false };
  }
}

/** Deals the units of a launch's blocks out to at most `threads.count` shares; one share has all of them. */
export function divide(blocks: readonly Parts[], threads: Threads): Part[][] {
  const total = blocks.reduce((sum, p) => sum + p.units * p.cost, 0);
  const enough = Math.floor(total / threads.leastShareNs);
  const wanted = threads.count === 1 || !(enough > 1) ? 1 : Math.min(threads.count, enough);
  const shares: Part[][] = [];
  let block = 0;
  let from = 0;
  let before = 0;
  for (let share = 1; share <= wanted; share++) {
    const end = share === wanted ? Number.POSITIVE_INFINITY : (total * share) / wanted;
    const parts: Part[] = [];
    while (block < blocks.length) {
      const { units, cost, divisible } = blocks[block];
      const rest = end - before;
      let to = rest >= units * cost ? units : Math.round(rest / cost);
      if (!divisible && to < units) to = 2 * to >= units ? units : 0;
      // Rounded sums of costs may lie a little apart.
      to = Math.max(from, Math.min(to, units));
      // A block without units still has to be a part of some share, as one that does nothing.
      if (to > from || units === 0) parts.push({ block, from, to });
      from = to;
      if (from < units) break;
      before += units * cost;
      block++;
      from = 0;
    }
    if (parts.length > 0) shares.push(parts);
  }
  return shares.length > 0 ? shares : [[]];
}
