/**
 * Packing of operands whose index is a sum of a part that runs across a panel and a part that runs along it, neither of them a constant
 * stride: windows of a convolution, reshaped and permuted views. The part along k is written once a block into a table of offsets; the
 * part across is worked out once a row or column. What is left for each element is one addition, and rows of neighbours (a row of an
 * image, seen through a window) are copied in vectors:
 * - `one`: neighbours all the way;
 * - `rows`: neighbours in rows of a fixed length (v / length and v % length of the variable, the remainder with factor 1);
 * - `any`: no neighbours known.
 */

import type { Dependence } from '../dependence.js';
import type { IndexExpr, Term } from '../index-expr.js';
import { indexVariables } from '../index-expr.js';
import type { ExprId, GemmKernel } from '../l2.js';
import { indexValues } from '../l2.js';
import type { Value } from '../l3.js';
import { copyNeighbours } from '../loops/vector-loop.js';
import type { PackContext, Packing } from './lower-pack.js';

type Run =
  | { readonly kind: 'one' }
  | { readonly kind: 'rows'; readonly length: Term }
  | { readonly kind: 'any' };

export interface Separable {
  readonly buffer: number;
  readonly index: IndexExpr;
  readonly isAcross: (term: Term) => boolean;
  readonly across: Run;
  readonly along: Run;
}

function runOf(terms: readonly Term[]): Run {
  const isPlain = (e: IndexExpr): boolean =>
    e.base === 0 && e.terms.length === 1 && e.terms[0].factor === 1 && e.terms[0].atom.kind === 'var';
  if (terms.length === 1 && terms[0].factor === 1 && terms[0].atom.kind === 'var') return { kind: 'one' };
  const length = terms.find((t) => t.atom.kind === 'mod' && t.factor === 1);
  const row = terms.find((t) => t.atom.kind === 'div');
  if (terms.length !== 2 || length?.atom.kind !== 'mod' || row?.atom.kind !== 'div') return { kind: 'any' };
  const fits = isPlain(length.atom.of) && isPlain(row.atom.of) && length.atom.by === row.atom.by;
  return fits && row.factor > 0 ? { kind: 'rows', length } : { kind: 'any' };
}

/** The parts of an operand that is a load of float32, or null where they do not come apart. */
export function separate(
  kernel: GemmKernel,
  deps: readonly Dependence[],
  operand: ExprId,
  across: number,
  along: number,
): Separable | null {
  const e = kernel.exprs[operand];
  if (e.op !== 'load' || e.dtype !== 'float32') return null;
  const { index } = e;
  for (const id of indexValues(index))
    if (deps[id].variables.has(across) || deps[id].variables.has(along)) return null;
  const runsAcross = new Set<Term>();
  const runsAlong: Term[] = [];
  for (const term of index.terms) {
    const variables = indexVariables({ terms: [term], base: 0 });
    const isAcross = variables.has(across);
    const isAlong = variables.has(along);
    // The part across stands alone, so it must not be negative.
    if (isAcross && (isAlong || term.factor < 0)) return null;
    if (isAcross) runsAcross.add(term);
    if (isAlong) runsAlong.push(term);
  }
  return {
    buffer: e.buffer,
    index,
    isAcross: (term) => runsAcross.has(term),
    across: runOf([...runsAcross]),
    along: runOf(runsAlong),
  };
}

/** The first positions of the table; those across a panel are not kept. */
function alongPart(c: PackContext, p: Pick<Packing, 'along'>, s: Separable, along: Value): Value {
  return c.emitter.bind(p.along, along, null, () =>
    c.emitter.indexPart(s.index, true, (t) => !s.isAcross(t)),
  );
}

export function acrossPart(c: PackContext, p: Pick<Packing, 'across'>, s: Separable, across: Value): Value {
  return c.emitter.bind(p.across, across, null, () => c.emitter.indexPart(s.index, false, s.isAcross));
}

export function tableAt(c: Pick<PackContext, 'b'>, p: Pick<Packing, 'table'>, k: Value): Value {
  return c.b.convert('index', c.b.load(p.table, k));
}

/** Fills the table of a block: where each of its steps along k lies. */
export function fillTable(
  c: PackContext,
  p: Pick<Packing, 'along' | 'table' | 'fromK' | 'depth'>,
  s: Separable,
): void {
  const { b } = c;
  b.forEach(b.index(0), p.depth, 1, (k) =>
    b.store(p.table, k, b.convert('i64', alongPart(c, p, s, b.add(p.fromK, k)))),
  );
}

/** Elements that are taken along k side by side: as many as there are registers for where they lie. */
const TOGETHER = 4;

/** A panel in `steps`: for each k its `width` elements together, zeros beyond `rows`. */
export function packSteps(
  c: PackContext,
  p: Packing,
  s: Separable,
  rows: Value,
  base: Value,
  first: Value,
): void {
  const { b, target } = c;
  const { lanes } = target;
  const zero = b.index(0);
  /** For each k where the table says it lies, and where its element of the panel that starts at `into` goes. */
  const steps = (into: Value, body: (from: Value, to: Value) => void): void => {
    b.loop(zero, p.depth, 1, [zero, into], (_, [k, to]) => {
      body(tableAt(c, p, k), to);
      return [b.add(k, b.index(1)), b.add(to, b.index(p.width))];
    });
  };
  const elements = (from: Value, end: Value): void =>
    b.forEach(from, end, 1, (i) => {
      const offset = acrossPart(c, p, s, b.add(first, i));
      steps(b.add(base, i), (at, to) => b.store(p.buffer, to, b.load(s.buffer, b.add(at, offset))));
    });
  /** `count` elements of a whole panel from `column` on, each worked out for itself but all of them in one pass along k. */
  const together = (column: Value, count: number): void => {
    const start = b.add(first, column);
    const offsets = Array.from({ length: count }, (_, i) => acrossPart(c, p, s, b.add(start, b.index(i))));
    steps(b.add(base, column), (at, to) => {
      offsets.forEach((offset, i) => {
        b.store(p.buffer, to, b.load(s.buffer, b.add(at, offset)), { offset: i });
      });
    });
  };
  /** All of them from `from` on, a few at a time. */
  const inTurns = (from: Value, count: number): void => {
    const turns = count - (count % TOGETHER);
    if (turns > 0) b.forEach(zero, b.index(turns), TOGETHER, (i) => together(b.add(from, i), TOGETHER));
    if (turns < count) together(b.add(from, b.index(turns)), count - turns);
  };
  const inElements = (): void => {
    elements(zero, rows);
    b.forEach(rows, b.index(p.width), 1, (i) =>
      steps(b.add(base, i), (_, to) => b.store(p.buffer, to, b.constant('f32', 0))),
    );
  };
  const { across } = s;
  if (p.isRest) {
    inElements();
    return;
  }
  const whole = b.compare('eq', rows, b.index(p.width));
  b.when(b.unary('not', whole), inElements);
  b.when(whole, () => {
    if (across.kind === 'any' || lanes === 1 || p.width % lanes !== 0) {
      inTurns(zero, p.width);
      return;
    }
    const groups = Array.from({ length: p.width / lanes }, (_, i) => {
      const start = b.add(first, b.index(i * lanes));
      return { column: i * lanes, start, offset: acrossPart(c, p, s, start) };
    });
    const allVectors = (): void =>
      steps(base, (at, to) => {
        for (const { column, offset } of groups)
          b.store(p.buffer, to, b.load(s.buffer, b.add(at, offset), { lanes }), { offset: column });
      });
    if (across.kind === 'one') {
      allVectors();
      return;
    }
    const length = c.emitter.modulus(s.index, across.length);
    const leftFrom = (start: Value): Value => b.sub(length, b.binary('rem', start, length));
    const areAll = groups
      .map(({ start }) => b.compare('le', b.index(lanes), leftFrom(start)))
      .reduce((x, y) => b.binary('and', x, y));
    b.when(areAll, allVectors);
    b.when(b.unary('not', areAll), () =>
      b.forEach(zero, b.index(p.width), lanes, (column) => {
        const start = b.add(first, column);
        const offset = acrossPart(c, p, s, start);
        const left = leftFrom(start);
        const into = b.add(base, column);
        const isOneRow = b.compare('le', b.index(lanes), left);
        b.when(isOneRow, () =>
          steps(into, (at, to) => b.store(p.buffer, to, b.load(s.buffer, b.add(at, offset), { lanes }))),
        );
        b.when(b.unary('not', isOneRow), () => {
          if (!target.masks) {
            inTurns(column, lanes);
            return;
          }
          const isTwoRows = b.compare('le', b.index(lanes), b.add(left, length));
          b.when(b.unary('not', isTwoRows), () => inTurns(column, lanes));
          b.when(isTwoRows, () => {
            const head = b.tail(left);
            const rest = b.unary('not', head);
            const next = b.sub(acrossPart(c, p, s, b.add(start, left)), left);
            steps(into, (at, to) => {
              const a = b.load(s.buffer, b.add(at, offset), { lanes, mask: head });
              const z = b.load(s.buffer, b.add(at, next), { lanes, mask: rest });
              b.store(p.buffer, to, b.select(head, a, z));
            });
          });
        });
      }),
    );
  });
}

/** A panel in `rows`: each row together, `pitch` apart; rows of zeros beyond `rows`. */
export function packTableRows(
  c: PackContext,
  p: Packing,
  s: Separable,
  pitch: number,
  rows: Value,
  base: Value,
  first: Value,
): void {
  const { b, target } = c;
  const zero = b.index(0);
  const end = b.add(p.fromK, p.depth);
  /** Copies neighbours from k = `from` to `to`, which lie at `source`. */
  const copy = (source: Value, row: Value, from: Value, to: Value): void => {
    const into = b.add(row, b.sub(from, p.fromK));
    copyNeighbours(
      b,
      target,
      { source: s.buffer, from: source },
      { buffer: p.buffer, to: into },
      b.sub(to, from),
    );
  };
  b.forEach(zero, rows, 1, (i) => {
    const offset = acrossPart(c, p, s, b.add(first, i));
    const row = b.add(base, b.mul(i, b.index(pitch)));
    const { along } = s;
    if (along.kind === 'one') copy(b.add(tableAt(c, p, zero), offset), row, p.fromK, end);
    else if (along.kind === 'any')
      b.forEach(zero, p.depth, 1, (k) =>
        b.store(p.buffer, b.add(row, k), b.load(s.buffer, b.add(tableAt(c, p, k), offset))),
      );
    else {
      const length = c.emitter.modulus(s.index, along.length);
      const lastRow = b.div(b.add(end, b.sub(length, b.index(1))), length);
      b.forEach(b.div(p.fromK, length), lastRow, 1, (r) => {
        const from = b.max(b.mul(r, length), p.fromK);
        const to = b.min(b.mul(b.add(r, b.index(1)), length), end);
        copy(b.add(tableAt(c, p, b.sub(from, p.fromK)), offset), row, from, to);
      });
    }
  });
  b.forEach(rows, b.index(p.width), 1, (i) => {
    const row = b.add(base, b.mul(i, b.index(pitch)));
    b.forEach(zero, p.depth, 1, (k) => b.store(p.buffer, b.add(row, k), b.constant('f32', 0)));
  });
}
