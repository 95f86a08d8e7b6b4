/** Files with a line for each epoch. */
import { ArgumentError, HadalError } from '../../base/errors.js';
import { isObject } from '../../io/json.js';
import type { Figures } from '../history.js';
import type { Callback, TrainingContext } from './callback.js';

type FileSystem = typeof import('node:fs');

/** Node's files, looked up by a call that bundlers leave alone. */
function fileSystem(owner: string): FileSystem {
  if (typeof process === 'undefined' || typeof process.getBuiltinModule !== 'function')
    throw new HadalError(`${owner}: writing files needs Node; elsewhere use a callback with onEpochEnd`);
  return process.getBuiltinModule('node:fs');
}

/**
 * A file that is begun anew with a run, or goes on with a resumed one: then lines of epochs that will be run again are taken out.
 * Each line is on its way to the disk when the epoch's end is over, so a process that is killed loses none.
 */
abstract class EpochLogger implements Callback {
  readonly file: string;

  constructor(file: string) {
    if (typeof file !== 'string' || file === '')
      throw new ArgumentError(
        `${this.constructor.name}: expected the name of a file, got ${JSON.stringify(file)}`,
      );
    this.file = file;
  }

  /** The epoch that a line of the file tells of, or null for a line without one. */
  protected abstract epochOf(line: string): number | null;
  protected abstract lineFor(context: TrainingContext, figures: Figures): string;

  onTrainBegin(context: TrainingContext): void {
    const files = fileSystem(this.constructor.name);
    const old = context.resumed && files.existsSync(this.file) ? files.readFileSync(this.file, 'utf8') : '';
    // A last line without its newline was being written when the process ended.
    const lines = old.split('\n').slice(0, -1);
    const kept = lines.filter((line) => {
      const epoch = this.epochOf(line);
      return epoch === null || epoch < context.epoch;
    });
    this.began(kept);
    files.writeFileSync(this.file, kept.map((line) => `${line}\n`).join(''));
  }

  protected began(_lines: readonly string[]): void {}

  onEpochEnd(context: TrainingContext, figures: Figures): void {
    fileSystem(this.constructor.name).appendFileSync(this.file, this.lineFor(context, figures));
  }
}

/**
 * A table of the figures, one row an epoch: `epoch,step,lr,loss,...`. Epochs count from 0. A figure that an epoch lacks is empty;
 * the columns are those of the first epoch.
 *
 * @throws ArgumentError if a figure appears that the table has no column for.
 */
export class CSVLogger extends EpochLogger {
  #columns: readonly string[] | null = null;

  protected override began(lines: readonly string[]): void {
    this.#columns = lines.length > 0 ? lines[0].split(',').map(unquoted) : null;
  }

  protected override epochOf(line: string): number | null {
    const epoch = line.split(',')[0];
    return /^\d+$/.test(epoch) ? Number(epoch) : null;
  }

  protected override lineFor(context: TrainingContext, figures: Figures): string {
    const { epoch, step, optimizer } = context;
    const row: Figures = { epoch, step, lr: optimizer.lr, ...figures };
    const head = this.#columns === null;
    const columns = this.#columns ?? Object.keys(row);
    this.#columns = columns;
    const extra = Object.keys(row).find((name) => !columns.includes(name));
    if (extra !== undefined) {
      throw new ArgumentError(
        `CSVLogger: ${this.file} has the columns ${columns.join(', ')} and none for '${extra}'; take another file`,
      );
    }
    const cells = columns.map((name) => (row[name] === undefined ? '' : String(row[name])));
    return `${head ? `${columns.map(quoted).join(',')}\n` : ''}${cells.join(',')}\n`;
  }
}

/** One JSON object a line and epoch: `{"epoch":0,"step":469,"seconds":1.2,"lr":0.001,"loss":0.3,...}`. NaN becomes null. */
export class JSONLogger extends EpochLogger {
  #begun = performance.now();

  constructor(file = 'metrics.jsonl') {
    super(file);
  }

  onEpochBegin(): void {
    this.#begun = performance.now();
  }

  protected override epochOf(line: string): number | null {
    try {
      const row: unknown = JSON.parse(line);
      return isObject(row) && typeof row.epoch === 'number' ? row.epoch : null;
    } catch {
      return null;
    }
  }

  protected override lineFor(context: TrainingContext, figures: Figures): string {
    const { epoch, step, optimizer } = context;
    const seconds = Math.round(performance.now() - this.#begun) / 1000;
    return `${JSON.stringify({ epoch, step, seconds, lr: optimizer.lr, ...figures })}\n`;
  }
}

function quoted(name: string): string {
  return /[",\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;
}

function unquoted(cell: string): string {
  return cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell;
}
