/** Finding where a NaN in a gradient comes from. */
import type { AnomalyMode } from '../autograd/creation.js';
import { anomalyMode, describeCreation } from '../autograd/creation.js';
import type { GradFn } from '../autograd/tape.js';
import type { Value } from '../autograd/value.js';
import { decodeElements } from '../base/dtype.js';
import { AutogradError } from '../base/errors.js';
import { numel, showShape } from '../base/shape.js';
import type { Engine } from '../engine/engine.js';

export interface AnomalyOptions {
  /** Whether backward looks for NaN; if not, only the lines of the ops are remembered, for other errors. True by default. */
  readonly checkNaN?: boolean;
}

function modeOf(options: AnomalyOptions): AnomalyMode {
  return { enabled: true, checkNaN: options.checkNaN ?? true };
}

/**
 * Runs a function so that errors of the backward pass say where in the forward pass they come from: ops remember the line that made
 * them, and backward reads each gradient as it is made and throws at the first NaN. Slow: for finding bugs. Both the forward and the
 * backward pass belong inside.
 *
 * @throws AutogradError that names the op, the layers it is in, and the line that made it.
 * @example
 * ```ts
 * import { AutogradError, autograd, tensor } from 'hadal';
 * const x = tensor([0, 4], { requiresGrad: true });
 * try {
 *   autograd.detectAnomaly(() => x.sqrt().mul(0).sum().backward());
 * } catch (error) {
 *   console.log(error.message.startsWith('SqrtBackward: the gradient of operand 0')); // true
 * }
 * ```
 */
export function detectAnomaly<T>(body: () => T, options: AnomalyOptions = {}): T {
  return anomalyMode.run(modeOf(options), body);
}

/** Turns `detectAnomaly` on or off for good, or for the rest of the `detectAnomaly` that this is called in. */
export function setDetectAnomaly(on: boolean, options: AnomalyOptions = {}): void {
  anomalyMode.set(on ? modeOf(options) : { enabled: false, checkNaN: false });
}

export function isAnomalyEnabled(): boolean {
  return anomalyMode.value.enabled;
}

/** Looks at the gradients of one backward pass, or null if nobody asked for that. */
export function nanInspector(engine: Engine): ((fn: GradFn, operand: number, grad: Value) => void) | null {
  if (!anomalyMode.value.checkNaN) return null;
  return (fn, operand, grad) => {
    const at = firstNaN(engine, grad);
    if (at < 0) return;
    throw new AutogradError(
      `${fn.name}: the gradient of operand ${operand}, of shape ${showShape(grad.shape)}, is NaN at ` +
        `${showShape(positionOf(at, grad.shape))}. ${describeCreation(fn)}`,
    );
  };
}

function firstNaN(engine: Engine, value: Value): number {
  const bytes = engine.download(value.node);
  return decodeElements(value.dtype, bytes.buffer, 0, numel(value.shape)).findIndex((x: number | bigint) =>
    Number.isNaN(x),
  );
}

/** The indices of the element at a position in row-major order. */
export function positionOf(position: number, shape: readonly number[]): number[] {
  const index = new Array<number>(shape.length).fill(0);
  let rest = position;
  for (let d = shape.length - 1; d >= 0; d--) {
    index[d] = rest % shape[d];
    rest = Math.floor(rest / shape[d]);
  }
  return index;
}
