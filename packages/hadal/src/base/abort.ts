/** The type of an `AbortSignal`: the platform's own, or what hadal uses of it where a program has neither the DOM's types nor Node's. */

interface MinimalAbortSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  throwIfAborted(): void;
  addEventListener(type: 'abort', listener: () => void, options?: { readonly once?: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

export type AbortSignal = typeof globalThis extends { readonly AbortSignal: { readonly prototype: infer T } }
  ? T
  : MinimalAbortSignal;
