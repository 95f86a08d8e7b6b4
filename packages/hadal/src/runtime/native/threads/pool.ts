/**
 * The worker threads of the process. There is one pool, whichever isolates use it: its memory lies at an address that all know. Where a
 * launch finds it taken by another isolate's, it runs on its own thread (`stubs.ts`).
 *
 * Workers start with the first program that has shares for them, never end, and are not known to V8.
 */
import type { Machine } from '../machine.js';
import { LAYOUT_VERSION, layout, MAX_WORKERS, POOL_BYTES } from './layout.js';

/**
 * Above where V8 looks for memory (46 bits) and below where Linux puts programs and libraries by itself (from 0x55.. and 0x7f..).
 * In ASCII: "had".
 */
const POOL_ADDRESS = 0x6861_6400_0000;

/** How long a thread looks for what it waits for before it sleeps. */
const SPIN_US = 50;

/** Kernels take some KB of it for what they spill. */
const STACK_BYTES = 1 << 20;

/** What a pool needs of the machine; tests hand in others. */
export type PoolMachine = Pick<Machine, 'compareExchange' | 'pauses' | 'worker' | 'threads'>;

export interface PoolOptions {
  /** Told once, when there can be no workers. */
  readonly notice?: (line: string) => void;
}

export class ThreadPool {
  readonly #machine: PoolMachine;
  readonly #notice: (line: string) => void;
  #address = 0;
  #spins = 0;
  #limit = MAX_WORKERS;

  constructor(machine: PoolMachine, options: PoolOptions = {}) {
    this.#machine = machine;
    this.#notice = options.notice ?? ((line) => console.warn(line));
  }

  /** As many workers as can be had, as far as is known. */
  get limit(): number {
    return this.#limit;
  }

  /** Where the pool's memory is, 0 before there is any. */
  get address(): number {
    return this.#address;
  }

  /** Workers of the process, whoever started them. */
  get workers(): number {
    return this.#address === 0 ? 0 : this.#load(layout.workers);
  }

  /** Starts workers until there are so many, or none can be started any more: then there is a notice, and `limit` is what there are. */
  ensure(workers: number): void {
    const wanted = Math.min(workers, this.#limit);
    if (wanted > 0 && this.#address === 0) this.#open();
    while (this.#address !== 0 && this.workers < Math.min(wanted, this.#limit)) this.#start(this.workers);
  }

  #open(): void {
    const { threads, compareExchange } = this.#machine;
    const memory = threads.memoryOfProcess(POOL_ADDRESS, POOL_BYTES);
    if (!memory.ok) {
      this.#stopAt(0, memory.reason);
      return;
    }
    const version = compareExchange(memory.value + layout.version, 0, LAYOUT_VERSION);
    if (version === 0 || version === LAYOUT_VERSION) this.#address = memory.value;
    else this.#stopAt(0, 'another version of hadal has the threads of this process');
  }

  /**
   * Starts the worker of a seat, unless another isolate does. The seat counts before its thread is there: what is posted meanwhile is
   * taken back, and so it is for ever should this isolate be terminated in between.
   */
  #start(index: number): void {
    const { threads, compareExchange, worker } = this.#machine;
    if (this.#spins === 0) this.#spins = spinsFor(this.#machine, SPIN_US);
    const count = this.#address + layout.workers;
    const seat = this.#address + layout.seats + index * layout.seatBytes;
    compareExchange(seat + layout.spins, 0, this.#spins);
    if (compareExchange(count, index, index + 1) !== index) return;
    const started = threads.start(worker, seat, STACK_BYTES, 'hadal');
    if (started.ok) return;
    compareExchange(count, index + 1, index);
    this.#stopAt(index, started.reason);
  }

  #load(offset: number): number {
    return this.#machine.compareExchange(this.#address + offset, 0, 0);
  }

  #stopAt(workers: number, reason: string): void {
    this.#limit = workers;
    const threads = workers === 0 ? 'one thread' : `${workers + 1} threads`;
    this.#notice(`hadal: the native engine goes on with ${threads}: ${reason}`);
  }
}

/** How many looks take about so many microseconds: a `pause` takes 4 nanoseconds on one processor and 50 on another. */
function spinsFor(machine: PoolMachine, us: number): number {
  const looks = 500;
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 5; i++) {
    const begun = performance.now();
    machine.pauses(looks);
    least = Math.min(least, performance.now() - begun);
  }
  return Math.max(100, Math.min(1_000_000, Math.round((looks * us) / 1000 / Math.max(least, 1e-4))));
}
