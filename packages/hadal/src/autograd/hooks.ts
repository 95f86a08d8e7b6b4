/** What people ask to have done with a gradient when the pass has it in full. */
import type { Value } from './value.js';

/** What registering a hook gives back. */
export interface HookHandle {
  /** Takes the hook away; doing it twice is harmless. */
  remove(): void;
}

/** Functions in the order in which they were added; each can be taken away again. */
export class HookList<F> {
  readonly #entries = new Set<{ readonly hook: F }>();

  add(hook: F): HookHandle {
    const entry = { hook };
    this.#entries.add(entry);
    return { remove: () => void this.#entries.delete(entry) };
  }

  get size(): number {
    return this.#entries.size;
  }

  /** A copy: a hook may take itself or another one away. */
  all(): F[] {
    return Array.from(this.#entries, (entry) => entry.hook);
  }
}

/** Sees a gradient; what it returns, if anything, takes its place. */
export type GradientHook = (grad: Value) => Value | null;

/** The hooks of one edge. Those that keep the gradient run last, so that they keep what the others made of it. */
export class EdgeHooks {
  readonly replacing = new HookList<GradientHook>();
  readonly keeping = new HookList<(grad: Value) => void>();

  run(grad: Value): Value {
    let now = grad;
    for (const hook of this.replacing.all()) now = hook(now) ?? now;
    for (const keep of this.keeping.all()) keep(now);
    return now;
  }
}
