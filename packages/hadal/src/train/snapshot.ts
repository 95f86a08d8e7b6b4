/** Everything a run goes on from, as the content of a checkpoint, and back. */
import { ArgumentError } from '../base/errors.js';
import type { CheckpointContent, LoadedCheckpoint } from '../io/checkpoint.js';
import type { Json } from '../io/json.js';
import type { Optimizer } from '../optim/index.js';
import { type getRngState, setRngState } from '../random/index.js';
import type { Tensor } from '../tensor/index.js';
import type { BatchSource } from './batches.js';
import type { Callback } from './callbacks/callback.js';
import type { History } from './history.js';
import type { Measures } from './measures.js';
import type { Model } from './model.js';
import type { Schedule } from './options.js';
import { field, gather, type PartState, scatter } from './state.js';

/** How far a run is. */
export interface Place {
  /** Number of the epoch that runs, or that begins next. */
  readonly epoch: number;
  /** Batches of it that are done. */
  readonly batch: number;
  readonly samples: number;
  /** Optimizer steps in all. */
  readonly step: number;
}

/** What changes from moment to moment. */
export interface Moment {
  readonly place: Place;
  /** Where the data stands. */
  readonly data: { readonly training: Json; readonly validation: Json };
  readonly measures: PartState;
  readonly random: RandomState;
  /** Why the training is to end, if a callback said so. */
  readonly stop: string | null;
}

export type RandomState = ReturnType<typeof getRngState>;

/** What has a state. */
export interface Parts<Output, Target> {
  readonly model: Model<Output>;
  readonly optimizer: Optimizer;
  readonly schedule: Schedule | null;
  readonly measures: Measures<Output, Target>;
  readonly callbacks: readonly Callback[];
  readonly history: History;
}

/** Tensors of the training that are not the model's go with the optimizer's, under this. */
const prefix = 'fit';

const version = 1;

export function takeSnapshot<Output, Target>(
  parts: Parts<Output, Target>,
  moment: Moment,
): CheckpointContent {
  const { model, optimizer, schedule, callbacks, history } = parts;
  const { place, data, measures, random, stop } = moment;
  const own = optimizer.stateDict();
  const tensors = new Map<string, Tensor>();
  for (const [name, tensor] of own.tensors) tensors.set(`optimizer/${name}`, tensor);
  const state = {
    fit: version,
    ...place,
    data,
    stop,
    random: random as unknown as Json,
    schedule: schedule?.stateDict() ?? null,
    measures: gather(`${prefix}/measures`, measures, tensors),
    callbacks: Object.fromEntries(
      [...stateful(callbacks)].map(([key, callback]) => [
        key,
        gather(`${prefix}/callback ${key}`, callback.state(), tensors),
      ]),
    ),
    history: history.state(),
  };
  return {
    step: place.step,
    model: model.stateDict(),
    optimizer: { tensors, settings: own.settings },
    state,
  };
}

/**
 * Puts everything back as it was.
 *
 * @throws ArgumentError if the checkpoint is none that `fit` saved, or the model, the optimizer or the data do not fit it.
 */
export function restoreSnapshot<Output, Target>(
  parts: Parts<Output, Target>,
  sources: { readonly training: BatchSource; readonly validation: BatchSource | null },
  saved: LoadedCheckpoint,
): Place & { readonly stop: string | null } {
  const { model, optimizer, schedule, measures, callbacks, history } = parts;
  const { state, path } = saved;
  if (field(state, 'fit') !== version || saved.optimizer === undefined)
    throw new ArgumentError(`fit: ${path} is no checkpoint that fit saved, or of another version of hadal`);
  model.loadStateDict(saved.model);
  const { tensors, settings } = saved.optimizer;
  optimizer.loadStateDict({
    tensors: scatter('optimizer', tensors, null).tensors as Map<string, Tensor>,
    settings,
  });
  const plan = field(state, 'schedule') ?? null;
  if ((plan === null) !== (schedule === null)) {
    throw new ArgumentError(
      `fit: ${path} was saved ${plan === null ? 'without' : 'with'} a schedule; pass the options of the run it is of`,
    );
  }
  if (plan !== null) schedule?.loadStateDict(plan);
  measures.loadState(scatter(`${prefix}/measures`, tensors, field(state, 'measures')));
  for (const [key, callback] of stateful(callbacks)) {
    const values = field(field(state, 'callbacks'), key);
    if (values !== undefined) callback.loadState(scatter(`${prefix}/callback ${key}`, tensors, values));
  }
  history.loadState(field(state, 'history'));
  const data = field(state, 'data');
  sources.training.loadState(field(data, 'training') ?? null);
  const validated = field(data, 'validation') ?? null;
  // A validation that the saved run did not have begins at its begin.
  if (validated !== null) sources.validation?.loadState(validated);
  const number = (name: string) => Number(field(state, name));
  setRngState(field(state, 'random') as unknown as RandomState);
  const stop = field(state, 'stop');
  return {
    epoch: number('epoch'),
    batch: number('batch'),
    samples: number('samples'),
    step: number('step'),
    stop: typeof stop === 'string' ? stop : null,
  };
}

type Stateful = Callback & Required<Pick<Callback, 'state' | 'loadState'>>;

function isStateful(callback: Callback): callback is Stateful {
  return callback.state !== undefined && callback.loadState !== undefined;
}

/** Callbacks with a state, under their names; the second of a name is `name 2`. */
function* stateful(callbacks: readonly Callback[]): Generator<readonly [string, Stateful]> {
  const seen = new Map<string, number>();
  for (const callback of callbacks) {
    if (callback.name === undefined || !isStateful(callback)) continue;
    const count = (seen.get(callback.name) ?? 0) + 1;
    seen.set(callback.name, count);
    yield [count === 1 ? callback.name : `${callback.name} ${count}`, callback];
  }
}
