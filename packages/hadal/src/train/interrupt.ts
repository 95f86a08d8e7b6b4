/** Ctrl-C as an AbortSignal. */

import type { AbortSignal } from '../base/abort.js';
import { ArgumentError } from '../base/errors.js';

interface Watch {
  readonly controller: AbortController;
  /** How many listen at the moment. */
  listeners: number;
  readonly onSignal: () => void;
}

const watches = new WeakMap<AbortSignal, Watch>();

const signals = ['SIGINT', 'SIGTERM'] as const;

/**
 * A signal that is aborted when the process is asked to end (Ctrl-C, or `kill`), for the option `signal` of `fit` and `evaluate`.
 *
 * The process's signals are caught only while a `fit` or `evaluate` with this signal runs; at other times they end the process as
 * usual. A second Ctrl-C ends it at once in any case. Where there is no process, as in a browser, it is never aborted.
 *
 * @example
 * ```ts
 * import { fit, interruptSignal, nn, zeros } from 'hadal';
 * const history = await fit(new nn.Linear(2, 1), [zeros([4, 2]), zeros([4, 1])], {
 *   epochs: 1,
 *   loss: 'mse',
 *   progress: false,
 *   signal: interruptSignal(),
 * });
 * console.log(history.interrupted); // false
 * ```
 */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  const onSignal = (): void => {
    stop(watch);
    controller.abort(new DOMException('the process was asked to end', 'AbortError'));
  };
  const watch: Watch = { controller, listeners: 0, onSignal };
  watches.set(controller.signal, watch);
  return controller.signal;
}

/** Catches the process's signals for a signal that `interruptSignal` made, until the returned function is called. */
export function catchSignals(signal: AbortSignal | undefined): () => void {
  // Any that keeps to the interface, not only the platform's own.
  if (signal !== undefined && typeof signal?.throwIfAborted !== 'function')
    throw new ArgumentError('signal: expected an AbortSignal; of an AbortController pass its .signal');
  const watch = signal === undefined ? undefined : watches.get(signal);
  if (watch === undefined || watch.controller.signal.aborted || !hasSignals()) return () => undefined;
  watch.listeners++;
  if (watch.listeners === 1) for (const name of signals) process.on(name, watch.onSignal);
  let released = false;
  return () => {
    if (released) return;
    released = true;
    watch.listeners--;
    if (watch.listeners === 0) stop(watch);
  };
}

/** Without a listener left, the next signal ends the process. */
function stop(watch: Watch): void {
  if (!hasSignals()) return;
  for (const name of signals) process.off(name, watch.onSignal);
}

function hasSignals(): boolean {
  return typeof process !== 'undefined' && typeof process.on === 'function';
}
