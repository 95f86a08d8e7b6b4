/** What happened in training. */
import type { Json } from '../io/json.js';
import { field } from './state.js';

/** Figures by name: loss, metrics, and with `val` before them (`valLoss`) those of the validation. */
export type Figures = Readonly<Record<string, number>>;

/**
 * The figures of each epoch, and how training ended.
 *
 * @example
 * ```ts
 * import { fit, nn, zeros } from 'hadal';
 * const net = new nn.Linear(2, 1);
 * const history = await fit(net, [zeros([8, 2]), zeros([8, 1])], { epochs: 3, loss: 'mse', optimizer: 'sgd', progress: false });
 * console.log(history.epochs, history.figures.loss.length, history.interrupted); // [ 0, 1, 2 ] 3 false
 * ```
 */
export class History {
  /** Numbers of the epochs that were finished, counted from 0. */
  readonly epochs: number[] = [];
  /** For each figure its value in each of those epochs; NaN where an epoch does not have it. */
  readonly figures: Record<string, number[]> = {};
  /** Optimizer steps in all. */
  steps = 0;
  /** Whether an aborted signal ended it. */
  interrupted = false;
  /** Why it ended before its last epoch, and how to go on; null if it did not. */
  stopReason: string | null = null;

  /** The figures of the last finished epoch. */
  get last(): Figures {
    return Object.fromEntries(
      Object.entries(this.figures).map(([name, values]) => [name, values[values.length - 1] ?? Number.NaN]),
    );
  }

  /** Not for users: adds an epoch. */
  push(epoch: number, figures: Figures): void {
    const before = this.epochs.length;
    this.epochs.push(epoch);
    for (const [name, value] of Object.entries(figures)) {
      this.figures[name] ??= new Array<number>(before).fill(Number.NaN);
      this.figures[name].push(value);
    }
    for (const values of Object.values(this.figures)) {
      if (values.length <= before) values.push(Number.NaN);
    }
  }

  /** The finished epochs as plain data. */
  state(): Json {
    return { epochs: [...this.epochs], figures: structuredClone(this.figures) };
  }

  loadState(state: Json | undefined): void {
    const numbers = (json: Json | undefined): number[] => (Array.isArray(json) ? json.map(Number) : []);
    this.epochs.splice(0, this.epochs.length, ...numbers(field(state, 'epochs')));
    for (const name of Object.keys(this.figures)) delete this.figures[name];
    const figures = field(state, 'figures');
    if (typeof figures !== 'object' || figures === null) return;
    for (const [name, values] of Object.entries(figures)) this.figures[name] = numbers(values);
  }
}
