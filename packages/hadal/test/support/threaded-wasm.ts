/** The wasm engine with its device at hand, for tests of threads and of memory. */
import { compileWasm } from '../../src/codegen/wasm/index.js';
import { CompiledBackend } from '../../src/engine/compiled.js';
import { Engine } from '../../src/engine/engine.js';
import { openWasm, type WasmDevice, type WasmOptions } from '../../src/runtime/wasm/index.js';
import { Workspace } from '../../src/tensor/workspace.js';

export interface ThreadedWasm {
  readonly space: Workspace;
  readonly device: WasmDevice;
}

/** Opens the engine; where this host has no threads its memory is its own. */
export function openThreadedWasm(options: WasmOptions = {}): ThreadedWasm {
  const opened = openWasm({ threaded: true, ...options });
  if (!opened.ok) throw new Error(opened.reason);
  const { device } = opened;
  const { shared, support } = device;
  const backend = new CompiledBackend('wasm', 'wasm with its device at hand', device, (fn) => ({
    code: compileWasm(fn, { relaxed: support.relaxed, shared }),
    listing: () => '',
  }));
  return { device, space: new Workspace(new Engine(backend)) };
}
