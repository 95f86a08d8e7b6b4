/**
 * The command line of the MNIST example: `npm start -- --epochs 3`. Kept apart from the example itself, so that it reads as a
 * training script and this can be tested alone.
 */
import { parseArgs } from 'node:util';

export type EngineName = 'native' | 'wasm' | 'reference';

export interface Options {
  readonly epochs: number;
  readonly batchSize: number;
  readonly lr: number;
  readonly seed: number;
  readonly limit?: number;
  readonly engine?: EngineName;
  readonly losses?: string;
}

/** What to do: train, or print a text and leave with an exit code. */
export type Command =
  | { readonly kind: 'train'; readonly options: Options }
  | { readonly kind: 'exit'; readonly code: number; readonly text: string };

const engines: readonly EngineName[] = ['native', 'wasm', 'reference'];

const defaults = { epochs: 4, batchSize: 128, lr: 2e-3, seed: 1 } as const;

export const help = `Trains a small network on the 60,000 images of MNIST and tests it on the other 10,000.

Usage: npm start -- [options]

  --epochs N       passes over the training images (default ${defaults.epochs})
  --batch-size N   images in one step (default ${defaults.batchSize})
  --lr X           AdamW's learning rate at the first step; it falls to 0 in a straight line (default ${defaults.lr})
  --seed N         seed of weights, dropout and shuffling (default ${defaults.seed})
  --limit N        only the first N images of each set (default all)
  --engine NAME    ${engines.join(', ')} (default the fastest that runs here)
  --losses FILE    write the loss of every step to FILE, one JSON object a line: {"step":1,"loss":2.3}
  --help           this text
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
        engine: { type: 'string' },
        losses: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help === true) return { kind: 'exit', code: 0, text: help };
    const limit = integer('limit', values.limit, 1);
    const engine = engineName(values.engine);
    if (values.losses === '') throw new Error('--losses needs the name of a file');
    return {
      kind: 'train',
      options: {
        epochs: integer('epochs', values.epochs, 1) ?? defaults.epochs,
        batchSize: integer('batch-size', values['batch-size'], 1) ?? defaults.batchSize,
        lr: positive('lr', values.lr) ?? defaults.lr,
        seed: integer('seed', values.seed, 0) ?? defaults.seed,
        ...(limit === undefined ? {} : { limit }),
        ...(engine === undefined ? {} : { engine }),
        ...(values.losses === undefined ? {} : { losses: values.losses }),
      },
    };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { kind: 'exit', code: 2, text: `${message}\nnpm start -- --help lists the options.\n` };
  }
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
  const found = engines.find((name) => name === text);
  if (found === undefined) throw new Error(`--engine must be one of ${engines.join(', ')}; got '${text}'`);
  return found;
}
