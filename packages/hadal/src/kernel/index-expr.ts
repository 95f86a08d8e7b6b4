/**
 * Index expressions: how a kernel finds an element. An expression is a sum `base + c1 * atom1 + c2 * atom2 + ...` of integer
 * multiples of atoms, where an atom is
 * - `var`: a loop variable, 0 .. size - 1;
 * - `div`, `mod`: the floor quotient or remainder of an expression by a constant (what a reshape leaves behind). Of an exact quotient
 *   nothing is left over wherever it is real (what padding between elements leaves behind; a guard says where);
 * - `clamp`: an expression minus `low`, cut off to 0 .. size - 1 (what padding leaves behind; a guard says when it is real);
 * - `value`: a number that the kernel loads (what gather leaves behind), cut off to 0 .. size - 1 as well.
 *
 * Every atom knows its largest value, which is what makes div and mod vanish where they can.
 */
export type Atom =
  | { readonly kind: 'var'; readonly variable: number; readonly max: number; readonly key: string }
  | {
      readonly kind: 'div';
      readonly of: IndexExpr;
      readonly by: number;
      readonly exact: boolean;
      readonly max: number;
      readonly key: string;
    }
  | {
      readonly kind: 'mod';
      readonly of: IndexExpr;
      readonly by: number;
      readonly max: number;
      readonly key: string;
    }
  | {
      readonly kind: 'clamp';
      readonly of: IndexExpr;
      readonly low: number;
      readonly max: number;
      readonly key: string;
    }
  | { readonly kind: 'value'; readonly expr: number; readonly max: number; readonly key: string };

export interface Term {
  readonly atom: Atom;
  readonly factor: number;
}

export interface IndexExpr {
  /** Sorted by the atoms' keys, each atom once, no zero factors. */
  readonly terms: readonly Term[];
  readonly base: number;
}

/** A condition low <= index < high under which an element is real rather than padding. */
export interface Guard {
  readonly index: IndexExpr;
  readonly low: number;
  readonly high: number;
  /** Where elements are `step` apart: (index - low) must be a multiple of it. */
  readonly step: number;
}

export function constantIndex(base: number): IndexExpr {
  return { terms: [], base };
}

export const zeroIndex = constantIndex(0);

export function variableIndex(variable: number, size: number): IndexExpr {
  if (size === 1) return zeroIndex;
  return {
    terms: [{ atom: { kind: 'var', variable, max: size - 1, key: `v${variable}` }, factor: 1 }],
    base: 0,
  };
}

export function valueIndex(expr: number, size: number): IndexExpr {
  return {
    terms: [{ atom: { kind: 'value', expr, max: Math.max(size - 1, 0), key: `e${expr}` }, factor: 1 }],
    base: 0,
  };
}

function atomIndex(atom: Atom): IndexExpr {
  return { terms: [{ atom, factor: 1 }], base: 0 };
}

export function indexKey(e: IndexExpr): string {
  let key = `${e.base}`;
  for (const t of e.terms) key += `+${t.factor}*${t.atom.key}`;
  return key;
}

export function sameIndex(a: IndexExpr, b: IndexExpr): boolean {
  if (a === b) return true;
  if (a.base !== b.base || a.terms.length !== b.terms.length) return false;
  for (let i = 0; i < a.terms.length; i++) {
    const s = a.terms[i];
    const t = b.terms[i];
    if (s.factor !== t.factor || (s.atom !== t.atom && s.atom.key !== t.atom.key)) return false;
  }
  return true;
}

export function addIndex(a: IndexExpr, b: IndexExpr): IndexExpr {
  if (a.terms.length === 0 && a.base === 0) return b;
  if (b.terms.length === 0 && b.base === 0) return a;
  const terms: Term[] = [];
  let i = 0;
  let j = 0;
  while (i < a.terms.length || j < b.terms.length) {
    const x = a.terms[i];
    const y = b.terms[j];
    if (y === undefined || (x !== undefined && x.atom.key < y.atom.key)) {
      terms.push(x);
      i++;
    } else if (x === undefined || y.atom.key < x.atom.key) {
      terms.push(y);
      j++;
    } else {
      const factor = x.factor + y.factor;
      if (factor !== 0) terms.push({ atom: x.atom, factor });
      i++;
      j++;
    }
  }
  return { terms, base: a.base + b.base };
}

export function scaleIndex(e: IndexExpr, by: number): IndexExpr {
  if (by === 1) return e;
  if (by === 0) return zeroIndex;
  const exact = e.terms.find(({ atom }) => atom.kind === 'div' && atom.exact && by % atom.by === 0);
  if (exact?.atom.kind === 'div') {
    const { of, by: divisor } = exact.atom;
    const rest: IndexExpr = { terms: e.terms.filter((t) => t !== exact), base: e.base };
    return addIndex(scaleIndex(rest, by), scaleIndex(of, (by / divisor) * exact.factor));
  }
  return { terms: e.terms.map((t) => ({ atom: t.atom, factor: t.factor * by })), base: e.base * by };
}

/** The smallest and largest value an expression can take. */
export function indexRange(e: IndexExpr): { min: number; max: number } {
  let min = e.base;
  let max = e.base;
  for (const t of e.terms) {
    if (t.factor > 0) max += t.factor * t.atom.max;
    else min += t.factor * t.atom.max;
  }
  return { min, max };
}

/** The same where nothing is cut off: lanes beyond an edge are masked in place of that. */
export function unclampedRange(e: IndexExpr): { min: number; max: number } {
  let min = e.base;
  let max = e.base;
  for (const { atom, factor } of e.terms) {
    let low = 0;
    let high = atom.max;
    if (atom.kind === 'clamp') {
      const of = unclampedRange(atom.of);
      low = Math.min(of.min - atom.low, 0);
      high = Math.max(of.max - atom.low, high);
    }
    min += factor * (factor > 0 ? low : high);
    max += factor * (factor > 0 ? high : low);
  }
  return { min, max };
}

/** Splits e into by * whole + rest. */
function split(e: IndexExpr, by: number): { whole: IndexExpr; rest: IndexExpr } {
  const whole: Term[] = [];
  const rest: Term[] = [];
  for (const t of e.terms) {
    if (t.factor % by === 0) whole.push({ atom: t.atom, factor: t.factor / by });
    else rest.push(t);
  }
  // The rest keeps enough of the base that negative factors cannot take it below zero.
  const lowest = rest.reduce((sum, t) => sum + Math.min(t.factor, 0) * t.atom.max, 0);
  const base = Math.floor((e.base + lowest) / by);
  return { whole: { terms: whole, base }, rest: { terms: rest, base: e.base - base * by } };
}

export function divIndex(e: IndexExpr, by: number): IndexExpr {
  if (by === 1) return e;
  const { whole, rest } = split(e, by);
  const range = indexRange(rest);
  if (range.min >= 0 && range.max < by) return whole;
  const inSteps = steps(rest, by);
  if (inSteps !== null) return addIndex(whole, divIndex(inSteps.whole, by / inSteps.factor));
  const max = Math.floor(range.max / by);
  return addIndex(whole, quotient(rest, by, max, false));
}

function quotient(of: IndexExpr, by: number, max: number, exact: boolean): IndexExpr {
  return atomIndex({ kind: 'div', of, by, exact, max, key: `(${indexKey(of)})${exact ? '//' : '/'}${by}` });
}

/** The quotient of what is a multiple of `by` wherever it is real. */
export function exactDivIndex(e: IndexExpr, by: number): IndexExpr {
  const whole = divIndex(e, by);
  const { terms, base } = whole;
  const [{ atom }] = terms.length === 1 ? terms : [{ atom: null }];
  if (base !== 0 || atom?.kind !== 'div' || terms[0].factor !== 1 || !sameIndex(atom.of, e)) return whole;
  return quotient(e, by, atom.max, true);
}

/**
 * An expression as f a + r with r from 0 to f - 1, where f divides `by`: what two reshapes leave that agree in their last dimensions.
 * Then its quotient by f b is a / b, and its remainder f (a % b) + r.
 */
function steps(
  e: IndexExpr,
  by: number,
): { readonly factor: number; readonly whole: IndexExpr; readonly rest: IndexExpr } | null {
  for (const { factor } of e.terms) {
    if (factor < 2 || factor === by || by % factor !== 0) continue;
    const { whole, rest } = split(e, factor);
    const range = indexRange(rest);
    if (range.min >= 0 && range.max < factor) return { factor, whole, rest };
  }
  return null;
}

export function modIndex(e: IndexExpr, by: number): IndexExpr {
  if (by === 1) return zeroIndex;
  const { rest } = split(e, by);
  const range = indexRange(rest);
  if (range.min >= 0 && range.max < by) return rest;
  const inSteps = steps(rest, by);
  if (inSteps !== null) {
    const { factor, whole } = inSteps;
    return addIndex(scaleIndex(modIndex(whole, by / factor), factor), inSteps.rest);
  }
  return atomIndex({ kind: 'mod', of: rest, by, max: by - 1, key: `(${indexKey(rest)})%${by}` });
}

/** What two terms are together, over the factor of the lower one, where they are a quotient and a remainder of one expression. */
function joinTerms(high: Term, low: Term): IndexExpr | null {
  if (low.atom.kind !== 'mod') return null;
  const { of, by } = low.atom;
  if (high.factor !== low.factor * by) return null;
  // (x / b) b + x % b = x
  if (high.atom.kind === 'div' && high.atom.by === by && sameIndex(high.atom.of, of)) return of;
  if (high.atom.kind !== 'mod' || high.atom.of.base !== 0 || high.atom.of.terms.length !== 1) return null;
  // ((x / b) % c) b + x % b = x % (b c)
  const [inner] = high.atom.of.terms;
  if (inner.factor !== 1 || inner.atom.kind !== 'div' || inner.atom.by !== by) return null;
  return sameIndex(inner.atom.of, of) ? modIndex(of, by * high.atom.by) : null;
}

/** Puts quotients and remainders of one expression together again where they stand side by side, as after two reshapes. */
export function joinIndex(e: IndexExpr): IndexExpr {
  for (const low of e.terms) {
    if (low.atom.kind !== 'mod') continue;
    for (const high of e.terms) {
      const joined = high === low ? null : joinTerms(high, low);
      if (joined === null) continue;
      const rest: IndexExpr = { terms: e.terms.filter((t) => t !== low && t !== high), base: e.base };
      return joinIndex(addIndex(rest, scaleIndex(joined, low.factor)));
    }
  }
  return e;
}

/** e - low, cut off to 0 .. size - 1. */
export function clampIndex(e: IndexExpr, low: number, size: number): IndexExpr {
  const range = indexRange(e);
  if (range.min >= low && range.max < low + size) return addIndex(e, constantIndex(-low));
  return atomIndex({
    kind: 'clamp',
    of: e,
    low,
    max: Math.max(size - 1, 0),
    key: `clamp(${indexKey(e)},${low},${size})`,
  });
}

/** The loop variables an expression depends on, and whether it depends on loaded values. */
export function indexVariables(e: IndexExpr, into: Set<number> = new Set()): Set<number> {
  for (const { atom } of e.terms) {
    if (atom.kind === 'var') into.add(atom.variable);
    else if (atom.kind !== 'value') indexVariables(atom.of, into);
  }
  return into;
}

/** Whether an expression depends on a loop variable, other than through loaded values. */
export function indexHas(e: IndexExpr, variable: number): boolean {
  for (const { atom } of e.terms) {
    if (atom.kind === 'var') {
      if (atom.variable === variable) return true;
    } else if (atom.kind !== 'value' && indexHas(atom.of, variable)) return true;
  }
  return false;
}

/** The factor of a loop variable if the expression depends on it by that factor alone; null if it does in another way. */
export function factorOf(e: IndexExpr, variable: number): number | null {
  let factor = 0;
  for (const t of e.terms) {
    if (t.atom.kind === 'var') {
      if (t.atom.variable === variable) factor = t.factor;
    } else if (t.atom.kind !== 'value' && indexHas(t.atom.of, variable)) {
      return null;
    }
  }
  return factor;
}
