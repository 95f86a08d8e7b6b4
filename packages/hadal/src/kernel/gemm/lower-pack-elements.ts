/**
 * Packing through an operand's expression: element by element, or several that lie behind one another along k as one of 32 bits, for products
 * that add up so many at a time.
 */
import { canVectorize } from '../dependence.js';
import type { Value } from '../l3.js';
import { alongLanes } from '../loops/vector-loop.js';
import { packedTogether, SHIFT_BYTES } from './arithmetic.js';
import type { PackContext, Packing } from './lower-pack.js';

/** Whether neighbours across a panel are computed in lanes. */
function packsInLanes({ b, kernel, deps, target }: PackContext, p: Packing): boolean {
  return (
    target.lanes > 1 &&
    p.width % target.lanes === 0 &&
    canVectorize(kernel, deps, [p.operand], [], p.across, target.masks, null, new Set(), b.wide) &&
    deps[p.operand].variables.has(p.across)
  );
}

/** Any operand, any number of rows: through the expression, zeros beyond the edge. */
export function packElements(c: PackContext, p: Packing, rows: Value, base: Value, first: Value): void {
  const { b, emitter, target } = c;
  const vector = packsInLanes(c, p);
  const nothing = b.zero(p.arithmetic.packed);
  emitter.scoped(() => {
    emitter.hoist([p.operand], []);
    b.forEach(b.index(0), p.depth, 1, (k) => {
      const row = b.add(base, b.mul(k, b.index(p.width)));
      emitter.bind(p.along, b.add(p.fromK, k), null, () => {
        emitter.hoist([p.operand], []);
        alongLanes(b, target, rows, vector, (i, lanesNow) => {
          emitter.bind(p.across, b.add(first, i), lanesNow, () => {
            const value = lanesNow ? emitter.emitLanes(p.operand) : emitter.emit(p.operand);
            b.store(p.buffer, b.add(row, i), value);
          });
        });
        b.forEach(rows, b.index(p.width), 1, (i) => b.store(p.buffer, b.add(row, i), nothing));
      });
    });
  });
}

/** Panels in steps of packed elements: for each group of k the elements across lie together. What is beyond the edges counts as zero. */
export function packGroups(c: PackContext, p: Packing): void {
  const { b } = c;
  const groups = b.div(b.add(p.depth, b.index(p.arithmetic.group - 1)), b.index(p.arithmetic.group));
  b.forEach(b.index(0), p.count, p.width, (panel) => {
    const rows = b.min(b.index(p.width), b.sub(p.count, panel));
    const base = b.add(p.start ?? b.index(0), b.mul(panel, groups));
    packPanel(c, p, rows, base, b.add(p.from, panel));
  });
}

function packPanel(c: PackContext, p: Packing, rows: Value, base: Value, first: Value): void {
  const { b, kernel, emitter, target } = c;
  const { group, isShifted } = p.arithmetic;
  const { dtype } = kernel.exprs[p.operand];
  const isRows = p.across === kernel.batch.length;
  const inLanes = packsInLanes(c, p);
  const one = b.index(1);

  /** The packed elements of a group; one that `isPart` has fewer than it could. */
  const pack = (at: Value, isPart: boolean): void => {
    const row = b.add(base, b.mul(at, b.index(p.width)));
    const depths = Array.from({ length: group }, (_, j) => b.add(b.mul(at, b.index(group)), b.index(j)));
    alongLanes(b, target, rows, inLanes, (i, lanesNow) => {
      emitter.bind(p.across, b.add(first, i), lanesNow, () => {
        const values = depths.map((k) => {
          const inside = isPart ? b.min(k, b.sub(p.depth, one)) : k;
          return emitter.bind(p.along, b.add(p.fromK, inside), null, () =>
            lanesNow ? emitter.emitLanes(p.operand) : emitter.emit(p.operand),
          );
        });
        const kept = isPart
          ? values.map((v, j) => b.select(b.compare('lt', depths[j], p.depth), v, b.like(v, 0)))
          : values;
        const word = packedTogether(b, kept, dtype);
        b.store(
          p.buffer,
          b.add(row, i),
          isRows && isShifted ? b.binary('xor', word, b.like(word, SHIFT_BYTES)) : word,
        );
      });
    });
    b.forEach(rows, b.index(p.width), 1, (i) => b.store(p.buffer, b.add(row, i), b.constant('i32', 0)));
  };

  emitter.scoped(() => {
    emitter.hoist([p.operand], []);
    const whole = b.div(p.depth, b.index(group));
    b.forEach(b.index(0), whole, 1, (at) => pack(at, false));
    b.when(b.compare('lt', b.mul(whole, b.index(group)), p.depth), () => pack(whole, true));
  });
}
