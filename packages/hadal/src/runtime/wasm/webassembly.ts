/**
 * The part of the WebAssembly JavaScript API that hadal uses. It is the same in Node, Deno, Bun and browsers, but its
 * declarations come with the DOM's, which do not belong in code that runs everywhere.
 */
export interface WasmModule {
  readonly [Symbol.toStringTag]: string;
}

export interface WasmInstance {
  readonly exports: { readonly [name: string]: unknown };
}

export interface WasmMemoryObject {
  readonly buffer: ArrayBufferLike;
  /** Adds pages of 64 KiB; earlier buffers are detached, or too short if they are shared. Throws `RangeError` when the host has none left. */
  grow(pages: number): number;
}

export interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => WasmModule;
  readonly Instance: new (
    module: WasmModule,
    imports: { readonly [module: string]: { readonly [name: string]: unknown } },
  ) => WasmInstance;
  readonly Memory: new (limits: { initial: number; maximum?: number; shared?: boolean }) => WasmMemoryObject;
  validate(bytes: Uint8Array): boolean;
}

/** `null` where the host has no WebAssembly. */
export function webAssembly(): WebAssemblyApi | null {
  return (globalThis as { WebAssembly?: WebAssemblyApi }).WebAssembly ?? null;
}
