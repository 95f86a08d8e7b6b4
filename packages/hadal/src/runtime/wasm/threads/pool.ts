/**
 * Worker threads that run shares of launches. The calling thread posts a share to each worker, runs its own, and then takes back
 * every share that no worker has begun: it never depends on a thread that is still starting, asleep or gone. Only a share that was
 * begun and not ended is waited for, and a worker that ends in the middle of one is an error, since its results are lost.
 *
 * Workers start with the first launch that has shares for them, and the launches until then run on the calling thread. They spin for a
 * moment after each share, then sleep.
 */
import { DeviceError } from '../../../base/errors.js';
import type { Share } from '../program.js';
import type { WasmMemoryObject } from '../webassembly.js';
import { hostSpawn, type Spawn, type WorkerHandle, workerSource } from './spawn.js';
import { controlLayout, type WorkerStart } from './worker.js';

const layout = controlLayout;
/** Kernels with more code than this are not handed to workers. Large ones have some 100 KB. */
const MAILBOX_BYTES = 2 ** 20;

export interface PoolOptions {
  /** Other ways to start threads, for tests. */
  readonly spawn?: Spawn;
  /** Most workers there can be. */
  readonly workers: number;
  /** How long a worker that has begun a share may say nothing, beyond twenty times what the caller's own took. Default 10 s. */
  readonly patienceMs?: number;
  /** Told once, when the pool is given up. */
  readonly notice?: (line: string) => void;
}

/** A kernel as workers know it. */
export interface SharedKernel {
  readonly name: string;
  readonly id: number;
  readonly code: Uint8Array;
  run(blocks: number, count: number): void;
}

interface Seat {
  readonly handle: WorkerHandle;
  readonly base: number;
  /** Kernels that the worker has compiled. */
  readonly has: Set<number>;
}

/** Milliseconds that a thread spins before it sleeps: longer than the launches between two that have shares usually take. */
const WORKER_SPIN_MS = 0.2;
const CALLER_SPIN_MS = 0.1;
/** How often a sleeping caller looks whether the worker still lives. */
const LOOK_MS = 20;

const TERMINATION_MS = 1000;

const closeDropped = new FinalizationRegistry<Int32Array<SharedArrayBuffer>>(closeAll);

function closeAll(words: Int32Array<SharedArrayBuffer>): void {
  for (let base = 0; base + layout.wordsPerWorker <= words.length; base += layout.wordsPerWorker) {
    Atomics.store(words, base + layout.state, layout.closing);
    Atomics.notify(words, base + layout.state);
  }
}

export class ThreadPool {
  readonly #memory: WasmMemoryObject;
  readonly #spawn: Spawn;
  readonly #patienceMs: number;
  readonly #notice: (line: string) => void;
  readonly #control: SharedArrayBuffer;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #mailbox: number;
  readonly #canSleep: boolean;
  readonly #seats: Seat[] = [];
  readonly #limit: number;
  /** Why there are no workers any more. */
  #broken: string | null = null;

  constructor(memory: WasmMemoryObject, spawn: Spawn, options: PoolOptions) {
    this.#memory = memory;
    this.#spawn = options.spawn ?? spawn;
    this.#limit = options.workers;
    this.#patienceMs = options.patienceMs ?? 10_000;
    this.#notice = options.notice ?? ((line) => console.warn(line));
    this.#mailbox = options.workers * layout.wordsPerWorker * 4;
    this.#control = new SharedArrayBuffer(this.#mailbox + MAILBOX_BYTES);
    this.#words = new Int32Array(this.#control, 0, this.#mailbox / 4);
    this.#canSleep = canSleep();
    closeDropped.register(this, this.#words);
  }

  /** Whether workers can be had, as far as is known. */
  get usable(): boolean {
    if (this.#broken === null) this.#lookAround();
    return this.#broken === null;
  }

  /** Workers that wait for shares by now. */
  get ready(): number {
    return this.#seats.filter((s) => this.#isReady(s)).length;
  }

  /** Runs a launch: `own` here, the others on workers or here as well. Ends when all have run. */
  run(kernel: SharedKernel, own: Share, others: readonly Share[]): void {
    const posted = this.usable && kernel.code.length <= MAILBOX_BYTES ? this.#post(kernel, others) : 0;
    const begun = performance.now();
    let failure: unknown = null;
    const attempt = (share: Share): void => {
      try {
        kernel.run(share.blocks, share.count);
      } catch (error) {
        failure ??= new DeviceError(`kernel ${kernel.name} failed: ${describe(error)}`, { cause: error });
      }
    };
    attempt(own);
    for (let i = others.length - 1; i >= posted; i--) attempt(others[i]);
    const ownMs = performance.now() - begun;
    // Those that were posted last are the likeliest not to have begun.
    for (let i = posted - 1; i >= 0; i--) {
      const at = this.#seats[i].base + layout.state;
      const was = Atomics.compareExchange(this.#words, at, layout.posted, layout.idle);
      if (was === layout.posted) {
        attempt(others[i]);
        continue;
      }
      try {
        this.#join(kernel, this.#seats[i], ownMs);
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== null) throw failure;
  }

  /** Tells all workers to end. */
  close(): void {
    closeAll(this.#words);
    this.#broken ??= 'the pool was closed';
  }

  #isReady(seat: Seat): boolean {
    return Atomics.load(this.#words, seat.base + layout.life) === 1;
  }

  /** Posts the first shares to workers that are ready; says how many, which is all or those ahead of the first that is not. */
  #post(kernel: SharedKernel, shares: readonly Share[]): number {
    this.#start(Math.min(shares.length, this.#limit));
    const words = this.#words;
    let isInMailbox = false;
    let posted = 0;
    for (; posted < shares.length && posted < this.#seats.length; posted++) {
      const seat = this.#seats[posted];
      if (!this.#isReady(seat)) break;
      const { base } = seat;
      if (!seat.has.has(kernel.id)) {
        if (!isInMailbox) new Uint8Array(this.#control, this.#mailbox).set(kernel.code);
        isInMailbox = true;
        words[base + layout.codeBytes] = kernel.code.length;
      }
      words[base + layout.kernel] = kernel.id;
      words[base + layout.blocks] = shares[posted].blocks;
      words[base + layout.count] = shares[posted].count;
      Atomics.store(words, base + layout.state, layout.posted);
      Atomics.notify(words, base + layout.state);
    }
    return posted;
  }

  #start(count: number): void {
    while (this.#seats.length < count && this.#broken === null) {
      const base = this.#seats.length * layout.wordsPerWorker;
      const start: WorkerStart = {
        memory: this.#memory,
        control: this.#control,
        layout,
        base,
        mailbox: this.#mailbox,
        spinMs: WORKER_SPIN_MS,
      };
      try {
        this.#seats.push({ handle: this.#spawn(workerSource, start), base, has: new Set() });
      } catch (error) {
        this.#giveUp(`no worker thread can be started: ${describe(error)}`);
      }
    }
  }

  /** Waits for a share that was begun. */
  #join(kernel: SharedKernel, seat: Seat, ownMs: number): void {
    const words = this.#words;
    const at = seat.base + layout.state;
    const begun = performance.now();
    const patience = this.#patienceMs + 20 * ownMs;
    let nextLook = begun + LOOK_MS;
    while (Atomics.load(words, at) === layout.taken) {
      const now = performance.now();
      if (now - begun < CALLER_SPIN_MS) continue;
      if (this.#canSleep) Atomics.wait(words, at, layout.taken, LOOK_MS);
      if (now < nextLook) continue;
      nextLook = now + LOOK_MS;
      const reason = this.#whyEnded(seat);
      const isLate = now - begun > patience;
      // It may have ended the share first.
      if ((reason === null && !isLate) || Atomics.load(words, at) !== layout.taken) continue;
      const what = reason ?? `it has not answered for ${(patience / 1000).toFixed(1)} s`;
      this.#giveUp(`a worker thread was lost: ${what}`);
      if (isLate) this.#awaitEnd(seat);
      throw new DeviceError(
        `a worker thread of the wasm engine was lost in the middle of kernel ${kernel.name}: ${what}. ` +
          'The results of this run are lost; what runs from now on does so on one thread',
      );
    }
    if (Atomics.load(words, at) === layout.failed) {
      Atomics.store(words, at, layout.idle);
      throw new DeviceError(`kernel ${kernel.name} failed in a worker thread: ${this.#messageOf(seat)}`);
    }
    seat.has.add(kernel.id);
  }

  /** A thread that was only late may still write until it has ended; where the system can tell, that is waited for. */
  #awaitEnd({ base }: Seat): void {
    const thread = this.#words[base + layout.thread];
    const until = performance.now() + TERMINATION_MS;
    while (this.#canSleep && thread !== 0 && threadExists(thread) && performance.now() < until)
      Atomics.wait(this.#words, base + layout.life, 1, 1);
  }

  #messageOf({ base }: Seat): string {
    const from = base + layout.message;
    const length = this.#words[base + layout.messageLength];
    return String.fromCharCode(...this.#words.slice(from, from + length));
  }

  /** Why a worker's thread is gone, or null. The host tells only between two turns of its event loop; Linux tells at once. */
  #whyEnded({ handle, base }: Seat): string | null {
    const told = handle.ended();
    if (told !== null) return told;
    if (Atomics.load(this.#words, base + layout.life) === 2) return 'the thread has ended itself';
    const thread = this.#words[base + layout.thread];
    return thread !== 0 && !threadExists(thread) ? 'its thread does not exist any more' : null;
  }

  /** Notices workers that have ended since the last launch; no result is lost with them. */
  #lookAround(): void {
    for (const seat of this.#seats) {
      const told = seat.handle.ended();
      const ended =
        told ?? (Atomics.load(this.#words, seat.base + layout.life) === 2 ? 'it has ended itself' : null);
      if (ended !== null) {
        this.#giveUp(`a worker thread was lost: ${ended}`);
        return;
      }
    }
  }

  #giveUp(reason: string): void {
    if (this.#broken !== null) return;
    this.#broken = reason;
    for (const { handle } of this.#seats) handle.terminate();
    this.#notice(`hadal: the wasm engine goes on with one thread, ${reason}`);
  }
}

/** The pool for a shared memory, or null where this host has no threads. */
export function openPool(memory: WasmMemoryObject, options: PoolOptions): ThreadPool | null {
  const spawn = options.spawn ?? hostSpawn();
  return spawn ? new ThreadPool(memory, spawn, options) : null;
}

/** A page's main thread may not sleep. */
function canSleep(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0);
    return true;
  } catch {
    return false;
  }
}

function threadExists(thread: number): boolean {
  const host = (
    globalThis as {
      process?: { getBuiltinModule?(name: 'node:fs'): { existsSync(path: string): boolean } | undefined };
    }
  ).process;
  return host?.getBuiltinModule?.('node:fs')?.existsSync(`/proc/self/task/${thread}`) ?? true;
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
