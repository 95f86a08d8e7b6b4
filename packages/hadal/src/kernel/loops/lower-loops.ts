/**
 * Lowers a loops kernel to L3: outer loops, then one pass over the reduced dimensions per level of reductions, then one pass of
 * stores.
 *
 * The order of a reduction is part of hadal's numerics, so it depends on the reduced shape and the lanes alone, never on what is
 * fused: reduced dimensions are walked in order; where the last dimension is reduced it is cut into lanes, each lane adds up on
 * its own, the lanes are joined by a halving tree, and the rest of the row is added lane by lane (masked) or one by one after. The
 * vectors of a row go in turn to `WAYS` accumulators, so that an addition need not wait for the one before it.
 */

import { InternalError } from '../../base/errors.js';
import { type Dependence, dependences } from '../dependence.js';
import { fitToDType, kinds, memTypeOf } from '../elements.js';
import type { Guard, IndexExpr } from '../index-expr.js';
import { type ExprId, exprArguments, type LoopKernel, type Stage } from '../l2.js';
import type { AbstractKernel } from '../l2-sizes.js';
import type { L3Function, Value } from '../l3.js';
import { L3Builder } from '../l3-builder.js';
import { statusBuffer } from '../status.js';
import type { Target } from '../target.js';
import { type UnitRange, unitRange } from '../unit-range.js';
import { type Accumulator, accumulator, BLOCK } from './accumulators.js';
import { type KeptRow, keptRows, passes, rowVariable } from './kept-rows.js';
import { ExprEmitter } from './lower-exprs.js';
import { pairsAlongLanes } from './pairs.js';
import { blockedRows, chooseVector, cutsOf, splitLoop } from './vectors.js';

/** Accumulators of a row along lanes: an addition takes four times as long as it keeps an adder busy. */
const WAYS = 4;

/** Accumulators that are open at once where vectors of columns are reduced together. */
const OPEN_ACCUMULATORS = 8;

/** A longer formula keeps processors busy by itself, and written out several times it is much code. */
const SHORT_FORMULA = 24;

/** One pass of a long formula may be short; an op of many instructions counts as this many. */
const SHORT_PASS = 12;

/** Places along open outer lanes that a pass is emitted for together. */
interface Places {
  readonly count: number;
  /** Emits something at one of them. */
  at<T>(place: number, body: () => T): T;
  /** What a stage comes to there. */
  setStage(place: number, stage: number, value: Value): void;
}

/**
 * Bytes of each workspace buffer: lane sums for kernels whose rows are summed but do not fit vectors, so that they add up in the
 * same order as those that do.
 */
export function loopsWorkspace(kernel: LoopKernel, target: Target): readonly number[] {
  const row = rowVariable(kernel, chooseVector(kernel, target).variable);
  const rows = keptRowsOf(kernel, target).map(() => kernel.dims[row].size * 4);
  return hasLaneSums(kernel, target)
    ? [kernel.stages.length * 3 * (WAYS * target.lanes + 1) * 4, ...rows]
    : rows;
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
  const full = kernel.stores.filter((s) => s.level !== 'outer');
  const columns = kernel.stores.filter((s) => s.level === 'columns');
  const once = kernel.stores.filter((s) => s.level === 'outer');
  const allValues = [...kernel.stages.map((s) => s.value), ...kernel.stores.map((s) => s.value)];
  const allIndices = kernel.stores.map((s) => s.index);
  /** The size of a loop cut down to whole vectors. */
  const wholeVectors = (variable: number, wide: number): Value => {
    const key = variable * 128 + wide;
    const have = whole.get(key);
    if (have) return have;
    const end = b.mul(b.div(sizeOf(variable), b.index(wide)), b.index(wide));
    whole.set(key, end);
    return end;
  };
  const whole = new Map<number, Value>();
  // Computed at the head of the kernel, where every loop sees them.
  if (vectorVariable >= 0) wholeVectors(vectorVariable, lanes);
  if (vectorIsReduced) wholeVectors(vectorVariable, lanes * WAYS);
  if (hasScratch) for (const wide of [1, WAYS]) wholeVectors(kernel.vectorVariable, target.lanes * wide);

  /**
   * Runs `body` for all values of a variable, in vector steps with a tail if it is the vector variable. `carried` go around
   * all rounds: those for vector steps first, then those for scalar steps. `together` takes so many vector steps at once.
   */
  function loopOver(
    variable: number,
    roots: readonly ExprId[],
    indices: readonly IndexExpr[],
    carried: { readonly vector: readonly Value[]; readonly scalar: readonly Value[] },
    body: (acc: readonly Value[], which: 'vector' | 'scalar', position: Value) => readonly Value[],
    together: { readonly count: number; body(from: Value): void } | null = null,
  ): { vector: readonly Value[]; scalar: readonly Value[] } {
    emitter.hoist(roots, indices, variable === vectorVariable);
    const size = sizeOf(variable);
    const range = variable === outer[0] ? units : null;
    if (variable !== vectorVariable) {
      const both = [...carried.vector, ...carried.scalar];
      const step = b.index(splitLoop(kernel, target).step);
      const from = range ? b.mul(range.from, step) : b.index(0);
      const to = range ? b.min(b.mul(range.to, step), size) : size;
      const out = b.loop(from, to, 1, both, (i, params) =>
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
    let next = first;
    if (together !== null) {
      const step = lanes * together.count;
      const steps = b.div(b.sub(b.max(end, first), first), b.index(step));
      next = b.add(first, b.mul(steps, b.index(step)));
      b.forEach(first, next, step, (i) => emitter.scoped(() => together.body(i)));
    }
    let vector = b.loop(next, end, lanes, carried.vector, (i, params) =>
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
    const ways = wide * WAYS;
    const cells = ways + 1;
    const block = stage * 3 * cells;
    const blocks = block + cells;
    const total = blocks + cells;
    const slot = scratchSlots;
    return {
      width: 0,
      join: () => [],
      start: () => {
        b.forEach(b.index(block), b.index(total + cells), 1, (i) => b.store(slot, i, b.constant('f32', 0)));
        return [];
      },
      step: (_, value, _mask, position) => {
        if (position === null) throw new InternalError('a lane sum needs its position in the row');
        const inWays = b.binary('rem', position, b.index(ways));
        const inLane = b.binary('rem', position, b.index(wide));
        const isOfWays = b.compare('lt', position, wholeVectors(kernel.vectorVariable, ways));
        const isOfLanes = b.compare('lt', position, wholeVectors(kernel.vectorVariable, wide));
        const inRest = target.masks ? inLane : b.select(isOfLanes, inLane, b.index(ways));
        const at = b.add(b.select(isOfWays, inWays, inRest), b.index(block));
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
        const at = (cell: number): Value => b.load(slot, b.index(total), { offset: cell });
        const lane = (l: number): Value =>
          joinWays(
            (way) => at(way * wide + l),
            (p, q) => b.add(p, q),
          );
        let sums = Array.from({ length: wide }, (_, l) => lane(l));
        while (sums.length > 1) {
          const half = sums.length / 2;
          sums = sums.slice(0, half).map((v, l) => b.add(v, sums[l + half]));
        }
        return target.masks ? sums[0] : b.add(sums[0], at(ways));
      },
    };
  }

  /**
   * One pass over the reduced dimensions for the given stages. `wide`: outer lanes are open, so accumulators are vectors, at `places`.
   */
  function reducePass(stages: readonly number[], pass: number, wide: boolean, places: Places): void {
    const kept = rows.filter((r) => r.pass === pass);
    const scratch = hasScratch;
    const accs = stages.map((s) =>
      scratch && sumsFloats(kernel.stages[s]) ? laneSums(s) : accumulator(b, kernel.stages[s]),
    );
    const width = accs.reduce((sum, acc) => sum + acc.width, 0);
    const values = stages.map((s) => kernel.stages[s].value);
    const needVector = vectorIsReduced || wide;
    const needScalar = !needVector || (vectorIsReduced && !target.masks);
    const copies = vectorIsReduced ? WAYS : places.count;
    const starts = (lanesOf: number, count: number): Value[] =>
      Array.from({ length: count }, () => accs.flatMap((a) => a.start(lanesOf))).flat();
    const copyOf = (params: readonly Value[], copy: number): readonly Value[] =>
      params.slice(copy * width, (copy + 1) * width);
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
    const stepPlaces = (params: readonly Value[]): Value[] =>
      Array.from({ length: places.count }, (_, p) => places.at(p, () => stepAll(copyOf(params, p)))).flat();

    type Carried = { vector: readonly Value[]; scalar: readonly Value[] };
    type Step = (at: Value, params: readonly Value[]) => readonly Value[];
    const isBlocked = accs.flatMap((a) => Array.from({ length: a.width }, () => a.inBlocks === true));
    const fromNothing = (before: readonly Value[]): Value[] =>
      before.map((v, k) => (isBlocked[k % width] ? b.like(v, 0) : v));
    const addTo = (before: readonly Value[], after: readonly Value[]): Value[] =>
      after.map((v, k) => (isBlocked[k % width] ? b.add(before[k], v) : v));

    /** What `body` does at one point of the innermost loop. */
    const pointStep =
      (variable: number, vector: { mask(at: Value): Value | null } | null, body = stepAll): Step =>
      (at, params) =>
        emitter.bind(variable, at, vector ? { mask: vector.mask(at) } : null, () => {
          positions.set(variable, at);
          return body(params);
        });

    /** The innermost loop from `start` to `end`, in blocks of blocks. */
    function inBlocks(
      start: Value,
      end: Value,
      step: number,
      blockSteps: number,
      totals: readonly Value[],
      body: Step,
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
        const inits = fromNothing(before);
        const after = which === 'blocks' ? blocks(from, stop, inits) : b.loop(from, stop, step, inits, body);
        for (const acc of accs) acc.endBlock?.(which);
        return addTo(before, after);
      };
      const blockWidth = step * blockSteps;
      const blocks = (from: Value, to: Value, carried: readonly Value[]): readonly Value[] =>
        b.loop(from, to, blockWidth, carried, (at, before) => parts(at, blockWidth, before, 'block', to));
      const wide = blockWidth * BLOCK;
      return b.loop(start, end, wide, totals, (at, before) => parts(at, wide, before, 'blocks', end));
    }

    /** Steps of as many vectors as there are ways, each with accumulators of its own. */
    function waysStep(one: Step): Step {
      const isShort = kernel.exprs.length <= SHORT_FORMULA || stepsAlong(kernel, deps, values) <= SHORT_PASS;
      if (isShort && kept.length === 0)
        return (from, params) =>
          Array.from({ length: WAYS }, (_, w) => {
            const at = w === 0 ? from : b.add(from, b.index(w * lanes));
            return one(at, copyOf(params, w));
          }).flat();
      // Written out once, with the accumulators in turn.
      return (from, params) =>
        b.loop(from, b.add(from, b.index(WAYS * lanes)), lanes, params, (at, now) => [
          ...now.slice(width),
          ...one(at, copyOf(now, 0)),
        ]);
    }

    /** Along lanes: in steps of all ways; what is left over by the first way, masked, or in vectors and one by one. */
    function alongLanes(variable: number, carried: Carried): Carried {
      const size = sizeOf(variable);
      const waysEnd = wholeVectors(variable, lanes * WAYS);
      const end = wholeVectors(variable, lanes);
      const one = pointStep(variable, { mask: () => null });
      const step = lanes * WAYS;
      const main = inBlocks(b.index(0), waysEnd, step, BLOCK, carried.vector, waysStep(one));
      const first = copyOf(main, 0);
      let { scalar } = carried;
      const tail = { mask: (at: Value) => b.tail(b.sub(size, at)) };
      const rest = target.masks
        ? b.loop(waysEnd, size, lanes, fromNothing(first), pointStep(variable, tail))
        : b.loop(waysEnd, end, lanes, fromNothing(first), one);
      if (!target.masks) {
        const after = b.loop(end, size, 1, fromNothing(scalar), pointStep(variable, null));
        scalar = addTo(scalar, after);
      }
      return { vector: [...addTo(first, rest), ...main.slice(width)], scalar };
    }

    function innermost(variable: number, carried: Carried): Carried {
      emitter.hoist(values, [], variable === vectorVariable);
      if (variable === vectorVariable) return alongLanes(variable, carried);
      const size = sizeOf(variable);
      const zero = b.index(0);
      const split = carried.vector.length;
      let both: readonly Value[] = [...carried.vector, ...carried.scalar];
      const step = pointStep(variable, null, stepPlaces);
      if (scratch && variable === kernel.vectorVariable) {
        const end = wholeVectors(variable, target.lanes * WAYS);
        both = inBlocks(zero, end, 1, BLOCK * WAYS * target.lanes, both, step);
        both = inBlocks(end, size, 1, BLOCK * WAYS * target.lanes, both, step);
      } else both = inBlocks(zero, size, 1, BLOCK, both, step);
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

    const begin: Carried = {
      vector: needVector ? starts(lanes, copies) : [],
      scalar: needScalar ? starts(1, 1) : [],
    };
    let end = begin;
    if (reduced.length > 0) end = nest(0, begin);
    else if (wide) end = { vector: stepPlaces(begin.vector), scalar: [] };
    else end = { vector: [], scalar: stepAll(begin.scalar) };
    if (reduced.length === 0) {
      for (const acc of accs) {
        acc.endBlock?.('block');
        acc.endBlock?.('blocks');
      }
    }
    let at = 0;
    accs.forEach((acc, i) => {
      const stage = stages[i];
      const { dtype, op } = kernel.stages[stage];
      const own = (params: readonly Value[], copy: number): readonly Value[] =>
        copyOf(params, copy).slice(at, at + acc.width);
      const set = (place: number, result: Value): void =>
        places.setStage(place, stage, op === 'argmax' ? result : fitToDType(b, result, dtype));
      // Open outer lanes each hold a result of their own; nothing is joined across them.
      if (wide) for (let p = 0; p < places.count; p++) set(p, acc.finish(null, own(end.vector, p)));
      else {
        const vector = needVector
          ? joinWays(
              (way) => own(end.vector, way),
              (p, q) => acc.join(p, q),
            )
          : null;
        set(0, acc.finish(vector, needScalar ? own(end.scalar, 0) : null));
      }
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

  /** At the first row of a block, what the block adds up down columns is 0. */
  function clearColumns(row: Value): void {
    const isFirst = b.compare('eq', b.binary('rem', row, b.index(BLOCK)), b.index(0));
    const indices = columns.map((s) => s.index);
    const clear = (): readonly Value[] => {
      emitter.clearAll(columns);
      return [];
    };
    b.when(isFirst, () =>
      emitter.scoped(() => loopOver(reduced[0], [], indices, { vector: [], scalar: [] }, clear)),
    );
  }

  /** The point that is bound. */
  const here: Places = {
    count: 1,
    at: (_, body) => body(),
    setStage: (_, stage, value) => emitter.bindStage(stage, value),
  };

  /** Neighbouring vectors from a position of the vector variable on. */
  function neighbours(from: Value, count: number): Places {
    const positions = Array.from({ length: count }, (_, p) => b.add(from, b.index(p * lanes)));
    const stages = positions.map(() => new Map<number, Value>());
    return {
      count,
      at: (place, body) =>
        emitter.bind(vectorVariable, positions[place], { mask: null }, () => {
          for (const [stage, value] of stages[place]) emitter.bindStage(stage, value);
          const result = body();
          for (const stage of stages[place].keys()) emitter.unbindStage(stage);
          return result;
        }),
      setStage: (place, stage, value) => stages[place].set(stage, value),
    };
  }

  function atPlaces(wide: boolean, places: Places): void {
    emitter.clearStages();
    stageLevels.forEach((stages, pass) => {
      reducePass(stages, pass, wide, places);
    });
    for (let p = 0; p < places.count; p++) {
      places.at(p, () => {
        storePass();
        emitter.storeAll(once);
      });
    }
  }

  /** How many vectors of columns are reduced together, so that more of each row is read at a time: as many as registers hold. */
  function columnsTogether(): number {
    if (vectorIsReduced || reduced.length === 0 || kernel.exprs.length > SHORT_FORMULA) return 1;
    const widest = Math.max(0, ...stageLevels.map((stages) => stages.length));
    return widest === 0 ? 1 : Math.max(1, Math.floor(OPEN_ACCUMULATORS / widest));
  }

  function outerNest(depth: number): void {
    if (depth === outer.length) {
      atPlaces(false, here);
      return;
    }
    const variable = outer[depth];
    const count = variable === vectorVariable && depth + 1 === outer.length ? columnsTogether() : 1;
    const together =
      count === 1 ? null : { count, body: (from: Value) => atPlaces(true, neighbours(from, count)) };
    const visit = (_: readonly Value[], which: 'vector' | 'scalar', position: Value): readonly Value[] => {
      if (variable === blockedRows(kernel)) clearColumns(position);
      if (depth + 1 === outer.length) atPlaces(which === 'vector', here);
      else outerNest(depth + 1);
      return [];
    };
    loopOver(variable, allValues, allIndices, { vector: [], scalar: [] }, visit, together);
  }
  outerNest(0);
}

/** How much is computed for each vector of a row to get at some values. */
function stepsAlong(kernel: LoopKernel, deps: readonly Dependence[], roots: readonly ExprId[]): number {
  const seen = new Set<ExprId>();
  let steps = 0;
  const visit = (id: ExprId): void => {
    if (seen.has(id) || !deps[id].variables.has(kernel.vectorVariable)) return;
    seen.add(id);
    const e = kernel.exprs[id];
    steps += e.op === 'random' || (e.op === 'call' && e.isLong) ? SHORT_PASS : 1;
    for (const a of exprArguments(e)) visit(a);
  };
  for (const id of roots) visit(id);
  return steps;
}

/** Joins what the ways came to, two by two. */
function joinWays<T>(way: (index: number) => T, join: (a: T, b: T) => T): T {
  return join(join(way(0), way(1)), join(way(2), way(3)));
}
