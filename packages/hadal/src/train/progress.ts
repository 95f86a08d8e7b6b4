/**
 * The progress of an epoch. On a terminal it is one line, rewritten in place; in a log it is a plain line every few seconds.
 *
 * The cursor is never hidden and no signal is caught, so whatever ends the process leaves the terminal as it was; a line
 * that is still open when the process exits gets its newline. A reader that goes away (`npm start | head -1`) stops the
 * output, not the training.
 */
import { ArgumentError } from '../base/errors.js';

/** Where lines go; `process.stdout` is one. */
export interface ProgressOutput {
  write(text: string): unknown;
  /** Whether a carriage return lets a line be rewritten. */
  readonly isTTY?: boolean;
  /** Width of the terminal in characters; 0 if it does not say. */
  readonly columns?: number;
  on?(event: 'error', listener: (error: Error) => void): unknown;
  listenerCount?(event: 'error'): number;
}

export interface ProgressOptions {
  /** Number of steps; without it there is no bar and no time left. */
  readonly total?: number;
  /** Steps that were done before, in a run that was interrupted. They count as done and not for the rate. Default 0. */
  readonly done?: number;
  /** What the line begins with, such as `epoch 1/5`. */
  readonly label?: string;
  /** Default: `process.stdout`, or `console.log` where there is none. */
  readonly output?: ProgressOutput;
  /** Seconds between plain lines in a log. Default 5. */
  readonly logInterval?: number;
  /** Clock in milliseconds, for tests. Default: `performance.now`. */
  readonly now?: () => number;
}

/** Figures to show, in their order: `{ loss: 0.12, accuracy: 0.97 }`. */
export type Metrics = Readonly<Record<string, number>>;

/** Milliseconds between two drawings on a terminal: faster than that nobody reads. */
const drawInterval = 50;

const widestBar = 24;
const narrowestBar = 8;

/**
 * A progress line, from construction to `finish`.
 *
 * @throws ArgumentError if `total` is not a non-negative integer. Writing never throws.
 *
 * @example
 * ```ts
 * import { ProgressLine } from 'hadal';
 * const progress = new ProgressLine({ label: 'epoch 1/5', total: 469 });
 * for (let step = 1; step <= 469; step++) progress.update(step, { samples: step * 128, metrics: { loss: 1 / step } });
 * progress.finish();
 * // epoch 1/5 ━━━━━━━━━━━━━━━━━━━━━━━━ 469/469  loss 0.0021  60,032 samples/s  1.0 s
 * ```
 */
export class ProgressLine {
  readonly #total: number | undefined;
  /** Steps done before the clock began. */
  readonly #before: number;
  readonly #label: string;
  readonly #output: ProgressOutput;
  readonly #interval: number;
  readonly #now: () => number;
  readonly #live: boolean;
  readonly #start: number;
  #step: number;
  #samples = 0;
  /** When the samples were through, if `rest` was called. */
  #stopped: number | undefined;
  #metrics: Metrics = {};
  #drawn: number;
  /** Whether the cursor stands behind an unfinished line. */
  #open = false;
  #finished = false;

  constructor(options: ProgressOptions) {
    const {
      total,
      done = 0,
      label = '',
      output = defaultOutput(),
      logInterval = 5,
      now = () => performance.now(),
    } = options;
    if (total !== undefined && (!Number.isInteger(total) || total < 0)) {
      throw new ArgumentError(`ProgressLine: total must be a non-negative integer, got ${total}`);
    }
    this.#total = total;
    this.#before = done;
    this.#step = done;
    this.#label = label;
    this.#output = output;
    this.#live = output.isTTY === true;
    this.#interval = this.#live ? drawInterval : logInterval * 1000;
    this.#now = now;
    this.#start = now();
    // A terminal gets its line at the first step, a log after its first interval.
    this.#drawn = this.#live ? Number.NEGATIVE_INFINITY : this.#start;
    guard(output);
  }

  /**
   * Tells how far the work is. Draws only when it is time to, so it may be called every step.
   *
   * @param step steps done so far.
   * @param state samples done so far, for the rate; metrics replace those of the same name and the others stay.
   */
  update(step: number, state: { readonly samples?: number; readonly metrics?: Metrics } = {}): void {
    if (this.#finished) return;
    this.#step = step;
    if (state.samples !== undefined) this.#samples = state.samples;
    if (state.metrics !== undefined) this.#metrics = { ...this.#metrics, ...state.metrics };
    const now = this.#now();
    if (now - this.#drawn < this.#interval) return;
    this.#drawn = now;
    if (this.#live) this.#draw(now);
    else this.#write(`${this.#text(now, Number.POSITIVE_INFINITY)}\n`);
  }

  /** Whether `update` would draw now: what is costly to show need not be computed before. */
  get due(): boolean {
    return !this.#finished && this.#now() - this.#drawn >= this.#interval;
  }

  /** Tells that the samples are through: what follows, such as a validation, does not count for the rate. */
  rest(): void {
    this.#stopped ??= this.#now();
  }

  /** Writes a line of its own without harm to the line that is rewritten in place, which goes on after it. */
  note(text: string): void {
    if (!this.#open) {
      this.#write(`${text}\n`);
      return;
    }
    this.#write(`\r\x1b[K${text}\n`);
    this.#draw(this.#now());
  }

  /** Writes the line a last time, with the time it took in place of the time left, and ends it. */
  finish(metrics: Metrics = {}): void {
    if (this.#finished) return;
    this.#metrics = { ...this.#metrics, ...metrics };
    this.#finished = true;
    const now = this.#now();
    if (this.#live) {
      this.#draw(now);
      this.#close();
    } else {
      this.#write(`${this.#text(now, Number.POSITIVE_INFINITY)}\n`);
    }
  }

  /** Ends the line where it stands, before an error or another message. Nothing is drawn afterwards. */
  abandon(): void {
    this.#finished = true;
    if (this.#open) this.#close();
  }

  #draw(now: number): void {
    // The last column stays free: some terminals wrap as soon as it is written, and \r would return to the wrong line.
    const width = (this.#output.columns || 80) - 1;
    if (!this.#open) {
      this.#open = true;
      onExit()?.on('exit', this.#close);
    }
    this.#write(`\r${this.#text(now, width)}\x1b[K`);
  }

  readonly #close = (): void => {
    this.#open = false;
    onExit()?.off('exit', this.#close);
    this.#write('\n');
  };

  #text(now: number, width: number): string {
    if (!Number.isFinite(width)) return this.#line(now, '', ' samples/s');
    for (const unit of [' samples/s', '/s']) {
      const room = width - this.#line(now, '', unit).length - 1;
      if (room >= narrowestBar) return this.#line(now, this.#bar(Math.min(room, widestBar)), unit);
    }
    return this.#line(now, '', '/s').slice(0, Math.max(width, 0));
  }

  #line(now: number, bar: string, unit: string): string {
    const seconds = Math.max(now - this.#start, 0) / 1000;
    const working = Math.max((this.#stopped ?? now) - this.#start, 0) / 1000;
    const total = this.#total;
    const count =
      total === undefined ? `${this.#step}` : `${String(this.#step).padStart(`${total}`.length)}/${total}`;
    const parts = [[this.#label, bar, count].filter((part) => part !== '').join(' ')];
    for (const [name, value] of Object.entries(this.#metrics)) parts.push(`${name} ${formatMetric(value)}`);
    if (this.#samples > 0 && working > 0) {
      parts.push(`${formatCount(this.#samples / working)}${unit}`);
    }
    const steps = this.#step - this.#before;
    if (this.#finished) parts.push(formatSeconds(seconds));
    else if (total !== undefined && steps > 0 && this.#step < total) {
      parts.push(`${formatSeconds((working / steps) * (total - this.#step))} left`);
    }
    return parts.join('  ');
  }

  #bar(width: number): string {
    if (this.#total === undefined) return '';
    const share = this.#total === 0 ? 1 : Math.min(Math.max(this.#step / this.#total, 0), 1);
    const filled = Math.floor(share * width);
    return '━'.repeat(filled) + '─'.repeat(width - filled);
  }

  #write(text: string): void {
    if (closed.has(this.#output)) return;
    try {
      this.#output.write(text);
    } catch {
      closed.add(this.#output);
    }
  }
}

/** Outputs that failed once. */
const closed = new WeakSet<ProgressOutput>();

const guarded = new WeakSet<ProgressOutput>();

/**
 * A pipe whose reader has gone reports it by an event, which would end the process. Any other failure (a full disk) still
 * does unless the program listens itself.
 */
function guard(output: ProgressOutput): void {
  if (output.on === undefined || guarded.has(output)) return;
  guarded.add(output);
  output.on('error', (error) => {
    closed.add(output);
    const code = 'code' in error ? error.code : undefined;
    const readerGone = code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED' || code === 'EOF';
    if (!readerGone && output.listenerCount?.('error') === 1) throw error;
  });
}

function defaultOutput(): ProgressOutput {
  if (onExit() !== undefined && process.stdout !== undefined) return process.stdout;
  return { write: (text: string) => console.log(text.trimEnd()) };
}

/** The process, where there is one with exit events. */
function onExit(): NodeJS.Process | undefined {
  return typeof process !== 'undefined' && typeof process.on === 'function' ? process : undefined;
}

function formatMetric(value: number): string {
  const size = Math.abs(value);
  if (!Number.isFinite(value) || value === 0) return String(value);
  return size < 1e-3 || size >= 1e5 ? value.toExponential(2) : value.toFixed(4);
}

function formatCount(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',');
}

function formatSeconds(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  const two = (n: number) => String(n).padStart(2, '0');
  return minutes < 60
    ? `${minutes}:${two(whole % 60)}`
    : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
}
