/** What a program's process prints in the end. */
import { ChildError } from '../errors.js';
import type { Notes } from './session.js';

export interface Outcome {
  readonly notes: Notes;
  /** Milliseconds of each step. */
  readonly ms: readonly number[];
  /** The most bytes of memory that the process held. */
  readonly peak: number;
}

type Text = { readonly [name: string]: readonly (number | string)[] };

/** Notes as JSON can hold them. */
export function asText(notes: Notes): Text {
  return Object.fromEntries(
    Object.entries(notes).map(([name, values]) => [
      name,
      values.map((x) => (Number.isFinite(x) ? x : String(x))),
    ]),
  );
}

/** Reads back `asText`, or the same of Python. */
export function fromText(notes: Text): Notes {
  return Object.fromEntries(
    Object.entries(notes).map(([name, values]) => [
      name,
      values.map((x) => (typeof x === 'string' ? Number(x.replace(/inf$/, 'Infinity')) : x)),
    ]),
  );
}

/** @throws ChildError */
export function readOutcome(printed: string): Outcome {
  const found: unknown = JSON.parse(printed);
  if (typeof found !== 'object' || found === null || !('notes' in found && 'ms' in found && 'peak' in found))
    throw new ChildError(`a program printed ${printed.slice(0, 200)}`);
  const { notes, ms, peak } = found as { notes: Text; ms: readonly number[]; peak: number };
  return { notes: fromText(notes), ms, peak };
}
