/** Begins a run, or finds the one to go on with: its engine, its folder and its options. */
import { engine, setEngine } from 'hadal';
import { LossLog } from './loss-log.js';
import { type EngineName, type Hyperparameters, isEngineName, type Options } from './options.js';
import { createRunFolder, openRunFolder, type RunFolder, UsageError } from './run-folder.js';

export interface Run {
  readonly folder: RunFolder;
  readonly started: Date;
  readonly resumed: boolean;
  readonly hyperparameters: Hyperparameters;
  readonly losses: LossLog | null;
}

/** Everything that can be found wrong before the training begins is found here. */
export async function prepareRun(options: Options): Promise<Run> {
  if (options.kind === 'resume') {
    const { folder, record } = await openRunFolder(options);
    await setEngine(record.engine);
    return {
      folder,
      started: new Date(record.started),
      resumed: true,
      hyperparameters: record.options,
      losses: lossLog(options.losses),
    };
  }
  const { epochs, batchSize, lr, seed, limit } = options;
  const hyperparameters = { epochs, batchSize, lr, seed, ...(limit === undefined ? {} : { limit }) };
  if (options.engine !== undefined) await setEngine(options.engine);
  const losses = lossLog(options.losses);
  const folder = createRunFolder(options.out, { engine: engineName(), options: hyperparameters });
  return { folder, started: new Date(), resumed: false, hyperparameters, losses };
}

function lossLog(file: string | undefined): LossLog | null {
  if (file === undefined) return null;
  try {
    return new LossLog(file);
  } catch (error) {
    throw new UsageError(
      `--losses ${file} cannot be written: ${error instanceof Error ? error.message : error}`,
    );
  }
}

function engineName(): EngineName {
  const { name } = engine();
  if (!isEngineName(name)) throw new UsageError(`the engine ${name} is none that this program knows`);
  return name;
}
