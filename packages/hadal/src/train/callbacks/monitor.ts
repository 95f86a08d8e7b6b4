/** Watches one figure for its best value. */
import { ArgumentError } from '../../base/errors.js';
import type { Json } from '../../io/json.js';
import type { Figures } from '../history.js';

export interface MonitorOptions {
  /** The figure's name. Default: `valLoss` if there is a validation, else `loss`. */
  readonly monitor?: string;
  /** Whether less is better. Default: 'min' for losses, errors and perplexity, 'max' for everything else. */
  readonly mode?: 'min' | 'max';
  /** An improvement by less is none. Default 0. */
  readonly minDelta?: number;
}

const lessIsBetter = /loss|error|perplexity|^(val)?(mae|mse|rmse)$/i;

export class Monitor {
  readonly #owner: string;
  readonly #name: string | undefined;
  readonly #mode: 'min' | 'max' | undefined;
  readonly #minDelta: number;
  /** The best value so far; null before the first. */
  best: number | null = null;

  constructor(owner: string, options: MonitorOptions) {
    const { monitor, mode, minDelta = 0 } = options;
    if (mode !== undefined && mode !== 'min' && mode !== 'max')
      throw new ArgumentError(`${owner}: mode is 'min' or 'max', got ${JSON.stringify(mode)}`);
    if (!(Number.isFinite(minDelta) && minDelta >= 0))
      throw new ArgumentError(`${owner}: minDelta is a number, 0 or more, got ${minDelta}`);
    this.#owner = owner;
    this.#name = monitor;
    this.#mode = mode;
    this.#minDelta = minDelta;
  }

  /**
   * The name of the figure.
   *
   * @throws ArgumentError if there is no such figure.
   */
  nameIn(figures: Figures): string {
    const name = this.#name ?? ('valLoss' in figures ? 'valLoss' : 'loss');
    if (Object.hasOwn(figures, name)) return name;
    const hint = name.startsWith('val') ? '; it needs `validation`' : '';
    throw new ArgumentError(
      `${this.#owner}: there is no figure '${name}'; there are ${Object.keys(figures).join(', ')}${hint}`,
    );
  }

  modeOf(name: string): 'min' | 'max' {
    return this.#mode ?? (lessIsBetter.test(name) ? 'min' : 'max');
  }

  /** Whether the figure is better than ever before, and by more than `minDelta`; NaN never is. */
  improves(figures: Figures): boolean {
    const name = this.nameIn(figures);
    const value = figures[name];
    if (Number.isNaN(value)) return false;
    const sign = this.modeOf(name) === 'min' ? -1 : 1;
    const better = this.best === null || sign * (value - this.best) > this.#minDelta;
    if (better) this.best = value;
    return better;
  }

  load(best: Json | undefined): void {
    this.best = typeof best === 'number' ? best : null;
  }
}
