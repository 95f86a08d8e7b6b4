/** Whether ops are recorded on the tape. Per isolate, as everything here runs on one thread. */
let enabled = true;

export function isGradEnabled(): boolean {
  return enabled;
}

/** Runs `body` with recording on or off and restores the mode after, also when it throws or, if it is asynchronous, later. */
export function withGradMode<T>(mode: boolean, body: () => T): T {
  const before = enabled;
  enabled = mode;
  let result: T;
  try {
    result = body();
  } catch (error) {
    enabled = before;
    throw error;
  }
  if (result instanceof Promise) {
    // An awaiting body keeps the mode until it is done.
    return result.finally(() => {
      enabled = before;
    }) as T;
  }
  enabled = before;
  return result;
}

/**
 * Runs a function without recording it on the tape: for evaluation, metrics and updates by hand.
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
  return withGradMode(false, body);
}

/** Runs a function with recording on, inside of a `noGrad`. */
export function enableGrad<T>(body: () => T): T {
  return withGradMode(true, body);
}
