/** Index expressions beside the launch arguments that hold their numbers, as the emitter of expressions adds them up. */
import type { IndexExpr, Term } from '../index-expr.js';
import type { ExprId } from '../l2.js';

/** A term of an index, and the first slot of its numbers. */
export interface LocatedTerm {
  readonly term: Term;
  readonly slot: number;
  /** Its position in the index. */
  readonly place: number;
  readonly own: readonly number[];
  /** Loaded values in it. */
  readonly values: readonly ExprId[];
  /** Its own variables and those of the loaded values. */
  readonly variables: readonly number[];
}

/** What a sum of terms is found again by: one for each order in which terms were added up, as a tree. */
export interface PartialSum {
  readonly memo: number;
  readonly next: (PartialSum | undefined)[];
  /** Of the sum with a negative base. */
  based?: number;
}

export interface LocatedIndex {
  readonly base: number;
  /** The slot of the base, or of the first term's numbers without one. */
  readonly slot: number;
  readonly terms: readonly LocatedTerm[];
  readonly sums: PartialSum;
}

/** The slots that a term's numbers take, in the order of `indexNumbers`. */
export function slotsOf({ atom, factor }: Term): number {
  const own = Math.abs(factor) === 1 ? 0 : 1;
  if (atom.kind === 'var') return own;
  if (atom.kind === 'value') return own + 1;
  return own + slotsIn(atom.of) + (atom.kind === 'clamp' ? 2 : 1);
}

export function slotsIn(e: IndexExpr): number {
  let count = e.base === 0 ? 0 : 1;
  for (const t of e.terms) count += slotsOf(t);
  return count;
}

export const MOST_LEVELS = 2 ** 20;

export function levelsOf(e: IndexExpr): number {
  let levels = 0;
  for (const { atom } of e.terms)
    if (atom.kind !== 'var' && atom.kind !== 'value') levels = Math.max(levels, 1 + levelsOf(atom.of));
  return levels;
}
