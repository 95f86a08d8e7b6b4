/** Errors about values that the tape keeps for a gradient. */
import { AutogradError } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import { showShape } from '../base/shape.js';
import { userLine } from '../graph/node.js';
import type { Versioned } from './value.js';

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
