/**
 * The command line of the MNIST example: `npm start -- --epochs 3`. Kept apart from the example itself, so that it reads as a
 * training script and this can be tested alone.
 */
import { parseArgs } from 'node:util';

const engines = ['native', 'wasm', 'reference'] as const;

export type EngineName = (typeof engines)[number];

/** What decides the weights of a run: a run that is gone on with keeps them. */
export interface Hyperparameters {
  readonly epochs: number;
  readonly batchSize: number;
  readonly lr: number;
  readonly seed: number;
  /** Images of each set; all if not given. */
  readonly limit?: number;
}

/** A new run. */
export interface StartOptions extends Hyperparameters {
  readonly kind: 'start';
  readonly engine?: EngineName;
  readonly checkpointEvery: number;
  readonly losses?: string;
  /** The run folder; one named for the time if not given. */
  readonly out?: string;
}

/** A run that was ended and is gone on with. */
export interface ResumeOptions {
  readonly kind: 'resume';
  readonly dir: string;
  /** What was given besides, which has to be what the run has. */
  readonly given: Partial<Hyperparameters> & { readonly engine?: EngineName };
  readonly checkpointEvery: number;
  readonly losses?: string;
}

export type Options = StartOptions | ResumeOptions;

/** What to do: train, or print a text and leave with an exit code. */
export type Command =
  | { readonly kind: 'train'; readonly options: Options }
  | { readonly kind: 'exit'; readonly code: number; readonly text: string };

const defaults = { epochs: 3, batchSize: 128, lr: 2e-3, seed: 1 } as const;

/** Little enough for less than a minute. */
const quick = { ...defaults, epochs: 2, limit: 4000 } as const;

const defaultCheckpointEvery = 100;

export const help = `Trains a small convolutional network on the 60,000 images of MNIST and tests it on the other 10,000.

Usage: npm start -- [options]

  --epochs N             passes over the training images (default ${defaults.epochs})
  --batch-size N         images in one step (default ${defaults.batchSize})
  --lr X                 the highest learning rate of AdamW's one-cycle schedule (default ${defaults.lr})
  --seed N               seed of weights, dropout and shuffling (default ${defaults.seed})
  --limit N              only the first N images of each set (default all)
  --quick                less than a minute: --epochs ${quick.epochs} --limit ${quick.limit}
  --engine NAME          ${engines.join(', ')} (default the fastest that runs here)
  --out DIR              folder of the run (default runs/mnist/TIME)
  --checkpoint-every N   steps between two checkpoints (default ${defaultCheckpointEvery})
  --resume DIR           go on with the run in DIR, from its newest checkpoint and with its options
  --losses FILE          write the loss of every step to FILE, one JSON object a line: {"step":1,"loss":2.3}
  --help                 this text
`;

/**
 * Reads the arguments that follow the script's name. Never throws: what is wrong comes back as a message with exit code 2.
 */
export function readOptions(args: readonly string[]): Command {
  try {
    const { values } = parseArgs({
      args: [...args],
      allowPositionals: false,
      options: {
        epochs: { type: 'string' },
        'batch-size': { type: 'string' },
        lr: { type: 'string' },
        seed: { type: 'string' },
        limit: { type: 'string' },
        quick: { type: 'boolean' },
        engine: { type: 'string' },
        out: { type: 'string' },
        'checkpoint-every': { type: 'string' },
        resume: { type: 'string' },
        losses: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help === true) return { kind: 'exit', code: 0, text: help };
    const given = defined({
      epochs: integer('epochs', values.epochs, 1),
      batchSize: integer('batch-size', values['batch-size'], 1),
      lr: positive('lr', values.lr),
      seed: integer('seed', values.seed, 0),
      limit: integer('limit', values.limit, 1),
    });
    const engine = defined({ engine: engineName(values.engine) });
    const common = {
      checkpointEvery: integer('checkpoint-every', values['checkpoint-every'], 1) ?? defaultCheckpointEvery,
      ...defined({ losses: path('losses', 'a file', values.losses) }),
    };
    const out = path('out', 'a folder', values.out);
    const dir = path('resume', 'the folder of a run', values.resume);
    if (dir === undefined) {
      const start = values.quick === true ? quick : defaults;
      return {
        kind: 'train',
        options: { kind: 'start', ...start, ...given, ...engine, ...common, ...defined({ out }) },
      };
    }
    if (out !== undefined) throw new Error('--resume goes on in the folder of the run; leave out --out');
    if (values.quick === true)
      throw new Error('--resume goes on with the options of the run; leave out --quick');
    return { kind: 'train', options: { kind: 'resume', dir, given: { ...given, ...engine }, ...common } };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { kind: 'exit', code: 2, text: `${message}\nnpm start -- --help lists the options.\n` };
  }
}

type Defined<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

/** Without what is undefined. */
function defined<T extends object>(values: T): Defined<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Defined<T>;
}

function integer(name: string, text: string | undefined, min: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\+?\d+$/.test(text) || !Number.isSafeInteger(value) || value < min) {
    throw new Error(`--${name} must be an integer, ${min} or more; got '${text}'`);
  }
  return value;
}

function positive(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0) {
    throw new Error(`--${name} must be a number above 0; got '${text}'`);
  }
  return value;
}

function engineName(text: string | undefined): EngineName | undefined {
  if (text === undefined) return undefined;
  if (!isEngineName(text)) throw new Error(`--engine must be one of ${engines.join(', ')}; got '${text}'`);
  return text;
}

export function isEngineName(text: string): text is EngineName {
  return engines.some((name) => name === text);
}

function path(name: string, what: string, text: string | undefined): string | undefined {
  if (text === '') throw new Error(`--${name} needs the name of ${what}`);
  return text;
}
