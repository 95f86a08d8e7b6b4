/** What there is to tell about a run. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { engine } from 'hadal';
import type { MetricsLine } from './metrics-log.js';
import type { Hyperparameters } from './options.js';

export interface RunFacts {
  readonly options: Hyperparameters;
  readonly architecture: string;
  readonly parameters: number;
  readonly trainImages: number;
  readonly metrics: readonly MetricsLine[];
}

export function listFacts(run: RunFacts): (readonly [name: string, value: string])[] {
  const { options, metrics } = run;
  const epochs = metrics.filter(({ kind }) => kind === 'epoch');
  return [
    ['network', run.architecture],
    ['parameters', count(run.parameters)],
    ['training images', count(run.trainImages)],
    ['epochs', String(options.epochs)],
    ['batch size', String(options.batchSize)],
    ['optimizer', `AdamW, one cycle of the learning rate up to ${options.lr}`],
    ['seed', String(options.seed)],
    [
      'time per epoch, with its test',
      epochSeconds(epochs)
        .map((s) => `${s.toFixed(1)} s`)
        .join(', '),
    ],
    ['time of training', `${(metrics.at(-1)?.seconds ?? 0).toFixed(1)} s`],
    ['engine', `${engine().name} (${engine().description})`],
    ['processor', cpus()[0]?.model ?? 'unknown'],
    ['hadal', hadalVersion()],
    ['Node', process.version],
  ];
}

/** Lines of epochs have the time since the begin of the training. */
function epochSeconds(epochs: readonly MetricsLine[]): number[] {
  return epochs.map(({ seconds }, i) => seconds - (i === 0 ? 0 : epochs[i - 1].seconds));
}

export function count(n: number): string {
  return n.toLocaleString('en-US');
}

/** From the package's own description, which it does not export. */
function hadalVersion(): string {
  for (const folder of createRequire(import.meta.url).resolve.paths('hadal') ?? []) {
    const file = join(folder, 'hadal', 'package.json');
    if (existsSync(file)) {
      return (JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string }).version;
    }
  }
  return 'unknown';
}
