/** Values that the tape keeps for a gradient, and the errors about them. */
import { AutogradError } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import { showShape } from '../base/shape.js';
import { userLine } from '../graph/node.js';
import { describeCreation } from './creation.js';
import type { GradFn } from './tape.js';
import type { Value, Versioned } from './value.js';

export function releasedError(op: string): AutogradError {
  return new AutogradError(
    `${op}: backward went over this part of the graph before and freed what it had saved. ` +
      'Pass { retainGraph: true } to the first backward(), or compute the loss again.',
  );
}

/** Throws if what was saved has been changed in place since; `made` says where the op was made, if known. */
export function checkVersion(
  op: string,
  what: string,
  shape: Shape,
  origin: Versioned,
  expected: number,
  made = '',
): void {
  if (origin.version === expected) return;
  const line = userLine(origin.modifiedAt);
  throw new AutogradError(
    `${op}: ${what}, of shape ${showShape(shape)}, is needed for the gradient but has been modified by an in-place operation: ` +
      `it is at version ${origin.version}, expected version ${expected}. ` +
      (line === null ? '' : `It was last modified at ${line}. `) +
      `Use the op without the underscore, or clone() before it. ${made}`.trimEnd(),
  );
}

function described(owner: GradFn, place: number, what: 'operand' | 'result'): string {
  return what === 'result' && owner.outputs === null ? 'the result' : `${what} ${place}`;
}

const NONE: readonly (Value | null)[] = [];

/** What one grad fn keeps: some of its operands or of its results. While it does, they stay in memory. */
export class SavedValues {
  /** By place, in a list of just that length: one that grows has room for many more, and there are two for every op on the tape. */
  #values = NONE;
  #released = false;

  keep(place: number, value: Value): void {
    const values = new Array<Value | null>(Math.max(place + 1, this.#values.length)).fill(null);
    for (let i = 0; i < this.#values.length; i++) values[i] = this.#values[i];
    values[place] = value;
    this.#values = values;
    value.node.saved++;
  }

  get released(): boolean {
    return this.#released;
  }

  /** A kept value as it is, or null. */
  peek(place: number): Value | null {
    return this.#values[place] ?? null;
  }

  /** A value that a grad fn keeps here, as long as it was neither freed nor modified. */
  get(owner: GradFn, place: number, what: 'operand' | 'result'): Value {
    if (this.#released) throw releasedError(owner.name);
    const v = this.#values[place] ?? null;
    if (v === null)
      throw new AutogradError(
        `${owner.name}: ${described(owner, place, what)} was not saved for the gradient`,
      );
    if (v.origin !== null && v.origin.version !== v.originVersion) {
      const made = owner.creation === null ? '' : describeCreation(owner);
      checkVersion(owner.name, described(owner, place, what), v.shape, v.origin, v.originVersion, made);
    }
    return v;
  }

  release(): void {
    for (let i = 0; i < this.#values.length; i++) {
      const v = this.#values[i];
      if (v === null) continue;
      v.node.saved--;
      this.#released = true;
    }
    this.#values = NONE;
  }
}

/** Of all that keep nothing. */
export const NOTHING_SAVED = new SavedValues();
