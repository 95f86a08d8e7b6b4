/**
 * What a function that is being traced touches: storages and gradients say so here when they are used, and modules say which modes they
 * looked at. Apart from the trace itself, so that all of them can know of it.
 */
import type { GradSlot } from './grad-slot.js';
import type { Storage } from './storage.js';

export interface Tracer {
  /** Different for each trace. */
  readonly id: number;
  /** A storage that was made while tracing. */
  created(storage: Storage): void;
  /** The first use of one that was there before. */
  touched(storage: Storage): void;
  /** The first use of a gradient: whether it was looked at, or just dropped or replaced. */
  touchedSlot(slot: GradSlot, reads: boolean): void;
  /** What is traced holds as long as `read` gives what it gives now. Once for each `owner`. */
  guard(owner: object, read: () => unknown): void;
}

export const tracing: { current: Tracer | null } = { current: null };

/** Looks at something without a trace being told. */
export function untraced<T>(look: () => T): T {
  const { current } = tracing;
  if (current === null) return look();
  tracing.current = null;
  try {
    return look();
  } finally {
    tracing.current = current;
  }
}
