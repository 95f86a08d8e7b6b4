/**
 * Keeps the making of a few batches in flight while an earlier one is used. Batches come in their order, at most `depth` are
 * begun and not yet taken, and an error is thrown where its batch would have come.
 */
import type { AbortSignal } from '../base/abort.js';

/**
 * The results of `make` for each key, in order.
 *
 * @param depth how many are in flight at a time, 1 or more.
 * @param make begins one; the signal tells that nobody waits for it any more.
 */
export async function* prefetched<Key, T>(
  keys: Iterable<Key>,
  depth: number,
  make: (key: Key, signal: AbortSignal) => T | Promise<T>,
): AsyncGenerator<T, void, undefined> {
  const controller = new AbortController();
  const iterator = keys[Symbol.iterator]();
  const flight: Promise<T>[] = [];
  let more = true;
  const fill = (): void => {
    while (more && flight.length < depth) {
      const next = iterator.next();
      if (next.done === true) {
        more = false;
        return;
      }
      const { value } = next;
      const begun = (async () => make(value, controller.signal))();
      // It is awaited when its turn comes; a failure before that is not unhandled.
      begun.catch(() => undefined);
      flight.push(begun);
    }
  };
  try {
    fill();
    for (let first = flight.shift(); first !== undefined; first = flight.shift()) {
      const batch = await first;
      fill();
      yield batch;
    }
  } finally {
    controller.abort();
    iterator.return?.();
  }
}
