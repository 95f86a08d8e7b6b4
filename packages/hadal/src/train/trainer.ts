/** The training loop. */
import type { AbortSignal } from '../base/abort.js';
import { ArgumentError } from '../base/errors.js';
import { loadCheckpoint, saveCheckpoint } from '../io/checkpoint.js';
import type { Json } from '../io/json.js';
import type { Optimizer } from '../optim/index.js';
import { getRngState } from '../random/index.js';
import { type BatchSource, readBatch } from './batches.js';
import type { Callback, TrainingContext } from './callbacks/callback.js';
import { measure } from './evaluate.js';
import { type Figures, History } from './history.js';
import { catchSignals } from './interrupt.js';
import type { LossFunction } from './losses.js';
import type { Measures } from './measures.js';
import { keepModes, type Model } from './model.js';
import type { OnNaN, Schedule } from './options.js';
import { type Moment, type Parts, type RandomState, restoreSnapshot, takeSnapshot } from './snapshot.js';
import type { PartState } from './state.js';
import { TrainingStep } from './training-step.js';

/** What `fit` makes of its options. */
export interface TrainerSettings<Output, Target> {
  readonly optimizer: Optimizer;
  readonly schedule: Schedule | null;
  readonly scheduleEvery: 'step' | 'epoch';
  readonly loss: LossFunction<Output, Target>;
  readonly measures: Measures<Output, Target>;
  readonly source: BatchSource;
  readonly validation: BatchSource | null;
  readonly validationEvery: number;
  readonly callbacks: readonly Callback[];
  readonly epochs: number;
  readonly initialEpoch: number;
  readonly batchesPerEpoch: number | undefined;
  readonly accumulate: number;
  readonly clipNorm: number | undefined;
  readonly compile: boolean;
  readonly onNaN: OnNaN;
  readonly signal: AbortSignal | undefined;
  /** The folder to go on from. */
  readonly resume: string | null;
  /** What to do to go on after an interruption. */
  readonly howToGoOn: string;
}

/** Milliseconds between two looks at whether the loss is a number. */
const lookEvery = 100;

type PlainHook =
  | 'onTrainBegin'
  | 'onEpochBegin'
  | 'onBatchBegin'
  | 'onBatchEnd'
  | 'onStepEnd'
  | 'onValidationBegin'
  | 'onInterrupt'
  | 'onTrainEnd';

export class Trainer<Output, Target> implements TrainingContext {
  readonly model: Model<Output>;
  readonly history = new History();
  readonly batches: number | undefined;
  epoch: number;
  batch = 0;
  samples = 0;
  step = 0;
  resumed = false;
  readonly #settings: TrainerSettings<Output, Target>;
  readonly #callbacks: readonly Callback[];
  readonly #step: TrainingStep<Output, Target>;
  /** Why the training is to end, or null. */
  #stop: string | null = null;
  /** Where the data stands after the batch that was used last. */
  #data: Json;
  /** Where the validation's data stood after the last validation that was finished. */
  #validated: Json;
  /** Set between the end of an epoch's training and the begin of the next: the measures may be the validation's then. */
  #trained: { readonly loss: number; readonly measures: PartState; readonly random: RandomState } | null =
    null;
  /** Whether the epoch counts as finished, so that who goes on begins the next. */
  #epochEnded = false;
  #looked = 0;
  #warned = false;

  constructor(model: Model<Output>, settings: TrainerSettings<Output, Target>) {
    this.model = model;
    this.#settings = settings;
    const { callbacks, source, batchesPerEpoch, optimizer, loss, measures } = settings;
    this.#callbacks = [
      ...callbacks.filter((c) => c.last !== true),
      ...callbacks.filter((c) => c.last === true),
    ];
    this.epoch = settings.initialEpoch;
    const limits = [source.batches, batchesPerEpoch].filter((limit) => limit !== undefined);
    this.batches = limits.length === 0 ? undefined : Math.min(...limits);
    this.#step = new TrainingStep(model, optimizer, loss, measures, settings);
    this.#data = source.state();
    this.#validated = settings.validation?.state() ?? null;
  }

  get optimizer(): Optimizer {
    return this.#settings.optimizer;
  }

  get epochs(): number {
    return this.#settings.epochs;
  }

  // --- what callbacks can ask for ------------------------------------------------------------------------------------------

  async figures(): Promise<Figures> {
    const figures = await this.#settings.measures.figures('live');
    this.#judge(figures.loss);
    return figures;
  }

  stop(reason: string): void {
    this.#stop ??= reason;
  }

  note(text: string): void {
    for (const callback of this.#callbacks) callback.onNote?.(text);
  }

  /** What has to be seen also where nothing shows notes. */
  #warn(text: string): void {
    if (this.#callbacks.some((callback) => callback.onNote !== undefined)) this.note(text);
    else console.warn(text);
  }

  async save(dir: string, options: { readonly keep?: number } = {}): Promise<string | undefined> {
    if (this.#settings.onNaN !== 'ignore' && this.samples > 0) {
      const loss = this.#trained?.loss ?? (await this.#settings.measures.loss());
      this.#judge(loss);
      if (!Number.isFinite(loss)) return undefined;
    }
    return saveCheckpoint(dir, takeSnapshot(this.#parts, this.#moment), options);
  }

  get #moment(): Moment {
    const { epoch, batch, samples, step } = this;
    return {
      place: this.#epochEnded
        ? { epoch: epoch + 1, batch: 0, samples: 0, step }
        : { epoch, batch, samples, step },
      data: { training: this.#data, validation: this.#validated },
      measures: this.#trained?.measures ?? this.#settings.measures.state(),
      random: this.#trained?.random ?? getRngState(),
      stop: this.#stop,
    };
  }

  get #parts(): Parts<Output, Target> {
    const { optimizer, schedule, measures } = this.#settings;
    return {
      optimizer,
      schedule,
      measures,
      callbacks: this.#callbacks,
      model: this.model,
      history: this.history,
    };
  }

  // --- the loop ------------------------------------------------------------------------------------------------------------

  async run(): Promise<History> {
    const restoreModes = keepModes(this.model);
    const release = catchSignals(this.#settings.signal);
    try {
      await this.#train();
    } catch (error) {
      // What fails while closing after an error is not worth more than the error.
      await this.#close();
      throw error;
    } finally {
      restoreModes();
      release();
    }
    const failed = await this.#close();
    if (failed !== null) throw failed.error;
    return this.history;
  }

  async #train(): Promise<void> {
    const { epochs, resume } = this.#settings;
    if (resume !== null) await this.#restore(resume);
    this.model.train();
    await this.#call('onTrainBegin');
    while (this.epoch < epochs && this.#stop === null && !this.#aborted) await this.#runEpoch();
    this.history.steps = this.step;
    if (this.epoch < epochs && this.#stop === null) await this.#interrupted();
    else this.history.stopReason = this.#stop;
    await this.#call('onTrainEnd');
  }

  get #aborted(): boolean {
    return this.#settings.signal?.aborted === true;
  }

  async #restore(dir: string): Promise<void> {
    const { source, validation, optimizer } = this.#settings;
    const saved = await loadCheckpoint(dir, { warn: (line) => this.#warn(line) });
    if (saved === null) return;
    const place = restoreSnapshot(this.#parts, { training: source, validation }, saved);
    this.epoch = place.epoch;
    this.batch = place.batch;
    this.samples = place.samples;
    this.step = place.step;
    this.#stop = place.stop;
    this.#data = source.state();
    this.#validated = validation?.state() ?? null;
    this.resumed = true;
    // What was loaded is written at once, so that the first step runs the plan of all others.
    optimizer.parameters[0].workspace.engine.realize([]);
  }

  async #runEpoch(): Promise<void> {
    const { measures, schedule, scheduleEvery } = this.#settings;
    if (this.batch === 0) {
      this.samples = 0;
      measures.reset();
    }
    await this.#call('onEpochBegin');
    if (this.#stop !== null || !(await this.#runBatches())) return;
    if (this.samples === 0) {
      throw new ArgumentError(
        `fit: the data gave no batches in epoch ${this.epoch}; an iterable that can be gone over only once is used up after ` +
          'the first epoch, pass a function that gives a new one',
      );
    }
    const trained = await measures.figures('all');
    this.#judge(trained.loss);
    if (this.#stop !== null) return;
    this.#trained = { loss: trained.loss, measures: measures.state(), random: getRngState() };
    const validated = await this.#validate();
    // The epoch ends when it is gone on with: then its validation runs from the begin.
    if (validated === null) return;
    const figures: Figures = { ...trained, ...validated };
    this.history.push(this.epoch, figures);
    if (scheduleEvery === 'epoch') schedule?.step(this.#figureForSchedule(figures));
    this.#data = this.#settings.source.state();
    this.#trained = { ...this.#trained, random: getRngState() };
    this.#epochEnded = true;
    for (const callback of this.#callbacks) await callback.onEpochEnd?.(this, figures);
    this.#epochEnded = false;
    this.#trained = null;
    this.epoch++;
    this.batch = 0;
    this.samples = 0;
  }

  /** One figure from first to last: of epochs that are not validated that of the last one that was, NaN before there is one. */
  #figureForSchedule({ loss }: Figures): number {
    if (this.#settings.validation === null) return loss;
    return this.history.figures.valLoss?.findLast((v) => !Number.isNaN(v)) ?? Number.NaN;
  }

  /** Trains on the batches of an epoch that are left; false if it is to end before they are through. */
  async #runBatches(): Promise<boolean> {
    const { source, onNaN } = this.#settings;
    if (this.batches !== undefined && this.batch >= this.batches) {
      source.endEpoch();
      return true;
    }
    for await (const item of source.epoch()) {
      this.#data = source.state();
      const begun = this.#call('onBatchBegin');
      if (begun !== undefined) await begun;
      const batch = readBatch('fit', item);
      const later = this.#step.run(batch);
      if (later !== undefined) await later;
      this.batch++;
      this.samples += batch.samples;
      const last = this.batch === this.batches;
      if (last && this.#step.open) this.#step.finish();
      const stepped = !this.#step.open;
      if (stepped) this.#count();
      const ended = this.#call('onBatchEnd');
      if (ended !== undefined) await ended;
      if (onNaN !== 'ignore' && performance.now() - this.#looked >= lookEvery) {
        this.#judge(await this.#settings.measures.loss());
      }
      if (stepped) {
        const saved = this.#call('onStepEnd');
        if (saved !== undefined) await saved;
        if (this.#stop !== null) return false;
        if (this.#aborted && !last) return false;
      }
      if (last) break;
    }
    if (this.#step.open) {
      this.#step.finish();
      this.#count();
      await this.#call('onStepEnd');
    }
    return this.#stop === null;
  }

  #count(): void {
    this.step++;
    if (this.#settings.scheduleEvery === 'step') this.#settings.schedule?.step();
  }

  /** Figures with `val` before their names; null if the signal was aborted. */
  async #validate(): Promise<Figures | null> {
    const { validation, validationEvery, loss, measures, signal } = this.#settings;
    const number = this.epoch + 1;
    if (validation === null || (number % validationEvery !== 0 && number !== this.epochs)) return {};
    await this.#call('onValidationBegin');
    let figures: Figures;
    try {
      figures = await measure('fit: validation', this.model, validation, { loss, measures, signal });
    } catch (error) {
      if (this.#aborted && error === signal?.reason) return null;
      throw error;
    }
    this.#validated = validation.state();
    for (const callback of this.#callbacks) await callback.onValidationEnd?.(this, figures);
    return Object.fromEntries(
      Object.entries(figures).map(([name, value]) => [`val${name[0].toUpperCase()}${name.slice(1)}`, value]),
    );
  }

  async #interrupted(): Promise<void> {
    const { history, epoch, epochs, batch, batches } = this;
    history.interrupted = true;
    await this.#call('onInterrupt');
    const of = batches === undefined ? '' : ` of ${batches}`;
    const where =
      batch === 0
        ? `before epoch ${epoch + 1} of ${epochs}`
        : `in epoch ${epoch + 1} of ${epochs}, after batch ${batch}${of}`;
    history.stopReason = `interrupted ${where}; ${this.#settings.howToGoOn}`;
    this.note(history.stopReason);
  }

  /** Looks at a loss that was read. */
  #judge(loss: number): void {
    this.#looked = performance.now();
    const { onNaN } = this.#settings;
    if (Number.isFinite(loss) || onNaN === 'ignore' || this.samples === 0) return;
    const where = `in epoch ${this.epoch + 1}, at step ${this.step} or up to ${lookEvery} ms before`;
    if (onNaN === 'stop') this.stop(`the loss is ${loss} (${where})`);
    if (this.#warned) return;
    this.#warned = true;
    this.#warn(
      `hadal: the loss is ${loss} (${where}). Common causes: a learning rate that is too high, NaN in the data, log or ` +
        `division by 0 in the loss. ${onNaN === 'stop' ? 'Training ends here.' : 'No checkpoints are saved while it is so.'}`,
    );
  }

  // --- callbacks -----------------------------------------------------------------------------------------------------------

  /** Calls a function of all callbacks; gives a promise only if one is asynchronous, since most steps have none. */
  #call(name: PlainHook): void | Promise<void> {
    for (let i = 0; i < this.#callbacks.length; i++) {
      const later = this.#callbacks[i][name]?.(this);
      if (later instanceof Promise) return this.#callRest(name, i + 1, later);
    }
  }

  async #callRest(name: PlainHook, from: number, first: Promise<void>): Promise<void> {
    await first;
    for (let i = from; i < this.#callbacks.length; i++) await this.#callbacks[i][name]?.(this);
  }

  /** Closes all; gives the first failure. */
  async #close(): Promise<{ readonly error: unknown } | null> {
    let failed: { readonly error: unknown } | null = null;
    for (const callback of this.#callbacks) {
      try {
        await callback.close?.();
      } catch (error) {
        failed ??= { error };
      }
    }
    return failed;
  }
}
