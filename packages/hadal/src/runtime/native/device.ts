/** The native CPU as a device: memory in ArrayBuffers, code in executable pages, launches through one assembled trampoline. */
import { config } from '../../base/config.js';
import { ArgumentError } from '../../base/errors.js';
import type { DotOp } from '../../kernel/l3.js';
import type { Target, Threads } from '../../kernel/target.js';
import { oneThread } from '../../kernel/target.js';
import type { Device, Executable, LaunchSpec, Memory, Program } from '../device.js';
import { MemoryRange } from '../device.js';
import { availableMemory } from '../host-memory.js';
import type { Level, NativeFeatures } from './features.js';
import { detectDots, detectLevels } from './features.js';
import { loadKoffi } from './koffi.js';
import { Machine } from './machine.js';
import { MemoryPool, NativeMemory } from './memory.js';
import { nameCode } from './perf-map.js';
import { NativeExecutable, NativeProgram } from './program.js';
import { avx2Target, avx512Target } from './targets.js';
import { ThreadPool } from './threads/pool.js';

export interface NativeOptions {
  /** An instruction set other than the best. */
  readonly level?: Level;
  /** Bytes of released memory to keep for reuse; 1 GiB if not given. */
  readonly poolBytes?: number;
  /** What launches are cut up for instead of `config.numThreads`. */
  readonly shares?: Threads;
  /** Other workers than the process's, for tests. */
  readonly threads?: ThreadPool;
}

/**
 * A share that takes less than this by the estimates of `kernel/parts.ts` is not worth a worker; AVX-512 needs a quarter to a half of
 * them. To fork and join takes 0.4 us while the worker looks for work, and 15 to 25 us once in a plan where it sleeps.
 */
const LEAST_SHARE_NS = 20_000;

export type OpenedNative =
  | { readonly ok: true; readonly device: NativeDevice; readonly features: NativeFeatures }
  | { readonly ok: false; readonly reason: string };

interface OpenMachine {
  readonly machine: Machine;
  readonly levels: readonly Level[];
  readonly dots: readonly DotOp[];
  readonly threads: ThreadPool;
}

let machine: OpenMachine | { readonly reason: string } | null = null;

function openMachine(): OpenMachine | { readonly reason: string } {
  const loaded = loadKoffi();
  if (!loaded.ok) return { reason: loaded.reason };
  try {
    const opened = new Machine(loaded.koffi);
    const levels = detectLevels(opened);
    opened.keepFreedMemory();
    return { machine: opened, levels, dots: detectDots(opened), threads: new ThreadPool(opened) };
  } catch (error) {
    return {
      reason: `native code cannot run here: ${error instanceof Error ? error.message : String(error)}`,
    };
  }
}

/** The native engine, or why there is none. */
export function openNative(options: NativeOptions = {}): OpenedNative {
  machine ??= openMachine();
  if ('reason' in machine) return { ok: false, reason: machine.reason };
  const { levels } = machine;
  if (levels.length === 0) return { ok: false, reason: 'the processor has no AVX2, FMA and F16C' };
  const level = options.level ?? levels[0];
  if (!levels.includes(level)) return { ok: false, reason: `the processor has no ${level}` };
  const features = { level };
  return {
    ok: true,
    device: new NativeDevice(machine, features, options),
    features,
  };
}

export class NativeDevice implements Device {
  readonly name = 'native';
  readonly target: Target;
  readonly #machine: Machine;
  readonly #pool: MemoryPool;
  readonly #threads: ThreadPool;
  readonly #shares: Threads | null;

  constructor(opened: OpenMachine, features: NativeFeatures, options: NativeOptions) {
    this.#machine = opened.machine;
    this.target = features.level === 'avx512' ? { ...avx512Target, dots: opened.dots } : avx2Target;
    this.#pool = new MemoryPool(opened.machine, options.poolBytes ?? 2 ** 30);
    this.#threads = options.threads ?? opened.threads;
    this.#shares = options.shares ?? null;
  }

  get threads(): Threads {
    if (this.#shares) return this.#shares;
    const count = Math.min(config.numThreads, this.#threads.limit + 1);
    return count > 1 ? { count, leastShareNs: LEAST_SHARE_NS } : oneThread;
  }

  /** Worker threads that there are by now. */
  get workers(): number {
    return this.#threads.workers;
  }

  availableBytes(wanted: number): number {
    const available = availableMemory() + this.#pool.pooledBytes;
    if (available >= wanted) return available;
    // What malloc keeps counts as taken until it is given back.
    this.#machine.trim();
    return availableMemory() + this.#pool.pooledBytes;
  }

  /** Nothing is ever moved. */
  expect(): void {}

  tidy(nodes: number): void {
    this.#pool.tidy(nodes);
  }

  allocate(bytes: number): NativeMemory {
    return this.#pool.allocate(bytes);
  }

  release(memory: Memory): void {
    this.#pool.release(own(memory));
  }

  write(memory: Memory, byteOffset: number, data: Uint8Array): void {
    own(memory).view(byteOffset, data.byteLength).set(data);
  }

  clear(memory: Memory): void {
    own(memory).view(0, memory.bytes).fill(0);
  }

  duplicate(memory: Memory): NativeMemory {
    const copy = this.allocate(memory.bytes);
    copy.view(0, memory.bytes).set(own(memory).view(0, memory.bytes));
    return copy;
  }

  read(memory: Memory, byteOffset: number, bytes: number): Uint8Array<ArrayBuffer> {
    if (memory instanceof MemoryRange) return this.read(memory.base, memory.byteOffset + byteOffset, bytes);
    return own(memory).view(byteOffset, bytes).slice();
  }

  load(name: string, code: Uint8Array): Executable {
    const address = this.#machine.executable(code);
    nameCode(name, address, code.byteLength);
    return new NativeExecutable(name, address);
  }

  program(launches: readonly LaunchSpec[]): Program {
    return new NativeProgram(launches, this.#machine, this.#threads);
  }
}

function own(memory: Memory): NativeMemory {
  if (!(memory instanceof NativeMemory)) throw new ArgumentError('the memory does not belong to this device');
  return memory;
}
