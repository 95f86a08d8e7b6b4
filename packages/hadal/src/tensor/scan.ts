/** Loops over steps as one op: recurrences whose steps are compiled together. */
import type { Value } from '../autograd/value.js';
import { ArgumentError, ShapeError } from '../base/errors.js';
import type { OptionNames } from '../base/options.js';
import { checkOptions } from '../base/options.js';
import { sameShape, showShape } from '../base/shape.js';
import type { Form, Structure } from './structure.js';
import { describeKind, formOf, putTogether, showForm } from './structure.js';
import { Tensor } from './tensor.js';
import { workspace } from './workspace.js';

export interface ScanOptions {
  /** Run from the last slice to the first; outputs stay where their slices are. False if not given. */
  readonly reverse?: boolean;
  /** How many steps there are; needed only where `xs` has no tensors. */
  readonly length?: number;
}

const optionNames: OptionNames<ScanOptions> = { reverse: true, length: true };

/** `const { carry, outputs } = ...` or `const [carry, outputs] = ...`. */
export interface ScanResult<Carry, Output> extends Iterable<Carry | Output> {
  /** The carry after the last step. */
  readonly carry: Carry;
  /** What the steps gave, stacked along a new first dimension. */
  readonly outputs: Output;
  [Symbol.iterator](): Iterator<Carry | Output, undefined>;
}

/**
 * Runs `step` once for every slice of `xs` along its first dimension, handing a carry from each step to the next:
 *
 *     for (i = 0; i < length; i++) [carry, outputs[i]] = step(carry, xs[i])
 *
 * The steps are one op of the graph: `step` is called once, on tensors that stand for those of any step, and the loop runs as one kernel
 * where its ops allow. Gradients flow to the initial carry, to `xs` and to all that `step` uses from outside; they can be
 * differentiated again.
 *
 * In `step` values cannot be read, tensors from outside not be changed in place, and random numbers not be made (make them before for all
 * steps, and give them in `xs`). Custom functions (`autograd.Function`) have no gradient there.
 *
 * Ref: jax.lax.scan.
 *
 * @param step (carry, x) to [next carry, output]; carry, x and output are tensors, null, or lists or plain objects of these. The next
 * carry has the form, shapes and dtypes of the one before.
 * @param init the first carry.
 * @param xs stacked inputs, [length, ...] each.
 * @returns the last carry, and outputs of shape [length, ...].
 * @throws ShapeError if a carry changes its shape or dtype, or if stacks differ in length.
 * @throws ArgumentError if the step does what it must not.
 * @example
 * ```ts
 * import { scan, tensor } from 'hadal';
 * const decay = tensor(0.5);
 * const { carry, outputs } = scan(
 *   (sum, x) => {
 *     const next = sum.mul(decay).add(x);
 *     return [next, next];
 *   },
 *   tensor(0),
 *   tensor([1, 2, 3]),
 * );
 * console.log(carry.itemSync(), outputs.tolistSync()); // 4.25 [ 1, 2.5, 4.25 ]
 * ```
 */
export function scan<Carry extends Structure, X extends Structure, Output extends Structure>(
  step: (carry: Carry, x: X) => readonly [carry: Carry, output: Output],
  init: Carry,
  xs: X,
  options: ScanOptions = {},
): ScanResult<Carry, Output> {
  checkOptions('scan', options, optionNames);
  const first = takeApart('the initial carry', init);
  const stacks = takeApart('xs', xs);
  const length = lengthOf(stacks.tensors, options.length);
  const space = (first.tensors[0] ?? stacks.tensors[0])?.workspace ?? workspace();
  const carries = first.tensors.map((t) => t.value);
  const slices = stacks.tensors.map((t) => t.value);
  const types = [...carries, ...slices.map(({ shape, dtype }) => ({ shape: shape.slice(1), dtype }))];
  let form = first.form;
  const { region, invariants } = space.ops.traceRegion(types, carries.length, (parameters) => {
    const tensors = parameters.map((v) => Tensor.of(space, v));
    // Built from the forms of init and xs.
    const carry = putTogether(first.form, (i) => tensors[i]) as Carry;
    const x = putTogether(stacks.form, (i) => tensors[carries.length + i]) as X;
    const given: unknown = step(carry, x);
    if (!Array.isArray(given) || given.length !== 2)
      throw new ArgumentError(
        'scan: the step gives [carry, output]: a list of two; output is null if there is none',
      );
    const next = takeApart('the next carry', given[0]);
    checkCarry(showForm(first.form), showForm(next.form), carries, next.tensors);
    const output = takeApart('the output', given[1]);
    form = output.form;
    return [...next.tensors, ...output.tensors].map((t) => t.value);
  });
  const operands = [...carries, ...slices, ...invariants];
  const values =
    region.results.length === 0
      ? []
      : space.ops.scan({ region, length, reverse: options.reverse ?? false }, operands);
  const results = values.map((v) => Tensor.of(space, v));
  // The step's results have these forms.
  const carry = putTogether(first.form, (i) => results[i]) as Carry;
  const outputs = putTogether(form, (i) => results[carries.length + i]) as Output;
  return { carry, outputs, [Symbol.iterator]: () => [carry, outputs].values() };
}

/** The tensors of a structure in order, one that stands in two places twice, and its form. */
function takeApart(what: string, x: unknown): { readonly form: Form; readonly tensors: readonly Tensor[] } {
  const tensors: Tensor[] = [];
  const form = formOf(x, {
    number: (t) => tensors.push(t) - 1,
    allows: (other) => other === null,
    refuse: (at, other) =>
      new ArgumentError(
        `scan: ${what}${at} is ${describeKind(other)}; expected a tensor, null, or a list or plain object of these`,
      ),
    fail: (problem) => new ArgumentError(`scan: ${what} is ${problem}`),
  });
  return { form, tensors };
}

function lengthOf(stacks: readonly Tensor[], given: number | undefined): number {
  if (given !== undefined && (!Number.isSafeInteger(given) || given < 0))
    throw new ArgumentError(`scan: length is a number of steps, got ${given}`);
  let length = given;
  for (const { shape } of stacks) {
    if (shape.length === 0)
      throw new ShapeError(
        'scan: xs has a tensor without dimensions; it has one slice for every step, [length, ...]',
      );
    if (length !== undefined && length !== shape[0])
      throw new ShapeError(
        `scan: stacks of ${length} and of ${shape[0]} steps, the latter of shape ${showShape(shape)}; all of xs (and length) must agree`,
      );
    length = shape[0];
  }
  if (length === undefined) throw new ArgumentError('scan: xs has no tensors; give options.length');
  return length;
}

function checkCarry(before: string, after: string, init: readonly Value[], next: readonly Tensor[]): void {
  if (before !== after)
    throw new ArgumentError(`scan: the carry has the form ${before} before the step and ${after} after it`);
  next.forEach((t, i) => {
    const { shape, dtype } = init[i];
    if (t.dtype === dtype && sameShape(t.shape, shape)) return;
    throw new ShapeError(
      `scan: tensor ${i} of the carry is ${dtype}${showShape(shape)} before the step and ${t.dtype}${showShape(t.shape)} after it; ` +
        'a carry keeps its shape and dtype. Start from a tensor like the one that the step gives, or convert it with to()',
    );
  });
}
