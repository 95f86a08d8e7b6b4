/**
 * Loads koffi, the foreign function interface, when the native engine is first opened. It is an optional dependency: nothing
 * here imports it, or any Node module, statically, so that bundlers for browsers never see them.
 */

export type ForeignFunction = (...args: readonly unknown[]) => unknown;

/** The part of koffi that the engine uses. */
export interface Koffi {
  load(path: string): { func(name: string, result: string, args: readonly string[]): ForeignFunction };
  proto(result: string, args: readonly string[]): unknown;
  decode(address: bigint, type: unknown): ForeignFunction;
  /** The last call's `errno`. */
  errno(): number;
}

export type Loaded =
  | { readonly ok: true; readonly koffi: Koffi }
  | { readonly ok: false; readonly reason: string };

export function loadKoffi(): Loaded {
  if (typeof process === 'undefined' || typeof process.getBuiltinModule !== 'function') {
    return { ok: false, reason: 'native code needs Node 20.19 or later' };
  }
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return {
      ok: false,
      reason: `native code runs on Linux x64 for now, this is ${process.platform} ${process.arch}`,
    };
  }
  try {
    const { createRequire } = process.getBuiltinModule('node:module');
    const load = createRequire(import.meta.url);
    return { ok: true, koffi: load('koffi') as Koffi };
  } catch (error) {
    return {
      ok: false,
      reason: `koffi is not installed or does not load: ${error instanceof Error ? error.message : String(error)}`,
    };
  }
}
