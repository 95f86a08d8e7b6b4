/**
 * Takes the sizes out of a kernel: gives its key, in which every number but 0 and 1 in a telling place is a hole, and the numbers
 * that fill the holes at launch. Kernels with equal keys share one compiled function, so a last batch of 96 needs no new code.
 *
 * Numbers are never merged because they are equal: a hole belongs to a place, and places are shared only by whole equal index
 * expressions.
 */
import { dependences } from './dependence.js';
import { isSmallGemm } from './gemm/lower-small-gemm.js';
import { gemmSources } from './gemm/sources.js';
import { tileShape, withTiles } from './gemm/tile-shapes.js';
import type { Guard, IndexExpr } from './index-expr.js';
import { indexKey, unclampedRange } from './index-expr.js';
import type { CompiledKernel, GemmKernel, HostKernel, Kernel, PartBuffer, RegionKernel } from './l2.js';
import { attentionOperands, exprArguments, regionParts, variableSizes } from './l2.js';
import { pairsAlongLanes } from './loops/pairs.js';
import { regionRows } from './region-rows.js';
import { stencilKey } from './stencil/lower-stencil.js';
import type { Target } from './target.js';

export interface AbstractKernel {
  /** What the compiled kernel is cached under, together with the target's id. */
  readonly key: string;
  /** Integer arguments of a launch. */
  readonly sizes: readonly number[];
  /** Slot of the size of each loop variable. */
  readonly variableSlots: readonly number[];
  /** First slot of the numbers of an index expression (by `indexKey`); they follow in the order of `indexNumbers`. */
  readonly indexSlots: ReadonlyMap<string, number>;
  readonly guardSlots: ReadonlyMap<Guard, number>;
  /** region: the first slot of each of its parts, and of the size of each buffer of theirs that moves from step to step. */
  readonly parts?: readonly AbstractPart[];
}

export interface AbstractPart {
  readonly sizes: AbstractKernel;
  readonly firstSize: number;
  /** Slots of the sizes of slices and carries; -1 for buffers that stay where they are. */
  readonly bufferSlots: readonly number[];
  /** Slot of the iterations that are a row, where the region can be cut along rows; else -1. */
  readonly rowSlot: number;
}

/** The numbers of an index expression that are launch arguments, in the order in which lowering meets them. */
export function indexNumbers(e: IndexExpr, out: number[] = []): number[] {
  if (e.base !== 0) out.push(Math.abs(e.base));
  for (const { atom, factor } of e.terms) {
    if (Math.abs(factor) !== 1) out.push(Math.abs(factor));
    if (atom.kind === 'div' || atom.kind === 'mod') {
      indexNumbers(atom.of, out);
      out.push(atom.by);
    } else if (atom.kind === 'clamp') {
      indexNumbers(atom.of, out);
      out.push(atom.low, atom.max);
    } else if (atom.kind === 'value') {
      out.push(atom.max);
    }
  }
  return out;
}

/** What is added to a guard's index so that it is a multiple of the step where the guard holds, and below zero in no lane. */
function stepsBelow({ index, low, step }: Guard): number {
  const most = low + Math.max(-unclampedRange(index).min, 0);
  return Math.ceil(most / step) * step - low;
}

/** An index expression with its numbers taken out. */
function indexStructure(e: IndexExpr): string {
  const base = e.base === 0 ? '' : e.base > 0 ? '+#' : '-#';
  const terms = e.terms.map(({ atom, factor }) => {
    const f = factor === 1 ? '+' : factor === -1 ? '-' : factor > 0 ? '+#*' : '-#*';
    switch (atom.kind) {
      case 'var':
        return `${f}v${atom.variable}`;
      case 'div':
        return `${f}(${indexStructure(atom.of)})/#`;
      case 'mod':
        return `${f}(${indexStructure(atom.of)})%#`;
      case 'clamp':
        return `${f}clamp(${indexStructure(atom.of)},#,#)`;
      case 'value':
        return `${f}e${atom.expr}`;
    }
  });
  return base + terms.join('');
}

function abstractHost(kernel: HostKernel): AbstractKernel {
  const array = (a: HostKernel['inputs'][number]): string => `${a.dtype}[${a.shape.join(',')}]`;
  const results = kernel.results.map((r) => `${r.result}:${array(r)}`);
  const key = `host ${kernel.name} {${kernel.attributes.join(',')}} ${kernel.inputs.map(array).join(' ')} ${results.join(' ')}`;
  return { key, sizes: [], variableSlots: [], indexSlots: new Map(), guardSlots: new Map() };
}

/** Into how few lanes the queries of attention fit; lowering makes narrow panels of them. */
function fewQueries(queries: number): string {
  return queries > 16 ? 'many' : queries > 8 ? '16' : queries > 4 ? '8' : '4';
}

function blockedHead(kernel: GemmKernel, target: Target): string {
  const { a, b, isNarrow, few } = gemmSources(kernel, dependences(kernel), withTiles(kernel, target));
  return `${tileShape(kernel)} ${a} ${b}${isNarrow ? ' narrow' : ''}${few > 0 ? ' few' : ''}`;
}

/** What a kernel is, apart from its expressions and sizes. */
function headOf(kernel: CompiledKernel, target: Target): string {
  switch (kernel.kind) {
    case 'loops': {
      const dims = kernel.dims.map((d) => (d.reduced ? 'r' : 'o')).join('');
      const stages = kernel.stages.map(
        (s) => `${s.op} ${s.dtype} ${s.value}${s.op === 'argmax' ? ` v${s.variable}` : ''}`,
      );
      return `loops ${dims} v${kernel.vectorVariable} ${stages.join(',')} ${pairsAlongLanes(kernel).key}`;
    }
    case 'gemm':
      return `gemm ${kernel.batch.length} ${kernel.a} ${kernel.b} ${isSmallGemm(kernel, target) ? 'small' : blockedHead(kernel, target)}`;
    case 'stencil':
      return stencilKey(kernel, target);
    case 'winograd':
      return `winograd ${kernel.image} ${kernel.weights}${kernel.isTurned ? ' turned' : ''}`;
    case 'winogradGrad':
      return `winogradGrad ${kernel.image} ${kernel.gradient}`;
    case 'scan':
      return `scan ${kernel.op} ${kernel.dims.length} v${kernel.line} ${kernel.values.join(',')}`;
    case 'sort': {
      const way = kernel.descending ? 'down' : 'up';
      return `sort ${kernel.method} ${way} ${kernel.dims.length} v${kernel.line} ${kernel.key}`;
    }
    case 'scatter':
      return `scatter ${kernel.mode} ${kernel.dims.length} ${kernel.position}`;
    case 'attention':
    case 'attentionGrad': {
      const { batch, features, valueFeatures, scale, isCausal, mask, dropout, results } = kernel;
      const parts = `${mask === null ? '' : ' mask'}${dropout === null ? '' : ' dropout'}${isCausal ? ' causal' : ''}`;
      return (
        `${kernel.kind} ${batch.length} ${fewQueries(kernel.queries)} ${features} ${valueFeatures} ${scale}${parts} ` +
        `${attentionOperands(kernel).join(',')} ${results.join(',')}`
      );
    }
  }
}

function abstractRegion(kernel: RegionKernel, target: Target): AbstractKernel {
  const sizes: number[] = [kernel.length];
  const place = (b: PartBuffer): string => `${b.kind[0]}${b.slot}${b.kind === 'carry' && b.next ? "'" : ''}`;
  const texts: string[] = [];
  const rows = regionRows(kernel);
  const parts = regionParts(kernel).map((part, i): AbstractPart => {
    const own = abstractSizes(part.kernel, target);
    const firstSize = sizes.length;
    sizes.push(...own.sizes);
    const bufferSlots = part.buffers.map((b) => (b.kind === 'fixed' ? -1 : sizes.push(b.size) - 1));
    const rowSlot = rows === null ? -1 : sizes.push(rows.perRow[i]) - 1;
    texts.push(`${own.key} on ${part.buffers.map(place).join()} with ${part.arguments.join()}`);
    return { sizes: own, firstSize, bufferSlots, rowSlot };
  });
  const counts = [kernel.before, kernel.steps, kernel.after].map((list) => list.length);
  const buffers = kernel.buffers.map((b) => `${b.access} ${b.dtype}`);
  const locals = kernel.locals.map((l) => l.dtype);
  const key = [
    `region ${counts.join()}${kernel.reverse ? ' reverse' : ''}${rows === null ? '' : ' rows'}`,
    ...texts,
    buffers.join(),
    locals.join(),
    kernel.arguments.join(),
  ].join('||');
  return { key, sizes, variableSlots: [0], indexSlots: new Map(), guardSlots: new Map(), parts };
}

export function abstractSizes(kernel: Kernel, target: Target): AbstractKernel {
  if (kernel.kind === 'region') return abstractRegion(kernel, target);
  if (kernel.kind === 'host') return abstractHost(kernel);
  const sizes: number[] = [];
  const variableSlots = variableSizes(kernel).map((size) => sizes.push(size) - 1);
  const indexSlots = new Map<string, number>();
  const guardSlots = new Map<Guard, number>();
  const names = new Map<string, string>();

  function index(e: IndexExpr): string {
    const full = indexKey(e);
    const known = names.get(full);
    if (known !== undefined) return known;
    indexSlots.set(full, sizes.length);
    sizes.push(...indexNumbers(e));
    names.set(full, `I${names.size}`);
    return `I${names.size - 1}=${indexStructure(e)}`;
  }
  function guard(g: Guard): string {
    const text = index(g.index);
    guardSlots.set(g, sizes.length);
    sizes.push(g.low, g.high, g.step);
    if (g.step !== 1) sizes.push(stepsBelow(g));
    return `${text} in #..#${g.step === 1 ? '' : ' by #'}`;
  }

  const exprs = kernel.exprs.map((e) => {
    const args = exprArguments(e).join(',');
    switch (e.op) {
      case 'load':
        return `load ${e.dtype} b${e.buffer}[${index(e.index)}]`;
      case 'const':
        return `${e.dtype} ${Object.is(e.value, -0) ? '-0' : e.value}`;
      case 'argument':
        return `argument ${e.slot} ${e.dtype}`;
      case 'index':
        return `index ${e.dtype} ${index(e.index)}`;
      case 'call':
        return `${e.name} ${e.dtype}(${args})`;
      case 'guard':
        return `guard(${args}) ${e.guards.map(guard).join(' & ')}`;
      case 'checked':
        return `checked(${args}) ${index(e.index)}`;
      case 'random':
        return `random(${args}) ${index(e.index)}`;
      case 'stage':
        return `stage ${e.stage}`;
      case 'dot':
        return `dot ${e.dtype}`;
    }
  });
  const stores = kernel.stores.map(
    (s) => `b${s.buffer}[${index(s.index)}]:=${s.value}@${s.level}${s.isStreamed ? '!' : ''}`,
  );
  const buffers = kernel.buffers.map((b) => `${b.access} ${b.dtype}`);
  const key = [
    headOf(kernel, target),
    exprs.join(';'),
    stores.join(';'),
    buffers.join(';'),
    kernel.arguments.join(','),
  ].join('|');
  return { key, sizes, variableSlots, indexSlots, guardSlots };
}
