/** Opens engines and picks the fastest that runs here. */
import { DeviceError } from '../base/errors.js';
import { compileWasm } from '../codegen/wasm/index.js';
import { compileX86 } from '../codegen/x86/index.js';
import { type NativeOptions, openNative } from '../runtime/native/index.js';
import { openWasm, type WasmOptions } from '../runtime/wasm/index.js';
import type { Backend, EngineName } from './backend.js';
import { CompiledBackend } from './compiled.js';
import { ReferenceBackend } from './reference.js';

type Opened =
  | { readonly ok: true; readonly backend: Backend }
  | { readonly ok: false; readonly reason: string };

/** Machine code for this processor. */
export function nativeBackend(options: NativeOptions = {}): Opened {
  const opened = openNative(options);
  if (!opened.ok) return opened;
  const { device, features } = opened;
  const set = features.level === 'avx512' ? 'AVX-512' : 'AVX2 and FMA';
  const backend = new CompiledBackend('native', `machine code for this processor, ${set}`, device, (fn) => {
    const compiled = compileX86(fn, features);
    return { code: compiled.code, listing: () => compiled.listing };
  });
  return { ok: true, backend };
}

/** WebAssembly with 128-bit vectors. */
export function wasmBackend(options: WasmOptions = {}): Opened {
  const opened = openWasm({ threaded: true, ...options });
  if (!opened.ok) return opened;
  const { device } = opened;
  const { shared } = device;
  const relaxed = device.support.relaxed;
  const backend = new CompiledBackend(
    'wasm',
    `WebAssembly SIMD${relaxed ? ' with fused multiply-add' : ''}`,
    device,
    (fn) => {
      const code = compileWasm(fn, { relaxed, shared });
      return { code, listing: () => `${fn.name}: ${code.length} bytes of WebAssembly` };
    },
  );
  return { ok: true, backend };
}

function open(name: EngineName): Opened {
  switch (name) {
    case 'native':
      return nativeBackend();
    case 'wasm':
      return wasmBackend();
    case 'reference':
      return { ok: true, backend: new ReferenceBackend() };
  }
}

export const engineNames: readonly EngineName[] = ['native', 'wasm', 'reference'];

/** Opens an engine by name or says why it cannot run here. */
export function openBackend(name: EngineName): Backend {
  if (!engineNames.includes(name))
    throw new DeviceError(`no engine is called ${JSON.stringify(name)}; there are ${engineNames.join(', ')}`);
  const opened = open(name);
  if (opened.ok) return opened.backend;
  throw new DeviceError(`the ${name} engine cannot run here: ${opened.reason}`);
}

/** The first of native, wasm and reference that runs here, with one line of notice where it is not the first. */
export function fastestBackend(notice: (line: string) => void = (line) => console.warn(line)): Backend {
  const reasons: string[] = [];
  for (const name of engineNames) {
    const opened = open(name);
    if (opened.ok) {
      if (reasons.length > 0) notice(`hadal: using the ${name} engine (${reasons.join('; ')})`);
      return opened.backend;
    }
    // Notices are one line; what Node adds about its search is not for everyone.
    reasons.push(`${name}: ${opened.reason.split('\n')[0]}`);
  }
  throw new DeviceError(`no engine runs here: ${reasons.join('; ')}`);
}
