/** Whether ops are recorded on the tape. */
import { ScopedSetting } from './scoped-setting.js';

const gradMode = new ScopedSetting(true);
const inference = new ScopedSetting(false);

/** Whether ops on tensors that want a gradient are recorded here and now. */
export function isGradEnabled(): boolean {
  return gradMode.value;
}

/** Runs `body`, which does not await, with recording on or off. */
export function withGradMode<T>(mode: boolean, body: () => T): T {
  return gradMode.runSync(mode, body);
}

/**
 * Runs a function without recording it on the tape: for evaluation, metrics and updates by hand. An asynchronous function is not
 * recorded after its awaits either, and what runs in between is not affected. (In browsers it is: await the result before going on.)
 *
 * @example
 * ```ts
 * import { noGrad, ones } from 'hadal';
 * const w = ones([2]).requiresGrad_();
 * const y = noGrad(() => w.mul(2));
 * console.log(y.requiresGrad); // false
 * ```
 */
export function noGrad<T>(body: () => T): T {
  return gradMode.run(false, body);
}

/** Runs a function with recording on, inside of a `noGrad`. Asynchronous functions as in `noGrad`. */
export function enableGrad<T>(body: () => T): T {
  return gradMode.run(true, body);
}

/**
 * Turns recording on or off: for a function if one is given, else for the rest of the innermost scope (`noGrad`, `enableGrad`,
 * `setGradEnabled` with a function), or for good outside of any.
 *
 * @example
 * ```ts
 * import { ones, setGradEnabled } from 'hadal';
 * const w = ones([2]).requiresGrad_();
 * for (const training of [true, false]) {
 *   const y = setGradEnabled(training, () => w.mul(2));
 *   console.log(y.requiresGrad); // true false
 * }
 * ```
 */
export function setGradEnabled(mode: boolean): void;
export function setGradEnabled<T>(mode: boolean, body: () => T): T;
export function setGradEnabled<T>(mode: boolean, body?: () => T): T | undefined {
  if (body !== undefined) return gradMode.run(mode, body);
  gradMode.set(mode);
  return undefined;
}

/**
 * `noGrad` for code that serves predictions. Version counters cost nothing here, so the two run equally fast, and tensors made inside
 * may take part in recorded ops later, which PyTorch refuses.
 *
 * @example
 * ```ts
 * import { inferenceMode, isInferenceModeEnabled, ones } from 'hadal';
 * const w = ones([2]).requiresGrad_();
 * const y = inferenceMode(() => w.mul(2));
 * console.log(y.requiresGrad, isInferenceModeEnabled()); // false false
 * ```
 */
export function inferenceMode<T>(body: () => T): T {
  return inference.run(true, () => noGrad(body));
}

export function isInferenceModeEnabled(): boolean {
  return inference.value;
}
