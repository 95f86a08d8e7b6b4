/** Checking gradients against central differences of the function itself. */
import { isGradEnabled, noGrad } from '../autograd/mode.js';
import type { TypedArray } from '../base/dtype.js';
import { isFloat, newElements } from '../base/dtype.js';
import { ArgumentError, AutogradError } from '../base/errors.js';
import { numel, showShape } from '../base/shape.js';
import { positionOf } from './anomaly.js';
import { listOf } from './backward.js';
import { fromTypedArray } from './create.js';
import { grad } from './grad.js';
import type { Tensor } from './tensor.js';
import { withWorkspace } from './workspace.js';

export interface GradcheckOptions {
  /** How far an element is moved to each side. 1e-6 by default, which fits float64. */
  readonly eps?: number;
  /** Allowed difference, absolute and as a part of the numeric value: 1e-5 and 1e-3 by default. */
  readonly atol?: number;
  readonly rtol?: number;
  /** Throw where gradients differ, as by default; else the result is false. */
  readonly raiseException?: boolean;
}

export type CheckedFunction = (...inputs: Tensor[]) => Tensor | readonly Tensor[];

/** d(output element) / d(input element), a row an output element, for one output and one input. */
type Jacobian = readonly Float64Array[];

/**
 * Compares the gradients that backward computes with central differences, element by element. The inputs are moved in place and put
 * back, so a function may also use them through a module. Meant for float64; use an `eps` around 1e-3 and wide tolerances for others.
 *
 * @param fn a function of the inputs that gives a tensor or several, the same each time it is called.
 * @param inputs tensors; those that require a gradient are checked.
 * @returns true, or false if gradients differ and `raiseException` is false.
 * @throws AutogradError that names input, element and both values if gradients differ.
 * @example
 * ```ts
 * import { autograd, tensor } from 'hadal';
 * const x = tensor([0.5, -1, 2], { dtype: 'float64', requiresGrad: true });
 * console.log(autograd.gradcheck((t) => t.tanh().mul(t), x)); // true
 * ```
 */
export function gradcheck(
  fn: CheckedFunction,
  inputs: Tensor | readonly Tensor[],
  options: GradcheckOptions = {},
): boolean {
  const all = listOf(inputs);
  checkInputs(all, options);
  const problem = withWorkspace(all[0].workspace, () => firstDifference(fn, all, options));
  if (problem === null) return true;
  if (options.raiseException ?? true) throw new AutogradError(`gradcheck: ${problem}`);
  return false;
}

/**
 * `gradcheck` of the gradients themselves: whether second derivatives are right.
 *
 * @param gradOutputs gradients of the outputs to differentiate at, of their shapes; numbers in which no element is like its neighbour
 * by default.
 * @throws AutogradError as gradcheck; the gradients of the outputs count as inputs after those given.
 * @example
 * ```ts
 * import { autograd, tensor } from 'hadal';
 * const x = tensor([0.5, -1, 2], { dtype: 'float64', requiresGrad: true });
 * console.log(autograd.gradgradcheck((t) => t.tanh().mul(t), x)); // true
 * ```
 */
export function gradgradcheck(
  fn: CheckedFunction,
  inputs: Tensor | readonly Tensor[],
  gradOutputs?: Tensor | readonly Tensor[],
  options: GradcheckOptions = {},
): boolean {
  const all = listOf(inputs);
  checkInputs(all, options);
  return withWorkspace(all[0].workspace, () => {
    const seeds =
      gradOutputs === undefined ? differentiable(fn(...all)).map(unlikeNeighbours) : listOf(gradOutputs);
    const gradients = (...args: Tensor[]): Tensor[] => {
      const at = args.slice(0, all.length);
      const wanted = at.filter((t) => t.requiresGrad);
      const outputs = differentiable(fn(...at));
      return grad(outputs, wanted, {
        gradOutputs: args.slice(all.length),
        createGraph: true,
        materializeGrads: true,
      });
    };
    return gradcheck(gradients, [...all, ...seeds], options);
  });
}

function checkInputs(inputs: readonly Tensor[], options: GradcheckOptions): void {
  if (!isGradEnabled()) throw new AutogradError('gradcheck: gradients are not recorded here (noGrad)');
  if (!inputs.some((t) => t.requiresGrad))
    throw new ArgumentError('gradcheck: no input requires a gradient; make one with requiresGrad_()');
  inputs.forEach((t, i) => {
    if (!t.requiresGrad || t.dtype === 'float64' || options.eps !== undefined) return;
    throw new ArgumentError(
      `gradcheck: input ${i} is ${t.dtype}, for which a step of 1e-6 is lost in rounding; use float64, ` +
        'or pass eps, atol and rtol that fit',
    );
  });
}

/** The outputs that gradients flow to. */
function differentiable(result: Tensor | readonly Tensor[]): Tensor[] {
  return listOf(result).filter((t) => isFloat(t.dtype) && t.requiresGrad);
}

function unlikeNeighbours(t: Tensor): Tensor {
  const data = Float64Array.from({ length: numel(t.shape) }, (_, i) => ((i * 7) % 5) / 2 - 0.75);
  return fromTypedArray(data, t.shape).to(t.dtype).requiresGrad_();
}

function firstDifference(
  fn: CheckedFunction,
  inputs: readonly Tensor[],
  options: GradcheckOptions,
): string | null {
  const { eps = 1e-6, atol = 1e-5, rtol = 1e-3 } = options;
  const outputs = listOf(fn(...inputs));
  const checked = inputs.flatMap((t, i) => (t.requiresGrad ? [i] : []));
  const analytic = outputs.map((y) =>
    backwardJacobians(
      y,
      checked.map((i) => inputs[i]),
    ),
  );
  for (const [c, i] of checked.entries()) {
    const numeric = differenceJacobians(fn, inputs, i, outputs, eps);
    for (const [o, y] of outputs.entries()) {
      const problem = compare(analytic[o][c], numeric[o], atol, rtol, (k, j, a, n, count) => {
        const [to, from] = [positionOf(k, y.shape), positionOf(j, inputs[i].shape)];
        return (
          `the gradient of output ${o} at ${showShape(to)} for input ${i} at ${showShape(from)}: backward gives ${a}, ` +
          `central differences give ${n} (input ${i} has shape ${showShape(inputs[i].shape)}, output ${o} ` +
          `${showShape(y.shape)}; ${count} of ${analytic[o][c].length * numel(inputs[i].shape)} derivatives differ ` +
          `by more than ${atol} + ${rtol} * |numeric|)`
        );
      });
      if (problem !== null) return problem;
    }
  }
  return null;
}

/** The worst of the derivatives that differ, described; null if none does. */
function compare(
  analytic: Jacobian,
  numeric: Jacobian,
  atol: number,
  rtol: number,
  describe: (row: number, column: number, analytic: number, numeric: number, count: number) => string,
): string | null {
  let worst = { row: 0, column: 0, excess: 0 };
  let count = 0;
  numeric.forEach((row, k) => {
    row.forEach((n, j) => {
      const over = Math.abs(analytic[k][j] - n) - (atol + rtol * Math.abs(n));
      if (over <= 0) return;
      count++;
      const excess = Number.isNaN(over) ? Number.POSITIVE_INFINITY : over;
      if (excess > worst.excess) worst = { row: k, column: j, excess };
    });
  });
  if (count === 0) return null;
  const { row, column } = worst;
  return describe(row, column, analytic[row][column], numeric[row][column], count);
}

/** The Jacobians of an output, by going back from each of its elements. */
function backwardJacobians(y: Tensor, inputs: readonly Tensor[]): Jacobian[] {
  const rows = numel(y.shape);
  const out = inputs.map((): Float64Array[] => []);
  for (let k = 0; k < rows; k++) {
    const grads = y.requiresGrad
      ? grad(y, inputs, { gradOutputs: oneHot(y, k), retainGraph: true, allowUnused: true })
      : inputs.map(() => null);
    inputs.forEach((x, i) => {
      const g = grads[i];
      out[i].push(g === null ? new Float64Array(numel(x.shape)) : numbers(g));
    });
  }
  return out;
}

function oneHot(y: Tensor, at: number): Tensor {
  const data = newElements(y.dtype, numel(y.shape));
  data[at] = 1;
  return fromTypedArray(data, y.shape, { dtype: y.dtype });
}

/** The Jacobians of all outputs for one input, by moving each of its elements to both sides. */
function differenceJacobians(
  fn: CheckedFunction,
  inputs: readonly Tensor[],
  input: number,
  outputs: readonly Tensor[],
  eps: number,
): Jacobian[] {
  const x = inputs[input];
  const home = x.dataSync();
  const jacobians = outputs.map((y) =>
    Array.from({ length: numel(y.shape) }, () => new Float64Array(home.length)),
  );
  const put = (data: TypedArray): void => {
    noGrad(() => x.detach().copy_(fromTypedArray(data, x.shape, { dtype: x.dtype })));
  };
  const at = (j: number, value: number): Float64Array[] => {
    const moved = home.slice();
    moved[j] = value;
    put(moved);
    return listOf(fn(...inputs)).map(numbers);
  };
  try {
    for (let j = 0; j < home.length; j++) {
      const here = Number(home[j]);
      const high = at(j, here + eps);
      const low = at(j, here - eps);
      for (const [o, rows] of jacobians.entries())
        for (const [k, row] of rows.entries()) row[j] = (high[o][k] - low[o][k]) / (2 * eps);
    }
  } finally {
    put(home);
  }
  return jacobians;
}

function numbers(t: Tensor): Float64Array {
  return Float64Array.from(t.dataSync(), Number);
}
