/**
 * Recording what an engine runs, so that it can run again without a graph. A recording names memory by **registers**: what the caller
 * binds before (arguments, parameters, constants), and what the recorded runs put out. An update in place leaves its register where it
 * is: the memory stays, its contents are new.
 */
import type { DType } from '../base/dtype.js';
import { convertNumber } from '../base/dtype.js';
import { known } from '../base/errors.js';
import { Buffer } from '../graph/buffer.js';
import type { LiveNumber } from '../graph/live.js';
import type { Node } from '../graph/node.js';
import type { CapturedGraph } from '../graph/template.js';
import type { Engine, PreparedPlan } from './engine.js';

/** A number of a run: frozen, or asked for at each. */
export interface RecordedNumber {
  readonly value: number | bigint;
  readonly dtype: DType;
  readonly live: LiveNumber | null;
}

export interface RecordedRun {
  readonly prepared: PreparedPlan;
  /** The register of each leaf, and of each output. */
  readonly leaves: readonly number[];
  readonly outputs: readonly number[];
  readonly numbers: readonly RecordedNumber[];
}

/** Memory that was filled from JavaScript while recording. */
export interface RecordedConstant {
  readonly register: number;
  readonly buffer: Buffer;
  /** The contents, if a run overwrites them: each replay starts from a copy. */
  pristine: Uint8Array | null;
  /** What to put there at each replay, if that is not what was there. */
  readonly renewed: (() => Uint8Array) | null;
}

/** What the caller of a recorder knows about its values. */
export interface RunRecorderRules {
  /** A value that a run reads and nobody has bound. */
  unbound(node: Node): Error;
  /** A value that JavaScript wants to see. */
  reading(node: Node): Error;
}

export class RunRecorder {
  readonly runs: RecordedRun[] = [];
  readonly constants: RecordedConstant[] = [];
  readonly #engine: Engine;
  readonly #rules: RunRecorderRules;
  readonly #registers = new Map<Buffer, number>();
  #count = 0;

  constructor(engine: Engine, rules: RunRecorderRules) {
    this.#engine = engine;
    this.#rules = rules;
  }

  get registers(): number {
    return this.#count;
  }

  /** Gives a buffer a register. */
  bind(buffer: Buffer): number {
    const register = this.#count++;
    this.#registers.set(buffer, register);
    return register;
  }

  /** The register of a buffer, or -1. */
  registerOf(buffer: Buffer): number {
    return this.#registers.get(buffer) ?? -1;
  }

  /** Takes down constants that go out of the recording: who has one may write to it. */
  preserve(kept: ReadonlySet<number>): void {
    for (const constant of this.constants) {
      const { memory } = constant.buffer;
      if (kept.has(constant.register))
        constant.pristine ??= this.#engine.backend.read(memory, 0, memory.bytes);
    }
  }

  // --- called by the engine ------------------------------------------------------------------------------------------------

  uploaded(buffer: Buffer, renewed: (() => Uint8Array) | null): void {
    this.constants.push({ register: this.bind(buffer), buffer, pristine: null, renewed });
  }

  /** Before a value is handed to JavaScript. */
  reading(node: Node): never {
    throw this.#rules.reading(node);
  }

  /** Before a run: who its leaves are can be told, and constants are still what they were. */
  starting(prepared: PreparedPlan, captured: CapturedGraph): void {
    for (const node of captured.leafNodes)
      if (!this.#registers.has(known(node.buffer, 'a buffer'))) throw this.#rules.unbound(node);
    for (const { leaf } of prepared.plan.updates) {
      const buffer = known(captured.leafNodes[leaf].buffer, 'a buffer');
      const constant = this.constants.find((c) => c.buffer === buffer);
      if (!constant || constant.pristine !== null) continue;
      constant.pristine = this.#engine.backend.read(buffer.memory, 0, buffer.memory.bytes);
    }
  }

  finished(prepared: PreparedPlan, captured: CapturedGraph, outputs: readonly Buffer[]): void {
    this.runs.push({
      prepared,
      leaves: captured.leafNodes.map((n) => this.registerOf(known(n.buffer, 'a buffer'))),
      numbers: captured.argumentNodes.map(({ value, dtype, live }) => ({ value, dtype, live })),
      outputs: outputs.map((buffer) => this.bind(buffer)),
    });
  }
}

interface LivePlace {
  readonly at: number;
  readonly live: LiveNumber;
  readonly dtype: DType;
}

interface Step {
  readonly run: RecordedRun;
  readonly scalars: (number | bigint)[];
  readonly live: readonly LivePlace[];
  /** Registers that nobody needs after this run. */
  readonly freed: readonly number[];
}

/** Recorded runs, made ready to run again. */
export class Recording {
  readonly runs: readonly RecordedRun[];
  readonly constants: readonly RecordedConstant[];
  readonly registers: number;
  readonly #steps: readonly Step[];

  /** @param kept registers that are wanted when all runs are done. */
  constructor(recorder: RunRecorder, kept: ReadonlySet<number>) {
    recorder.preserve(kept);
    this.runs = [...recorder.runs];
    this.registers = recorder.registers;
    const used = new Set(this.runs.flatMap((run) => run.leaves));
    this.constants = recorder.constants.filter((c) => used.has(c.register) || kept.has(c.register));
    const lastUse = new Map<number, number>();
    this.runs.forEach((run, i) => {
      for (const register of [...run.outputs, ...run.leaves]) lastUse.set(register, i);
    });
    const copied = this.constants.filter((c) => c.pristine !== null || c.renewed !== null);
    const made = new Set([...this.runs.flatMap((run) => run.outputs), ...copied.map((c) => c.register)]);
    this.#steps = this.runs.map((run, i): Step => {
      const live: LivePlace[] = [];
      run.numbers.forEach((number, at) => {
        if (number.live !== null) live.push({ at, live: number.live, dtype: number.dtype });
      });
      return {
        run,
        live,
        scalars: run.numbers.map((number) => number.value),
        freed: [...made].filter((register) => lastUse.get(register) === i && !kept.has(register)),
      };
    });
  }

  /** Registers that a run overwrites in place. */
  updated(): Set<number> {
    return new Set(this.runs.flatMap((run) => run.prepared.plan.updates.map((u) => run.leaves[u.leaf])));
  }

  /** Puts constants where the runs expect them. */
  #bindConstants(engine: Engine, memory: (Buffer | null)[]): void {
    for (const { register, buffer, pristine, renewed } of this.constants) {
      const contents = renewed === null ? pristine : renewed();
      if (contents === null) memory[register] = buffer;
      else {
        const copy = engine.backend.allocate(buffer.memory.bytes);
        engine.backend.write(copy, 0, contents);
        memory[register] = new Buffer(copy);
      }
    }
  }

  /**
   * Runs everything again.
   *
   * @param memory what each register stands for: bound ones are given, the others are filled in. After an error those of finished runs
   * are.
   */
  replay(engine: Engine, memory: (Buffer | null)[]): void {
    engine.backend.tidy(0);
    this.#bindConstants(engine, memory);
    for (const { run, scalars, live, freed } of this.#steps) {
      for (const { at, live: number, dtype } of live)
        scalars[at] = convertNumber(number.numbers.values[number.index], dtype);
      const leaves: Buffer[] = [];
      for (let i = 0; i < run.leaves.length; i++) leaves.push(known(memory[run.leaves[i]], 'memory'));
      const outputs = engine.execute(run.prepared, leaves, scalars);
      for (let i = 0; i < outputs.length; i++) memory[run.outputs[i]] = outputs[i];
      for (const register of freed) {
        engine.backend.release(known(memory[register], 'memory').memory);
        memory[register] = null;
      }
      if (run.prepared.plan.usesStatus) engine.checkStatus();
    }
  }
}
