/**
 * Lowers a loops kernel to L3: outer loops, then one pass over the reduced dimensions per level of reductions, then one pass of
 * stores.
 *
 * The order of a reduction is part of hadal's numerics, so it depends on the reduced shape and the lanes alone, never on what is
 * fused: reduced dimensions are walked in order; where the last dimension is reduced it is cut into lanes, each lane adds up on
 * its own, the lanes are joined by a halving tree, and the rest of the row is added lane by lane (masked) or one by one after.
 */

import type { DType } from '../base/dtype.js';
import { dtypeInfo, isFloat } from '../base/dtype.js';
import { InternalError } from '../base/errors.js';
import { canVectorize, cutsAlong, type Dependence, dependences } from './dependence.js';
import { fitToDType, isScalarOnly, kinds, memTypeOf } from './elements.js';
import type { Guard, IndexExpr } from './index-expr.js';
import { type KeptRow, keptRows, passes, rowVariable } from './kept-rows.js';
import type { ExprId, LoopKernel, Stage } from './l2.js';
import type { AbstractKernel } from './l2-sizes.js';
import type { L3Function, Value } from './l3.js';
import { L3Builder } from './l3-builder.js';
import { ExprEmitter } from './lower-exprs.js';
import { type Pairs, pairsAlongLanes } from './pairs.js';
import { statusBuffer } from './status.js';
import type { Target } from './target.js';
import { type UnitRange, unitRange } from './unit-range.js';

/** A running reduction: how its accumulators start, take one more value, and end. */
interface Accumulator {
  readonly width: number;
  start(lanes: number): Value[];
  step(acc: readonly Value[], value: Value, mask: Value | null, position: Value | null): Value[];
  /** Joins the accumulators of all lanes and those of a scalar tail. */
  finish(vector: readonly Value[] | null, scalar: readonly Value[] | null): Value;
  /** Whether blocks start from nothing and are added to a total, so that a long sum keeps its digits. */
  readonly inBlocks?: boolean;
  /** Called at the end of a block, or of a block of blocks, by accumulators that keep their values in memory. */
  endBlock?(which: 'block' | 'blocks'): void;
}

/**
 * Steps that add up from zero before they join the sum of 128 blocks, which joins the total: the rounding errors of n numbers grow as
 * n / 128^2 + 256, not as n.
 */
const BLOCK = 128;

function accumulator(b: L3Builder, stage: Stage): Accumulator {
  const kind = kinds[stage.dtype];
  const constant = (lanes: number, value: number | bigint): Value => b.spread(b.constant(kind, value), lanes);
  const keep = (mask: Value | null, next: Value, old: Value): Value =>
    mask ? b.select(mask, next, old) : next;

  if (stage.op === 'sum') {
    if (kind === 'mask') throw new InternalError('bools are summed as integers');
    const wrap = (v: Value): Value => (isFloat(stage.dtype) ? v : fitToDType(b, v, stage.dtype));
    return {
      width: 1,
      inBlocks: isFloat(stage.dtype),
      start: (lanes) => [constant(lanes, kind === 'i64' ? 0n : 0)],
      step: ([acc], value, mask) => [keep(mask, wrap(b.add(acc, value)), acc)],
      finish: (vector, scalar) => {
        if (vector === null) return known1(scalar);
        const joined = b.horizontal('add', vector[0]);
        return wrap(scalar === null ? joined : b.add(joined, scalar[0]));
      },
    };
  }
  if (stage.op === 'prod') {
    return {
      width: 1,
      start: (lanes) => [constant(lanes, kind === 'i64' ? 1n : 1)],
      step: ([acc], value) => {
        const next = b.mul(acc, value);
        return [isFloat(stage.dtype) ? next : fitToDType(b, next, stage.dtype)];
      },
      finish: (_, scalar) => known1(scalar),
    };
  }
  if (stage.op === 'argmax') {
    const lowest = extreme(stage.dtype, 'min');
    return {
      width: 2,
      start: (lanes) => [constant(lanes, lowest), b.constant('i64', 0n)],
      step: ([best, at], value, mask, position) => {
        if (position === null || mask !== null) throw new InternalError('argmax runs one element at a time');
        let better = b.compare('lt', best, value);
        if (isFloat(stage.dtype)) {
          const firstNaN = b.binary('and', b.compare('ne', value, value), b.compare('eq', best, best));
          better = b.binary('or', better, firstNaN);
        }
        return [b.select(better, value, best), b.select(better, b.convert('i64', position), at)];
      },
      finish: (_, scalar) => {
        if (scalar === null) throw new InternalError('argmax runs one element at a time');
        return scalar[1];
      },
    };
  }
  // max and min: NaN never enters the extremum (L3's max gives its second operand) but is remembered beside it.
  const fn = stage.op;
  const identity = extreme(stage.dtype, fn === 'max' ? 'min' : 'max');
  if (!isFloat(stage.dtype)) {
    return {
      width: 1,
      start: (lanes) => [constant(lanes, identity)],
      step: ([acc], value, mask) => [keep(mask, b.binary(fn, value, acc), acc)],
      finish: (vector, scalar) => {
        if (vector === null) return known1(scalar);
        const joined = b.horizontal(fn, vector[0]);
        return scalar === null ? joined : b.binary(fn, joined, scalar[0]);
      },
    };
  }
  // Of 0 and -0 the one that wins depends on the order in which lanes are compared: adding 0 makes either 0.
  const poison = (best: Value, nan: Value): Value =>
    b.select(b.compare('ne', nan, nan), nan, b.add(best, b.like(best, 0)));
  return {
    width: 2,
    start: (lanes) => [constant(lanes, identity), constant(lanes, 0)],
    step: ([best, nan], value, mask) => [
      keep(mask, b.binary(fn, value, best), best),
      keep(mask, b.select(b.compare('ne', value, value), value, nan), nan),
    ],
    finish: (vector, scalar) => {
      if (vector === null) {
        if (scalar === null) throw new InternalError('a reduction without accumulators');
        return poison(scalar[0], scalar[1]);
      }
      let best = b.horizontal(fn, vector[0]);
      let nan = b.horizontal('add', vector[1]);
      if (scalar !== null) {
        best = b.binary(fn, best, scalar[0]);
        nan = b.add(nan, scalar[1]);
      }
      return poison(best, nan);
    },
  };
}

/** The least or greatest value that a dtype has. */
export function extreme(dtype: DType, which: 'min' | 'max'): number | bigint {
  if (isFloat(dtype)) return which === 'min' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  const value = dtypeInfo[dtype][which];
  return kinds[dtype] === 'i64' ? BigInt(value) : value;
}

function known1(values: readonly Value[] | null): Value {
  if (values === null) throw new InternalError('a reduction without accumulators');
  return values[0];
}

/**
 * Bytes of each workspace buffer: lane sums for kernels whose rows are summed but do not fit vectors, so that they add up in the
 * same order as those that do.
 */
export function loopsWorkspace(kernel: LoopKernel, target: Target): readonly number[] {
  const row = rowVariable(kernel, chooseVector(kernel, target).variable);
  const rows = keptRowsOf(kernel, target).map(() => kernel.dims[row].size * 4);
  return hasLaneSums(kernel, target) ? [kernel.stages.length * 3 * (target.lanes + 1) * 4, ...rows] : rows;
}

function keptRowsOf(kernel: LoopKernel, target: Target): readonly KeptRow[] {
  const { variable, wide } = chooseVector(kernel, target);
  // Elements of 64 bits are not kept.
  return wide ? [] : keptRows(kernel, variable);
}

/** Whether sums along a row, which do not fit vectors, are kept by lane in memory. */
function hasLaneSums(kernel: LoopKernel, target: Target): boolean {
  const v = kernel.vectorVariable;
  if (v < 0 || !kernel.dims[v].reduced || target.lanes === 1) return false;
  return kernel.stages.some(sumsFloats) && chooseVector(kernel, target).variable < 0;
}

function sumsFloats(s: Stage): boolean {
  return s.op === 'sum' && kinds[s.dtype] === 'f32';
}

/** The loop that is cut up for threads: the outermost one, in whole vectors where it runs over lanes; -1 if all loops are reduced. */
export interface SplitLoop {
  readonly variable: number;
  /** Points of the loop in a unit. */
  readonly step: number;
  /** Whether the kernel computes on vectors. */
  readonly isVector: boolean;
}

export function splitLoop(kernel: LoopKernel, target: Target): SplitLoop {
  const variable = kernel.dims.findIndex((d) => !d.reduced);
  const vector = chooseVector(kernel, target);
  return {
    variable,
    step: variable >= 0 && variable === vector.variable ? vector.lanes : 1,
    isVector: vector.variable >= 0,
  };
}

export function lowerLoops(kernel: LoopKernel, sizes: AbstractKernel, target: Target): L3Function {
  const { lanes, wide } = chooseVector(kernel, target);
  const b = new L3Builder(kernel.name, lanes, target, wide);
  const hasUnits = kernel.dims.some((d) => !d.reduced);
  emitLoops(b, kernel, sizes, target, hasUnits ? unitRange(b, sizes) : null);
  return b.finish();
}

/**
 * Emits a loops kernel, or only some of its units, into a function, or a part of one, that has its arguments; vectors have the function's
 * lanes.
 */
export function emitLoops(
  b: L3Builder,
  kernel: LoopKernel,
  sizes: AbstractKernel,
  target: Target,
  units: UnitRange | null = null,
): void {
  const deps = dependences(kernel);
  const outer = kernel.dims.flatMap((d, v) => (d.reduced ? [] : [v]));
  const reduced = kernel.dims.flatMap((d, v) => (d.reduced ? [v] : []));
  const chosen = chooseVector(kernel, target);
  if (chosen.wide !== b.wide && chosen.wide)
    throw new InternalError(`${kernel.name}: no vectors of 64-bit elements here`);
  const vectorVariable = chosen.variable;
  for (const buffer of kernel.buffers) b.buffer(memTypeOf(b, buffer.dtype), buffer.access);
  // Sums along a row that does not fit lanes are still added up as if it did; see `laneSums`.
  const hasScratch = hasLaneSums(kernel, target);
  const scratchSlots = hasScratch ? b.buffer('f32', 'readwrite') : -1;
  const rows = keptRowsOf(kernel, target).map((row) => ({
    ...row,
    slot: b.buffer('f32', 'readwrite'),
  }));
  const status = statusBuffer(b, kernel);
  const pairs = vectorVariable >= 0 && !chosen.wide ? pairsAlongLanes(kernel) : null;
  const cuts = vectorVariable >= 0 ? cutsOf(kernel, target) : new Set<Guard>();
  const emitter = new ExprEmitter(b, kernel, sizes, deps, status, pairs, cuts);
  const sizeOf = (variable: number): Value => b.sizeAt(sizes.variableSlots[variable]);
  const lanes = b.lanes;
  const vectorIsReduced = vectorVariable >= 0 && kernel.dims[vectorVariable].reduced;
  const stageLevels = passes(kernel, deps);
  const full = kernel.stores.filter((s) => s.level === 'full');
  const once = kernel.stores.filter((s) => s.level === 'outer');
  const allValues = [...kernel.stages.map((s) => s.value), ...kernel.stores.map((s) => s.value)];
  const allIndices = kernel.stores.map((s) => s.index);
  /** The size of a loop cut down to whole vectors. */
  const wholeVectors = (variable: number, wide: number): Value => {
    const key = variable * 64 + wide;
    const have = whole.get(key);
    if (have) return have;
    const end = b.mul(b.div(sizeOf(variable), b.index(wide)), b.index(wide));
    whole.set(key, end);
    return end;
  };
  const whole = new Map<number, Value>();
  // Computed at the head of the kernel, where every loop sees them.
  if (vectorVariable >= 0) wholeVectors(vectorVariable, lanes);
  if (hasScratch) wholeVectors(kernel.vectorVariable, target.lanes);

  /**
   * Runs `body` for all values of a variable, in vector steps with a tail if it is the vector variable. `carried` go around
   * all rounds: those for vector steps first, then those for scalar steps.
   */
  function loopOver(
    variable: number,
    roots: readonly ExprId[],
    indices: readonly IndexExpr[],
    carried: { readonly vector: readonly Value[]; readonly scalar: readonly Value[] },
    body: (acc: readonly Value[], which: 'vector' | 'scalar', position: Value) => readonly Value[],
  ): { vector: readonly Value[]; scalar: readonly Value[] } {
    emitter.hoist(roots, indices);
    const size = sizeOf(variable);
    const range = variable === outer[0] ? units : null;
    if (variable !== vectorVariable) {
      const both = [...carried.vector, ...carried.scalar];
      const out = b.loop(range?.from ?? b.index(0), range?.to ?? size, 1, both, (i, params) =>
        emitter.bind(variable, i, null, () => body(params, 'scalar', i)),
      );
      return { vector: out.slice(0, carried.vector.length), scalar: out.slice(carried.vector.length) };
    }
    // A range of units is one of whole vectors, of which the last may be cut off by the size.
    const whole = wholeVectors(variable, lanes);
    const first = range ? b.mul(range.from, b.index(lanes)) : b.index(0);
    const stop = range ? b.min(b.mul(range.to, b.index(lanes)), size) : size;
    if (cuts.size > 0) {
      const single = (from: Value, to: Value): void =>
        b.forEach(from, to, 1, (i) => emitter.bind(variable, i, null, () => body([], 'scalar', i)));
      const bounds = [...cuts].map((g) => emitter.bounds(g));
      const from = b.min(bounds.map(([low]) => low).reduce(b.max.bind(b), first), stop);
      const to = b.max(bounds.map(([, high]) => high).reduce(b.min.bind(b), stop), from);
      const last = b.add(from, b.mul(b.div(b.sub(to, from), b.index(lanes)), b.index(lanes)));
      single(first, from);
      b.forEach(from, last, lanes, (i) =>
        emitter.bind(variable, i, { mask: null }, () => body([], 'vector', i)),
      );
      single(last, stop);
      return { vector: [], scalar: [] };
    }
    const end = range ? b.min(stop, whole) : whole;
    const rest = range ? b.max(first, whole) : whole;
    let vector = b.loop(first, end, lanes, carried.vector, (i, params) =>
      emitter.bind(variable, i, { mask: null }, () => body(params, 'vector', i)),
    );
    if (target.masks) {
      vector = b.loop(rest, stop, lanes, vector, (i, params) =>
        emitter.bind(variable, i, { mask: b.tail(b.sub(size, i)) }, () => body(params, 'vector', i)),
      );
      return { vector, scalar: carried.scalar };
    }
    const scalar = b.loop(rest, stop, 1, carried.scalar, (i, params) =>
      emitter.bind(variable, i, null, () => body(params, 'scalar', i)),
    );
    return { vector, scalar };
  }

  /**
   * A float sum along a row, one element at a time but in the order of the vector loop: one sum per lane in memory, joined by the
   * same tree, with the elements beyond the last whole vector in the lanes (targets with masks) or in a sum of their own. As there,
   * each block adds up from zero before it joins the total.
   */
  function laneSums(stage: number): Accumulator {
    const wide = target.lanes;
    const cells = wide + 1;
    const block = stage * 3 * cells;
    const blocks = block + cells;
    const total = blocks + cells;
    const slot = scratchSlots;
    return {
      width: 0,
      start: () => {
        b.forEach(b.index(block), b.index(total + cells), 1, (i) => b.store(slot, i, b.constant('f32', 0)));
        return [];
      },
      step: (_, value, _mask, position) => {
        if (position === null) throw new InternalError('a lane sum needs its position in the row');
        const inLane = b.binary('rem', position, b.index(wide));
        const isMain = b.compare('lt', position, wholeVectors(kernel.vectorVariable, wide));
        const at = b.add(target.masks ? inLane : b.select(isMain, inLane, b.index(wide)), b.index(block));
        b.store(slot, at, b.add(b.load(slot, at), value));
        return [];
      },
      endBlock: (which) => {
        const from = which === 'block' ? block : blocks;
        b.forEach(b.index(from), b.index(from + cells), 1, (i) => {
          b.store(slot, i, b.add(b.load(slot, i, { offset: cells }), b.load(slot, i)), { offset: cells });
          b.store(slot, i, b.constant('f32', 0));
        });
      },
      finish: () => {
        let sums = Array.from({ length: wide }, (_, l) => b.load(slot, b.index(total), { offset: l }));
        while (sums.length > 1) {
          const half = sums.length / 2;
          sums = sums.slice(0, half).map((v, l) => b.add(v, sums[l + half]));
        }
        return target.masks ? sums[0] : b.add(sums[0], b.load(slot, b.index(total), { offset: wide }));
      },
    };
  }

  /** One pass over the reduced dimensions for the given stages. `wide`: outer lanes are open, so accumulators are vectors. */
  function reducePass(stages: readonly number[], pass: number, wide: boolean): void {
    const kept = rows.filter((r) => r.pass === pass);
    const scratch = hasScratch;
    const accs = stages.map((s) =>
      scratch && sumsFloats(kernel.stages[s]) ? laneSums(s) : accumulator(b, kernel.stages[s]),
    );
    const values = stages.map((s) => kernel.stages[s].value);
    const needVector = vectorIsReduced || wide;
    const needScalar = !needVector || (vectorIsReduced && !target.masks);
    const starts = (lanesOf: number): Value[] => accs.flatMap((a) => a.start(lanesOf));
    const positions = new Map<number, Value>();

    function stepAll(params: readonly Value[]): Value[] {
      const out: Value[] = [];
      let at = 0;
      accs.forEach((acc, i) => {
        const stage = kernel.stages[stages[i]];
        const along = scratch && sumsFloats(stage) ? kernel.vectorVariable : stage.variable;
        // A row of one element has no loop to tell the position.
        const position = positions.get(along) ?? (stage.op === 'argmax' ? b.index(0) : null);
        const lanesNow = acc.width > 0 ? params[at].type.lanes : 1;
        const value = b.spread(emitter.emit(stage.value), lanesNow);
        // A mask of open outer lanes never changes sums: dead lanes are not stored.
        const mask = vectorIsReduced ? emitter.mask : null;
        out.push(...acc.step(params.slice(at, at + acc.width), value, mask, position));
        at += acc.width;
      });
      for (const { value, slot } of kept) emitter.keepInRow(value, slot, reduced[0]);
      return out;
    }

    type Carried = { vector: readonly Value[]; scalar: readonly Value[] };
    const isBlocked = accs.flatMap((a) => Array.from({ length: a.width }, () => a.inBlocks === true));

    /** The innermost loop from `start` to `end`, in blocks of blocks. */
    function inBlocks(
      variable: number,
      start: Value,
      end: Value,
      step: number,
      blockSteps: number,
      vector: { mask(at: Value): Value | null } | null,
      totals: readonly Value[],
    ): readonly Value[] {
      /** From nothing, for the sums of a block; others go on. */
      const parts = (
        from: Value,
        wide: number,
        before: readonly Value[],
        which: 'block' | 'blocks',
        to: Value,
      ) => {
        const stop = b.min(b.add(from, b.index(wide)), to);
        const inits = before.map((v, k) => (isBlocked[k] ? b.like(v, 0) : v));
        const after = which === 'blocks' ? blocks(from, stop, inits) : steps(from, stop, inits);
        for (const acc of accs) acc.endBlock?.(which);
        return after.map((v, k) => (isBlocked[k] ? b.add(before[k], v) : v));
      };
      const blockWidth = step * blockSteps;
      const blocks = (from: Value, to: Value, carried: readonly Value[]): readonly Value[] =>
        b.loop(from, to, blockWidth, carried, (at, before) => parts(at, blockWidth, before, 'block', to));
      const steps = (from: Value, to: Value, carried: readonly Value[]): readonly Value[] =>
        b.loop(from, to, step, carried, (at, params) =>
          emitter.bind(variable, at, vector ? { mask: vector.mask(at) } : null, () => {
            positions.set(variable, at);
            return stepAll(params);
          }),
        );
      const wide = blockWidth * BLOCK;
      return b.loop(start, end, wide, totals, (at, before) => parts(at, wide, before, 'blocks', end));
    }

    function innermost(variable: number, carried: Carried): Carried {
      emitter.hoist(values, []);
      const size = sizeOf(variable);
      const zero = b.index(0);
      if (variable === vectorVariable) {
        const end = wholeVectors(variable, lanes);
        const none = { mask: () => null };
        const main = inBlocks(variable, zero, end, lanes, BLOCK, none, carried.vector);
        if (!target.masks)
          return { vector: main, scalar: inBlocks(variable, end, size, 1, BLOCK, null, carried.scalar) };
        const tail = { mask: (at: Value) => b.tail(b.sub(size, at)) };
        return { vector: inBlocks(variable, end, size, lanes, BLOCK, tail, main), scalar: carried.scalar };
      }
      const split = carried.vector.length;
      let both: readonly Value[] = [...carried.vector, ...carried.scalar];
      if (scratch && variable === kernel.vectorVariable) {
        const end = wholeVectors(variable, target.lanes);
        both = inBlocks(variable, zero, end, 1, BLOCK * target.lanes, null, both);
        both = inBlocks(variable, end, size, 1, BLOCK * target.lanes, null, both);
      } else both = inBlocks(variable, zero, size, 1, BLOCK, null, both);
      return { vector: both.slice(0, split), scalar: both.slice(split) };
    }

    function nest(depth: number, carried: Carried): Carried {
      const variable = reduced[depth];
      if (depth + 1 === reduced.length) return innermost(variable, carried);
      const split = carried.vector.length;
      return loopOver(variable, values, [], carried, (acc, _which, position) => {
        positions.set(variable, position);
        const inner = nest(depth + 1, { vector: acc.slice(0, split), scalar: acc.slice(split) });
        return [...inner.vector, ...inner.scalar];
      });
    }

    const begin: Carried = { vector: needVector ? starts(lanes) : [], scalar: needScalar ? starts(1) : [] };
    let end = begin;
    if (reduced.length > 0) end = nest(0, begin);
    else if (wide) end = { vector: stepAll(begin.vector), scalar: [] };
    else end = { vector: [], scalar: stepAll(begin.scalar) };
    if (reduced.length === 0) {
      for (const acc of accs) {
        acc.endBlock?.('block');
        acc.endBlock?.('blocks');
      }
    }
    let at = 0;
    accs.forEach((acc, i) => {
      const vector = needVector ? end.vector.slice(at, at + acc.width) : null;
      const scalar = needScalar ? end.scalar.slice(at, at + acc.width) : null;
      // Open outer lanes each hold a result of their own; nothing is joined across them.
      const result = wide ? acc.finish(null, vector) : acc.finish(vector, scalar);
      const { dtype, op } = kernel.stages[stages[i]];
      emitter.bindStage(stages[i], op === 'argmax' ? result : fitToDType(b, result, dtype));
      at += acc.width;
    });
    for (const { value, slot } of kept) emitter.readFromRow(value, slot, reduced[0]);
  }

  function storePass(): void {
    const values = full.map((s) => s.value);
    const indices = full.map((s) => s.index);
    function nest(depth: number): void {
      if (depth === reduced.length) {
        emitter.storeAll(full);
        return;
      }
      loopOver(reduced[depth], values, indices, { vector: [], scalar: [] }, () => {
        nest(depth + 1);
        return [];
      });
    }
    if (full.length > 0) nest(0);
  }

  function atPoint(wide: boolean): void {
    emitter.clearStages();
    stageLevels.forEach((stages, pass) => {
      reducePass(stages, pass, wide);
    });
    storePass();
    emitter.storeAll(once);
  }

  function outerNest(depth: number): void {
    if (depth === outer.length) {
      atPoint(false);
      return;
    }
    const variable = outer[depth];
    loopOver(variable, allValues, allIndices, { vector: [], scalar: [] }, (_acc, which) => {
      if (depth + 1 === outer.length) atPoint(which === 'vector');
      else outerNest(depth + 1);
      return [];
    });
  }
  outerNest(0);
}

/** What becomes lanes: a variable, or -1 for none; how many; and whether f64 and i64 are vectors as well. */
interface Lanes {
  readonly variable: number;
  readonly lanes: number;
  readonly wide: boolean;
}

const NO_LANES: Lanes = { variable: -1, lanes: 1, wide: false };

const knownVectors = new WeakMap<LoopKernel, { readonly target: Target; readonly lanes: Lanes }>();

/** The vector variable if all of the kernel fits lanes along it. Kept by kernel, which is planned and lowered for one target. */
function chooseVector(kernel: LoopKernel, target: Target): Lanes {
  const have = knownVectors.get(kernel);
  if (have?.target === target) return have.lanes;
  const lanes = findVector(kernel, dependences(kernel), target);
  knownVectors.set(kernel, { target, lanes });
  return lanes;
}

function findVector(kernel: LoopKernel, deps: readonly Dependence[], target: Target): Lanes {
  const v = kernel.vectorVariable;
  if (v < 0 || target.lanes === 1) return NO_LANES;
  if (kernel.stages.some((s) => s.op === 'argmax' || s.op === 'prod')) return NO_LANES;
  const roots = [...kernel.stages.map((s) => s.value), ...kernel.stores.map((s) => s.value)];
  const fits = (pairs: Pairs | null, wide: boolean): boolean => {
    const indices = kernel.stores.filter((_, i) => pairs?.stores.has(i) !== true).map((s) => s.index);
    return canVectorize(kernel, deps, roots, indices, v, target.masks, pairs, cutsOf(kernel, target), wide);
  };
  if (!kernel.stages.some((s) => isScalarOnly(s.dtype)) && fits(pairsAlongLanes(kernel), false))
    return { variable: v, lanes: target.lanes, wide: false };
  // Sums along lanes have the order of `target.lanes`, whatever else is in the kernel.
  if (target.wideLanes === 1 || kernel.dims[v].reduced || !fits(null, true)) return NO_LANES;
  return { variable: v, lanes: target.wideLanes, wide: true };
}

const plainTargets = new WeakMap<Target, Target>();

/** The target without vectors of f64 and i64: for kernels that are parts of a function with vectors of 32-bit elements. */
export function withoutWideLanes(target: Target): Target {
  let plain = plainTargets.get(target);
  if (plain === undefined) {
    plain = target.wideLanes === 1 ? target : { ...target, wideLanes: 1 };
    plainTargets.set(target, plain);
  }
  return plain;
}

/** Where the loop of lanes is cut. Sums along a row do not depend on what is padding, so only maps are cut. */
function cutsOf(kernel: LoopKernel, target: Target): ReadonlySet<Guard> {
  const isCut = !target.masks && kernel.stages.length === 0 && kernel.vectorVariable >= 0;
  return isCut ? cutsAlong(kernel, kernel.vectorVariable) : new Set();
}
