/** `compile`: functions that are traced once for each kind of call and replayed from then on. */
import { anomalyMode } from '../../autograd/creation.js';
import { isGradEnabled, isInferenceModeEnabled } from '../../autograd/mode.js';
import { config } from '../../base/config.js';
import { ArgumentError, CompileError } from '../../base/errors.js';
import { Explanation } from '../../engine/explanation.js';
import { getDefaultDtype } from '../default-dtype.js';
import { putTogether } from '../structure.js';
import type { Tensor } from '../tensor.js';
import { tracing } from '../tracing.js';
import { type Workspace, workspace } from '../workspace.js';
import { replaceTensors, sameTokens, type TakenApart, takeApart } from './arguments.js';
import { differenceOf } from './compare.js';
import { CompiledExplanation } from './explanation.js';
import { Replay } from './replay.js';
import { Trace } from './trace.js';

export interface CompileOptions {
  /**
   * Run the function itself at every call and throw if it does something else than what was recorded: for finding out whether it rests on
   * state of JavaScript that changes. Slower than no compilation. False if not given.
   */
  readonly check?: boolean;
  /** How many kinds of calls are kept; the one not used for longest goes. 64 if not given. */
  readonly maxTraces?: number;
}

/** A compiled function: called as the function itself. */
export interface Compiled<Args extends readonly unknown[], Result> {
  (...args: Args): Result;
  /** How often the function has been traced. */
  readonly traces: number;
  /**
   * What a call runs: one that had arguments such as these, or the last one.
   *
   * @throws CompileError if there has been none.
   */
  explain(...args: Args | []): CompiledExplanation;
}

interface Entry {
  readonly key: readonly unknown[];
  readonly space: Workspace;
  /** How many threads its plans are made for. */
  readonly threads: number;
  readonly replay: Replay;
}

class CompiledFunction {
  readonly #fn: (...args: never[]) => unknown;
  readonly #check: boolean;
  readonly #maxTraces: number;
  /** The latest used first. */
  readonly #entries: Entry[] = [];
  #warned = false;
  traces = 0;

  constructor(fn: (...args: never[]) => unknown, { check = false, maxTraces = 64 }: CompileOptions) {
    if (!Number.isInteger(maxTraces) || maxTraces < 1)
      throw new ArgumentError(`compile: maxTraces is a positive integer, got ${maxTraces}`);
    this.#fn = fn;
    this.#check = check;
    this.#maxTraces = maxTraces;
  }

  get #name(): string {
    return this.#fn.name === '' ? 'the function' : this.#fn.name;
  }

  call(args: readonly unknown[]): unknown {
    // Within another compiled function it is a part of that one; tools that look at every op need the function itself.
    if (tracing.current !== null || config.debug || anomalyMode.value.enabled) return this.#fnOn(args);
    const taken = takeApart(args, context());
    const space = spaceOf(taken.tensors);
    settle(space, taken.tensors);
    const entry = this.#find(taken, space);
    if (entry === null) return this.#trace(args, taken, space, null);
    if (this.#check) return this.#trace(args, taken, space, entry);
    return entry.replay.run(taken.tensors);
  }

  #fnOn(args: readonly unknown[]): unknown {
    return this.#fn(...(args as never[]));
  }

  #find({ key, tensors }: TakenApart, space: Workspace): Entry | null {
    const entries = this.#entries;
    const threads = space.engine.backend.threads.count;
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i];
      if (
        entry.space !== space ||
        entry.threads !== threads ||
        !sameTokens(entry.key, key) ||
        !entry.replay.fits(tensors)
      )
        continue;
      if (i > 0) {
        entries.splice(i, 1);
        entries.unshift(entry);
      }
      return entry;
    }
    return null;
  }

  /** Runs the function itself; keeps its trace, or compares it with `known`. */
  #trace(args: readonly unknown[], taken: TakenApart, space: Workspace, known: Entry | null): unknown {
    const { tensors } = taken;
    this.traces++;
    const { returned, contents } = new Trace(space, tensors).run((standIns) => {
      const result = this.#fnOn(
        args.map((arg) => replaceTensors(arg, (t) => standIns[positionOf(t, tensors)])),
      );
      if (isThenable(result)) {
        result.then(undefined, () => undefined);
        throw asyncError(this.#name);
      }
      return result;
    });
    if (known !== null) {
      const difference = differenceOf(known.replay.contents, contents);
      if (difference !== null) {
        throw new CompileError(
          `compile: ${this.#name} did something else than when it was traced: ${difference}. A replay repeats the trace: what changes ` +
            'from call to call has to be an argument, a tensor, or come from an optimizer, a schedule or the random generator.',
        );
      }
    } else {
      const threads = space.engine.backend.threads.count;
      this.#keep({ key: taken.key, space, threads, replay: new Replay(contents) });
    }
    return putTogether(contents.form, (index) => returned[index]);
  }

  #keep(entry: Entry): void {
    this.#entries.unshift(entry);
    if (this.#entries.length <= this.#maxTraces) return;
    this.#entries.pop();
    if (this.#warned) return;
    this.#warned = true;
    console.warn(
      `hadal: compile: ${this.#name} has been called in more than ${this.#maxTraces} different ways (shapes, dtypes, numbers among its ` +
        'arguments), so traces are dropped and made again. Pass numbers that change as tensors, pad to few shapes, or raise maxTraces.',
    );
  }

  explain(args: readonly unknown[]): CompiledExplanation {
    const entry = args.length === 0 ? (this.#entries[0] ?? null) : this.#entryFor(args);
    if (entry === null)
      throw new CompileError(
        `compile: ${this.#name} has not been called${args.length === 0 ? '' : ' with such arguments'} yet; call it first`,
      );
    const { backend } = entry.space.engine;
    const { runs } = entry.replay.contents.recording;
    return new CompiledExplanation(runs.map((run) => new Explanation(run.prepared.explained(), backend)));
  }

  #entryFor(args: readonly unknown[]): Entry | null {
    const taken = takeApart(args, context());
    const space = spaceOf(taken.tensors);
    return this.#entries.find((e) => e.space === space && sameTokens(e.key, taken.key)) ?? null;
  }
}

/** What a trace depends on beside the arguments. */
function context(): readonly unknown[] {
  return [
    isGradEnabled(),
    isInferenceModeEnabled(),
    getDefaultDtype(),
    config.pendingNodes,
    config.pendingBytes,
  ];
}

function spaceOf(tensors: readonly Tensor[]): Workspace {
  if (tensors.length === 0) return workspace();
  const space = tensors[0].workspace;
  const other = tensors.find((t) => t.workspace !== space);
  if (other === undefined) return space;
  throw new CompileError(
    `compile: one argument is on the ${space.engine.name} engine, another on the ${other.device} engine; make both under one engine`,
  );
}

/** Runs what is pending, so that nothing of it mixes with what the function does. */
function settle({ engine }: Workspace, tensors: readonly Tensor[]): void {
  let ready = engine.isIdle;
  for (const t of tensors) {
    const { node } = t.value;
    engine.pending.checkUsable(node);
    if (node.buffer === null) ready = false;
  }
  if (!ready) engine.realize(tensors.map((t) => t.value.node));
}

/** Where a tensor, or another that is the same whole storage, stands among those that were taken apart. */
function positionOf(t: Tensor, tensors: readonly Tensor[]): number {
  const index = tensors.indexOf(t);
  return index >= 0 ? index : tensors.findIndex((other) => other.storage === t.storage);
}

function isThenable(x: unknown): x is PromiseLike<unknown> {
  return typeof x === 'object' && x !== null && 'then' in x && typeof x.then === 'function';
}

function asyncError(name: string): CompileError {
  return new CompileError(
    `compile: ${name} is asynchronous; a compiled function is traced in one go. Await what it needs before calling it, and read results ` +
      'after it.',
  );
}

/**
 * Compiles a function of tensors: the first call runs it and records what the engine does, later calls repeat that without running the
 * function or building a graph. It may be a model's forward pass or a whole training step: parameters, optimizer state, buffers,
 * gradients and their versions change as if it had run, and the results can be differentiated outside.
 *
 * A recording is for one kind of call: shapes, dtypes and layout of the tensors among the arguments (in lists and plain objects, too),
 * all other arguments, the grad mode, the modes of the modules used, and `config`. Another kind is recorded anew. What goes on by itself
 * does so: learning rates and other settings of optimizers, their steps, schedules, random numbers. All other state of JavaScript is
 * frozen: a replay does not see that a variable has changed, and changes none. `{ check: true }` finds out whether that matters.
 *
 * @throws CompileError if the function is asynchronous, or, while it is traced, if it reads a value of a tensor.
 * @throws ArgumentError for arguments other than tensors, numbers, strings, booleans, null, and lists and plain objects of them.
 * @example
 * ```ts
 * import { compile, nn, ones, optim, functional as F, zeros } from 'hadal';
 * const net = new nn.Linear(4, 2);
 * const opt = new optim.AdamW(net.parameters(), { lr: 0.1 });
 * const step = compile((x, y) => {
 *   const loss = F.mseLoss(net.forward(x), y);
 *   opt.zeroGrad();
 *   loss.backward();
 *   opt.step();
 *   return loss;
 * });
 * const losses = [1, 2, 3].map(() => step(ones([8, 4]), zeros([8, 2])).itemSync());
 * console.log(losses[2] < losses[0], step.traces); // true 1
 * ```
 */
export function compile<Args extends readonly unknown[], Result>(
  fn: (...args: Args) => Result,
  options: CompileOptions = {},
): Compiled<Args, Result> {
  if (typeof fn !== 'function') throw new ArgumentError(`compile: expected a function, got ${typeof fn}`);
  if (fn.constructor.name === 'AsyncFunction') throw asyncError(fn.name === '' ? 'the function' : fn.name);
  const compiled = new CompiledFunction(fn as unknown as (...args: never[]) => unknown, options);
  const call = (...args: Args): Result => compiled.call(args) as Result;
  return Object.defineProperties(call, {
    traces: { get: () => compiled.traces },
    explain: { value: (...args: Args | []) => compiled.explain(args) },
    name: { value: fn.name },
  }) as Compiled<Args, Result>;
}
