/**
 * What the realiser needs of an engine: memory, and plans made runnable. Two implementations: compiled engines (L2 to L3 to code
 * on a device) and the reference (ops computed as they are defined).
 */
import type { Target, Threads } from '../kernel/target.js';
import type { Memory } from '../runtime/device.js';
import type { ExplainedPlan } from '../schedule/plan.js';

export type EngineName = 'native' | 'wasm' | 'reference';

export interface PlanRunner {
  /** `buffers`: the leaves, then the outputs, then the arena, then the status buffer, then what is packed if the plan wants that. */
  run(buffers: readonly Memory[], scalars: readonly (number | bigint)[]): void;
}

/** A plan made ready to be watched: its launches run one at a time. */
export interface PlanSteps {
  /** As of `PlanRunner.run`: what the launches run on. */
  bind(buffers: readonly Memory[], scalars: readonly (number | bigint)[]): void;
  /** Runs a launch of the plan, by its position; all of them in order are one run of the plan. */
  launch(index: number): void;
}

export interface Backend {
  readonly name: EngineName;
  /** A line for people: what runs where. */
  readonly description: string;
  readonly target: Target;
  /** What plans from now on are made for. */
  readonly threads: Threads;
  /** Kernels compiled so far; grows only when a kernel of a new structure is met. */
  readonly compiledKernels: number;
  /** Bytes that can still be allocated. Memory that is kept though it is free is given back if less than `wanted` is left. */
  availableBytes(wanted: number): number;
  /** Says that a run is about to hold so many bytes at once. */
  expect(bytes: number): void;
  /** As of `Device`. */
  tidy(nodes: number): void;
  allocate(bytes: number): Memory;
  release(memory: Memory): void;
  write(memory: Memory, byteOffset: number, data: Uint8Array): void;
  /** Fills a memory with zeros. */
  clear(memory: Memory): void;
  /** Memory of its own with the same contents. */
  duplicate(memory: Memory): Memory;
  read(memory: Memory, byteOffset: number, bytes: number): Uint8Array<ArrayBuffer>;
  /** A runner lives as long as its plan: it keeps no more of it than it needs. */
  prepare(plan: ExplainedPlan): PlanRunner;
  /** The same launch by launch, for the profiler. */
  prepareSteps(plan: ExplainedPlan): PlanSteps;
  /** The generated code of a plan's kernels as text, for `explain`. */
  code(plan: ExplainedPlan): string;
}
