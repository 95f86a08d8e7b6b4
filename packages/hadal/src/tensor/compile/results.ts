/** What a compiled function returns, as a form around the tensors of any call. */
import { CompileError } from '../../base/errors.js';
import type { Form } from '../structure.js';
import { describeKind, formOf } from '../structure.js';
import type { Tensor } from '../tensor.js';

/**
 * Takes a result apart; each tensor of it is put into `tensors` once.
 *
 * @throws CompileError for a result of another kind.
 */
export function resultForm(x: unknown, tensors: Tensor[]): Form {
  return formOf(x, {
    number: (t) => {
      const have = tensors.indexOf(t);
      return have < 0 ? tensors.push(t) - 1 : have;
    },
    allows: () => true,
    refuse: (_, other) =>
      new CompileError(
        `compile: the function returned ${describeKind(other)}; results are tensors, numbers, strings, booleans, null, and lists and ` +
          'plain objects of them',
      ),
    fail: (problem) => new CompileError(`compile: the result is ${problem}`),
  });
}
