/**
 * The WebAssembly engine as a device. Runs in Node, Deno, Bun and browsers; code is compiled synchronously, since kernels are
 * small.
 */
import { config, MAX_THREADS } from '../../base/config.js';
import { DeviceError, InternalError } from '../../base/errors.js';
import type { Target } from '../../kernel/target.js';
import { oneThread, type Threads } from '../../kernel/target.js';
import type { Device, Executable, LaunchSpec, Memory, Program } from '../device.js';
import { MemoryRange } from '../device.js';
import { availableMemory } from '../host-memory.js';
import { detectWasm, type WasmSupport } from './detect.js';
import type { Slot } from './heap.js';
import { MemoryPool, type PoolLimits, WasmMemory } from './memory-pool.js';
import { argumentBytes, type KernelFunction, WasmExecutable, WasmProgram } from './program.js';
import { wasmTarget } from './target.js';
import { openPool, type PoolOptions, type ThreadPool } from './threads/pool.js';
import { hostSpawn } from './threads/spawn.js';
import { type WasmMemoryObject, type WebAssemblyApi, webAssembly } from './webassembly.js';

const PAGE = 65536;
/** One page less than 32 bits can address, so that the end of memory still has an address. */
const MAXIMUM_BYTES = 65535 * PAGE;
const BUDGET_BYTES = 256 * 2 ** 20;
const INITIAL_BYTES = 2 ** 20;
/** A share that takes a core less than this is not worth a worker: waking one takes a few microseconds, a sleeping one some tens. */
const LEAST_SHARE_NS = 25_000;

export interface WasmOptions {
  /** Above this many bytes in use, values that were not used for long move out of WebAssembly memory. Default 256 MiB. */
  readonly budgetBytes?: number;
  /** WebAssembly memory never grows beyond this. Default: all that 32 bits can address. */
  readonly maximumBytes?: number;
  /** Whether launches may be spread over worker threads, which takes shared memory. Default false. */
  readonly threaded?: boolean;
  /** What launches are cut up for instead of `config.numThreads`. */
  readonly shares?: Threads;
  /** How worker threads are had and given up, for tests. */
  readonly pool?: Partial<PoolOptions>;
}

function initialPages(maximumBytes: number): number {
  return Math.max(1, Math.floor(Math.min(INITIAL_BYTES, maximumBytes) / PAGE));
}

/**
 * A memory that threads can share, or null where there is none. Its maximum is reserved at once, so where the host refuses it half as
 * much is asked for.
 */
function sharedMemory(
  api: WebAssemblyApi,
  wantedBytes: number,
): { readonly memory: WasmMemoryObject; readonly maximumBytes: number } | null {
  if (typeof SharedArrayBuffer === 'undefined' || !hostSpawn()) return null;
  const initial = initialPages(wantedBytes);
  for (let maximum = Math.floor(wantedBytes / PAGE); maximum >= initial; maximum = Math.floor(maximum / 2)) {
    try {
      const memory = new api.Memory({ initial, maximum, shared: true });
      return { memory, maximumBytes: maximum * PAGE };
    } catch (error) {
      if (!(error instanceof RangeError)) return null;
    }
  }
  return null;
}

export type WasmOpening =
  | { readonly ok: true; readonly device: WasmDevice }
  | { readonly ok: false; readonly reason: string };

export class WasmDevice implements Device {
  readonly name = 'wasm';
  readonly target: Target = wasmTarget;
  readonly support: WasmSupport;
  /** Whether modules have to import a shared memory. */
  readonly shared: boolean;
  readonly #api: WebAssemblyApi;
  readonly #pool: MemoryPool;
  readonly #threadPool: ThreadPool | null;
  readonly #shares: Threads | null;
  readonly #droppedPrograms: FinalizationRegistry<Slot>;
  #executables = 0;

  constructor(api: WebAssemblyApi, limits: PoolLimits, options: WasmOptions) {
    this.support = detectWasm();
    this.#api = api;
    const shared = options.threaded ? sharedMemory(api, limits.maximumBytes) : null;
    // Unshared, no maximum is declared: hosts may reserve it up front.
    const memory = shared?.memory ?? new api.Memory({ initial: initialPages(limits.maximumBytes) });
    const pool = new MemoryPool(memory, {
      ...limits,
      maximumBytes: shared?.maximumBytes ?? limits.maximumBytes,
    });
    this.#pool = pool;
    this.#threadPool = shared ? openPool(memory, { workers: MAX_THREADS - 1, ...options.pool }) : null;
    this.shared = shared !== null;
    this.#shares = options.shares ?? null;
    this.#droppedPrograms = new FinalizationRegistry((slot) => pool.giveBack(slot));
  }

  get threads(): Threads {
    if (this.#shares) return this.#shares;
    const count = config.numThreads;
    return count > 1 && this.#threadPool?.usable ? { count, leastShareNs: LEAST_SHARE_NS } : oneThread;
  }

  /** Worker threads that wait for work by now. */
  get readyWorkers(): number {
    return this.#threadPool?.ready ?? 0;
  }

  /** Bytes of WebAssembly memory: those in use, and all there are. */
  get memoryUse(): { readonly usedBytes: number; readonly totalBytes: number } {
    return { usedBytes: this.#pool.usedBytes, totalBytes: this.#pool.memory.buffer.byteLength };
  }

  availableBytes(): number {
    // Values that were not used for long can move out to the host's memory; those of one run cannot.
    return Math.min(availableMemory(), this.#pool.limits.maximumBytes);
  }

  expect(bytes: number): void {
    this.#pool.expect(bytes);
  }

  /** Memory is budgeted by the pool. */
  tidy(): void {}

  allocate(bytes: number): Memory {
    return this.#pool.allocate(bytes);
  }

  release(memory: Memory): void {
    this.#pool.release(own(memory));
  }

  write(memory: Memory, byteOffset: number, data: Uint8Array): void {
    this.#pool.write(own(memory), byteOffset, data);
  }

  clear(memory: Memory): void {
    this.#pool.clear(own(memory));
  }

  duplicate(memory: Memory): Memory {
    return this.#pool.duplicate(own(memory));
  }

  read(memory: Memory, byteOffset: number, bytes: number): Uint8Array<ArrayBuffer> {
    if (memory instanceof MemoryRange) return this.read(memory.base, memory.byteOffset + byteOffset, bytes);
    return this.#pool.read(own(memory), byteOffset, bytes);
  }

  load(name: string, code: Uint8Array): Executable {
    let run: unknown;
    try {
      const module = new this.#api.Module(code);
      run = new this.#api.Instance(module, { env: { memory: this.#pool.memory } }).exports.run;
    } catch (error) {
      throw new DeviceError(
        `WebAssembly refuses kernel ${name}: ${error instanceof Error ? error.message : error}`,
      );
    }
    if (typeof run !== 'function')
      throw new InternalError(`the module of kernel ${name} exports no function run`);
    return new WasmExecutable(name, run as KernelFunction, this.#executables++, code);
  }

  program(launches: readonly LaunchSpec[]): Program {
    const slot = this.#pool.reserve(argumentBytes(launches));
    const program = new WasmProgram(this.#pool, this.#threadPool, slot, launches);
    this.#droppedPrograms.register(program, slot);
    return program;
  }
}

/** The engine, or why it cannot run here. */
export function openWasm(options: WasmOptions = {}): WasmOpening {
  const api = webAssembly();
  if (!api) return { ok: false, reason: 'this host has no WebAssembly' };
  if (!detectWasm().simd) return { ok: false, reason: 'this host’s WebAssembly has no SIMD' };
  const maximumBytes = Math.min(options.maximumBytes ?? MAXIMUM_BYTES, MAXIMUM_BYTES);
  if (maximumBytes < PAGE)
    return { ok: false, reason: `${maximumBytes} bytes are less than one WebAssembly page (${PAGE})` };
  try {
    return {
      ok: true,
      device: new WasmDevice(
        api,
        { budgetBytes: options.budgetBytes ?? BUDGET_BYTES, maximumBytes },
        options,
      ),
    };
  } catch (error) {
    if (error instanceof RangeError)
      return { ok: false, reason: `no WebAssembly memory can be had: ${error.message}` };
    throw error;
  }
}

function own(memory: Memory): WasmMemory {
  if (!(memory instanceof WasmMemory)) throw new InternalError('this memory belongs to another device');
  return memory;
}
