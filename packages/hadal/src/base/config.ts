import { availableCores } from './cores.js';
import { ArgumentError } from './errors.js';

/** More threads than this are refused: each has a stack, a copy of every kernel and workspaces of its own. */
export const MAX_THREADS = 64;

/** Counted when it is first asked for: that takes reading some files. */
let numThreads: number | null = null;

let perfMap = false;
const perfMapWriters: (() => void)[] = [];

/** Has `write` called whenever `config.perfMap` is set to true. */
export function onPerfMap(write: () => void): void {
  perfMapWriters.push(write);
}

/** Settings that change behaviour; no environment variable is ever read. */
export const config = {
  /** Realise after every op and remember the user's line of each, so that errors point at it. Slow; for finding bugs. */
  debug: false,
  /**
   * Threads that large kernels are spread over, the calling one among them: 1 to 64, at first as many as there are cores for this
   * process by its affinity and the limits of its container. A change counts from the next run on. Results are the same bits for any
   * number. Engines that have no threads here (a page without cross-origin isolation, a sandbox that allows none) run on one. Setting
   * anything but a whole number from 1 to 64 throws an `ArgumentError`.
   */
  get numThreads(): number {
    numThreads ??= Math.min(MAX_THREADS, availableCores());
    return numThreads;
  },
  set numThreads(count: number) {
    if (!Number.isInteger(count) || count < 1 || count > MAX_THREADS)
      throw new ArgumentError(
        `config.numThreads must be a whole number from 1 to ${MAX_THREADS}, not ${String(count)}`,
      );
    numThreads = count;
  },
  /**
   * Names the native engine's kernels for Linux's `perf`: set to true, `/tmp/perf-PID.map` gets a line for each that is loaded, now or
   * later, so that `perf record -p PID` and then `perf report` tell them apart (`perf record -g` follows no frames through them).
   * Nothing is taken back by setting it to false, and other engines have nothing to name. Throws a `DeviceError` if the file cannot be
   * written.
   *
   * @example
   * ```ts
   * import { config, ones } from 'hadal';
   *
   * config.perfMap = true;
   * const y = ones([64, 64]).mul(2).exp();
   * y.dataSync(); // perf-PID.map now has a line for the kernel
   * config.perfMap = false;
   * ```
   */
  get perfMap(): boolean {
    return perfMap;
  },
  set perfMap(wanted: boolean) {
    if (typeof wanted !== 'boolean')
      throw new ArgumentError(`config.perfMap must be true or false, not ${String(wanted)}`);
    perfMap = wanted;
    if (wanted) for (const write of perfMapWriters) write();
  },
  /**
   * Whether convolutions of 3x3 kernels with step 1 may run by Winograd's algorithm, which takes a quarter of the multiplications; it is
   * used where a convolution is large enough to gain by it. Results differ by rounding: measured errors are up to 2e-6 of the sum of
   * magnitudes of all products in a tile of 4x4 results, where a direct sum has up to 7e-7 of those of one result. A NaN or an infinity in
   * the input makes all results of its tiles NaN, not only those that it is part of, and magnitudes above about 1e37 may overflow. Set to
   * false, all convolutions are direct sums. A change counts from the next run on; functions that were compiled keep what they have.
   *
   * @example
   * ```ts
   * import { config } from 'hadal';
   *
   * config.winograd = false; // sums in the order of the definition
   * config.winograd = true;
   * ```
   */
  winograd: true,
  /**
   * How many tensors of this process remember the line that made them (one stack trace each, 2 to 10 microseconds). The
   * lines are shown by `StaleValueError`. `Infinity` keeps them for every tensor.
   */
  tracedTensors: 1024,
  /** A pending graph of more nodes than this runs by itself. */
  pendingNodes: 20_000,
  /** A pending graph whose results take more bytes than this runs by itself. */
  pendingBytes: 1 << 30,
};
