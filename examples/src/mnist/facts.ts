/** What there is to tell about a run. */
import { cpus } from 'node:os';
import { engine, version } from 'hadal';
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
    ['hadal', version],
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
