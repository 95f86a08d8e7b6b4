/**
 * A setting that a function runs under, such as the grad mode.
 *
 * Three places know its value, and the first that does decides: the innermost scope whose function is running synchronously; if an
 * asynchronous function is under way, the scope that this asynchronous context belongs to; else the process.
 *
 * Where the host has AsyncLocalStorage (Node), a scope holds for its own function across every await, whatever runs in between. Where
 * not (browsers), what runs while an asynchronous scope is open sees the scope that was opened last.
 */

interface Frame {
  readonly setting: object;
  value: unknown;
  readonly outer: Frame | undefined;
}

/** What is used of Node's AsyncLocalStorage. */
interface AsyncContext {
  run<R>(store: Frame, body: () => R): R;
  getStore(): Frame | undefined;
}

function openContext(): AsyncContext | null {
  if (typeof process === 'undefined' || typeof process.getBuiltinModule !== 'function') return null;
  const { AsyncLocalStorage } = process.getBuiltinModule('node:async_hooks');
  return new AsyncLocalStorage<Frame>();
}

const context = openContext();

export class ScopedSetting<T> {
  #base: T;
  /** Whether nobody has ever set anything: the quickest question. */
  unset = true;
  /** Set while a scope's function is on the stack. */
  #running: { value: T } | null = null;
  /** Asynchronous scopes that are not done, in the order of opening. */
  readonly #open = new Set<Frame>();

  constructor(base: T) {
    this.#base = base;
  }

  get value(): T {
    if (this.#running !== null) return this.#running.value;
    if (this.#open.size === 0) return this.#base;
    const frame = this.#frame();
    return frame === undefined ? this.#base : (frame.value as T);
  }

  /** The asynchronous scope that the running code belongs to. */
  #frame(): Frame | undefined {
    if (context === null) return [...this.#open].at(-1);
    let frame = context.getStore();
    while (frame !== undefined && frame.setting !== this) frame = frame.outer;
    return frame;
  }

  /** Changes the value for the rest of the innermost scope, or of the process. */
  set(value: T): void {
    this.unset = false;
    const frame = this.#open.size > 0 ? this.#frame() : undefined;
    if (this.#running !== null) this.#running.value = value;
    else if (frame !== undefined) frame.value = value;
    else this.#base = value;
  }

  /** Runs a function that does not await under a value: the quick form. */
  runSync<R>(value: T, body: () => R): R {
    const before = this.#running;
    this.unset = false;
    this.#running = { value };
    try {
      return body();
    } finally {
      this.#running = before;
    }
  }

  /** Runs a function under a value, also after its awaits if it is asynchronous. */
  run<R>(value: T, body: () => R): R {
    const frame: Frame = { setting: this, value, outer: context?.getStore() };
    const start = () => this.runSync(value, body);
    const result = context === null ? start() : context.run(frame, start);
    if (!(result instanceof Promise)) return result;
    this.#open.add(frame);
    return result.finally(() => this.#open.delete(frame)) as R;
  }
}
