/**
 * What the machine can do at most, by the probes that belong to each engine. They lie below hadal's public face, so the built
 * files are imported by path: bench/src and bench/dist are equally far from them.
 */

import { probeCompute, probeCopy } from '../../packages/hadal/dist/codegen/wasm/probe.js';
import { measureCopy, measureFma } from '../../packages/hadal/dist/codegen/x86/probe.js';
import { openNative } from '../../packages/hadal/dist/runtime/native/index.js';
import { openWasm } from '../../packages/hadal/dist/runtime/wasm/index.js';
import { UsageError } from './errors.js';
import type { Prober } from './limits.js';
import type { EngineName } from './result.js';

function nativeProber(): Prober {
  const opened = openNative();
  if (!opened.ok) throw new UsageError(`the native engine cannot run here: ${opened.reason}`);
  const { device, features } = opened;
  return {
    quick: true,
    compute: () => measureFma(device, features),
    // The probe counts each byte copied once; it is read, fetched at its destination, and written.
    copy: (footprint) => 3 * measureCopy(device, features, footprint / 2),
  };
}

function wasmProber(): Prober {
  const opened = openWasm();
  if (!opened.ok) throw new UsageError(`the wasm engine cannot run here: ${opened.reason}`);
  const { relaxed } = opened.device.support;
  return {
    quick: false,
    compute: () => probeCompute({ relaxed }).gflops,
    // This one counts each byte copied twice.
    copy: (footprint) => 1.5 * probeCopy(footprint / 2).gigabytesPerSecond,
  };
}

export function openProber(engine: EngineName): Prober {
  return engine === 'native' ? nativeProber() : wasmProber();
}
