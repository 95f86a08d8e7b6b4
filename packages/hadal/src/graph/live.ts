/**
 * Live numbers: those of a graph that go on by themselves from run to run, such as an optimizer's step and learning rate or the
 * stream of a random tensor. An eager program asks for them once, where the graph is built. A compiled function asks again at every
 * call, in the same order, so that they advance as if the function had run; all other numbers of JavaScript stay what they were when
 * it was traced.
 */

/** Numbers that one question answers. */
export class LiveNumbers {
  /** The latest answer. */
  values: readonly number[];
  readonly #ask: () => readonly number[];

  constructor(ask: () => readonly number[]) {
    this.#ask = ask;
    this.values = ask();
  }

  /** Asks again. */
  renew(): void {
    this.values = this.#ask();
  }
}

/** One of several live numbers. */
export interface LiveNumber {
  readonly numbers: LiveNumbers;
  readonly index: number;
}

/** Whoever wants to know of live numbers: the trace of a compiled function. */
export interface LiveWatcher {
  asked(numbers: LiveNumbers): void;
}

export const liveWatch: { current: LiveWatcher | null } = { current: null };

/**
 * Asks for numbers that are to be asked for again whenever what is built here runs again. The question may change state: its effects
 * are repeated as well. It gives as many numbers each time.
 */
export function live(ask: () => readonly number[]): LiveNumbers {
  const watcher = liveWatch.current;
  if (watcher === null) return new LiveNumbers(ask);
  // What a question asks on its way is asked again with it.
  liveWatch.current = null;
  let numbers: LiveNumbers;
  try {
    numbers = new LiveNumbers(ask);
  } finally {
    liveWatch.current = watcher;
  }
  watcher.asked(numbers);
  return numbers;
}

/** Changes state that a compiled function is to change at each of its calls. */
export function liveEffect(change: () => void): void {
  if (liveWatch.current === null) {
    change();
    return;
  }
  live(() => {
    change();
    return [];
  });
}
