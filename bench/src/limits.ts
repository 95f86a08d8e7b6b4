/**
 * What the machine can do at most, by the probes that belong to each engine. They lie below hadal's public face, so the built
 * files are imported by path: bench/src and bench/dist are equally far from them.
 */

import { probeCompute, probeCopy } from '../../packages/hadal/dist/codegen/wasm/probe.js';
import { measureCopy, measureFma } from '../../packages/hadal/dist/codegen/x86/probe.js';
import { openNative } from '../../packages/hadal/dist/runtime/native/index.js';
import { openWasm } from '../../packages/hadal/dist/runtime/wasm/index.js';
import { UsageError } from './errors.js';
import type { EngineName } from './result.js';

/** How much arithmetic and memory traffic an operation cannot do without. */
export interface Work {
  readonly flops: number;
  /**
   * Bytes that cross between caches and memory: those read, those written, and those that are fetched only because a write to
   * a part of a line needs the rest of it. An output elsewhere counts twice, a value updated in place counts as read and written.
   */
  readonly bytes: number;
  /** How much of them are touched at a time: the copy probe copies about this much, so that it sees the same caches. */
  readonly footprint: number;
}

export interface Limit {
  readonly ms: number;
  readonly by: 'fma' | 'copy';
}

export interface Prober {
  /** 10^9 float32 operations a second. */
  compute(): number;
  /** 10^9 bytes a second, counted as in `Work.bytes`, within a footprint of source plus destination. */
  copy(footprint: number): number;
  /** Whether a probe is quick enough to go with every round. */
  readonly quick: boolean;
}

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

/** The least time that some work can take here and now. */
export function limitOf(prober: Prober, work: Work): Limit {
  const fma = work.flops === 0 ? 0 : work.flops / prober.compute() / 1e6;
  const copy = work.bytes === 0 ? 0 : work.bytes / prober.copy(work.footprint) / 1e6;
  return fma >= copy ? { ms: fma, by: 'fma' } : { ms: copy, by: 'copy' };
}
