/**
 * An engine realises pending graphs: capture, look up or make a plan, bind memory and arguments, run, and settle what was written.
 */
import { config } from '../base/config.js';
import { ArgumentError, DeviceError, InternalError, known } from '../base/errors.js';
import { recording } from '../base/recording.js';
import { Buffer } from '../graph/buffer.js';
import type { Node } from '../graph/node.js';
import { PendingGraph } from '../graph/node.js';
import { type DecomposeTarget, decompose } from '../graph/rewrites/decompose.js';
import type { CapturedGraph, GraphKey, Root } from '../graph/template.js';
import { capture, keptKey, templateOf } from '../graph/template.js';
import type { Memory } from '../runtime/device.js';
import type { ExplainedPlan, Plan } from '../schedule/plan.js';
import { schedule, unexplained } from '../schedule/plan.js';
import type { Backend, EngineName, PlanRunner } from './backend.js';
import { bytesOf, checkMemory, checkTotal } from './budget.js';
import { Explanation } from './explanation.js';
import type { GraphSize, PlanPolicy } from './novelty.js';
import { Novelty, RUNS_OF_REPEATED } from './novelty.js';
import type { PackedPlans } from './packed-forms.js';
import { dropForm, packedForms, preparePacked, wantsPacked } from './packed-forms.js';
import type { WatchedPlan } from './profile/plan-run.js';
import { rangedRoots, settleRange } from './range-updates.js';
import type { Assignable } from './roots.js';
import { rootsOf } from './roots.js';
import type { RunRecorder } from './run-recorder.js';
import { liesIn } from './slice-reads.js';
import { ALL_STATUS_BYTES, notedError } from './status.js';
import { runInSteps } from './steps.js';

/** A plan that is ready to run. */
export interface PreparedPlan {
  readonly plan: Plan;
  readonly bytes: number;
  readonly runner: PlanRunner;
  /** The plan with its template, made again. */
  readonly explained: () => ExplainedPlan;
  /** Made when the plan first runs under a profiler. */
  watched: WatchedPlan | null;
  /** Made when operands are first packed by themselves. */
  packed: PackedPlans | null;
}

interface CachedPlan extends PreparedPlan {
  readonly key: GraphKey;
  /** Whether it was made for convolutions by Winograd's algorithm. */
  readonly winograd: boolean;
  /** Whether it was made for part of a graph. */
  readonly isPiece: boolean;
  readonly next: CachedPlan | null;
  /** How often it was asked to run. */
  runs: number;
}

/** Runs of less need no word to the backend beforehand. */
const LARGE_RUN_BYTES = 2 ** 20;
const MAX_PLANS = 2048;

export interface EngineStatistics {
  /** Plans made so far; stands still when all graphs are known. */
  plans: number;
  /** Runs of plans so far. */
  runs: number;
  /** Launches so far. */
  launches: number;
}

export class Engine {
  readonly backend: Backend;
  readonly pending: PendingGraph;
  readonly statistics: EngineStatistics = { plans: 0, runs: 0, launches: 0 };
  /** Storages whose new value is still pending. */
  readonly dirty = new Set<Assignable>();
  /** Notes everything that runs, if there is one. */
  runRecorder: RunRecorder | null = null;
  readonly #plans = new Map<number, CachedPlan>();
  readonly #policy: PlanPolicy;
  #planCount = 0;
  #status: Memory | null = null;
  /** Nodes whose memory goes back once nothing is pending. */
  #discarded: Node[] = [];
  #lastPlan: (() => ExplainedPlan) | null = null;

  constructor(backend: Backend, policy: PlanPolicy = new Novelty()) {
    this.backend = backend;
    this.#policy = policy;
    this.pending = new PendingGraph(backend.name);
    let isOnTheWay = false;
    this.pending.flush = (wanted) => {
      isOnTheWay = true;
      this.realize(wanted);
    };
    this.pending.begins = () => {
      // A graph that has only grown past its budget goes on: most of what there is, is in use.
      this.backend.tidy(isOnTheWay ? 0 : this.pending.takePassed());
      isOnTheWay = false;
    };
  }

  get name(): EngineName {
    return this.backend.name;
  }

  get description(): string {
    return this.backend.description;
  }

  /**
   * Puts data into memory and gives it a node.
   *
   * @param renewed for a recording: what to put there when it is repeated; the same data if not given.
   */
  upload(
    data: Uint8Array,
    shape: readonly number[],
    dtype: Node['dtype'],
    renewed: (() => Uint8Array) | null = null,
  ): Node {
    const recorder = recording.current;
    const span = recorder?.begin('write') ?? 0;
    const memory = this.backend.allocate(Math.max(data.length, 1));
    this.backend.write(memory, 0, data);
    recorder?.end(span);
    const buffer = new Buffer(memory);
    this.runRecorder?.uploaded(buffer, renewed);
    return this.pending.leaf(buffer, shape, dtype);
  }

  /** A node with a copy of what another, which is in memory, holds. */
  duplicate(node: Node): Node {
    const { memory } = known(node.buffer, 'a node in memory');
    return this.pending.leaf(new Buffer(this.backend.duplicate(memory)), node.shape, node.dtype);
  }

  /**
   * Zeros in memory, in the shapes and dtypes of other nodes: filling it takes less than planning and compiling a kernel that does.
   *
   * @throws OutOfMemoryError before anything is allocated if there is no room for all of them.
   */
  zeros(like: readonly Node[]): Node[] {
    checkTotal(like, (wanted) => this.backend.availableBytes(wanted));
    const recorder = recording.current;
    const span = recorder?.begin('write') ?? 0;
    const nodes = like.map(({ shape, dtype, bytes }) => {
      const memory = this.backend.allocate(Math.max(bytes, 1));
      this.backend.clear(memory);
      const buffer = new Buffer(memory);
      this.runRecorder?.uploaded(buffer, null);
      return this.pending.leaf(buffer, shape, dtype);
    });
    recorder?.end(span);
    return nodes;
  }

  /** Puts the value of one node into memory. Nothing else that is pending runs, and nothing is recorded. */
  materialize(node: Node): void {
    this.pending.checkUsable(node);
    if (node.buffer !== null) return;
    const { runRecorder } = this;
    this.runRecorder = null;
    try {
      const captured = capture([{ node, into: null }]);
      if (this.#runPlan(captured, this.#planFor(captured))) this.checkStatus();
    } finally {
      this.runRecorder = runRecorder;
    }
  }

  /** Whether nothing is pending. */
  get isIdle(): boolean {
    return this.pending.handles.length === 0 && this.dirty.size === 0;
  }

  /**
   * Gives back the memory of a node that nobody can read any more, at once or when what is pending has run; should somebody still try,
   * they get a `StaleValueError`.
   */
  discard(node: Node): void {
    if (!this.isIdle) {
      this.#discarded.push(node);
      return;
    }
    if (node.buffer === null || node.isStale) return;
    node.buffer.version++;
    dropForm(this.backend, node.buffer);
    this.backend.release(node.buffer.memory);
  }

  /** Nothing is pending from here on. */
  #forget(): void {
    this.pending.reset();
    for (const d of this.dirty) {
      d.settled();
      // One by one, as the pending graph does.
      this.dirty.delete(d);
    }
  }

  #discardLate(): void {
    const waiting = this.#discarded;
    if (waiting.length === 0) return;
    this.#discarded = [];
    for (const node of waiting) this.discard(node);
  }

  /** A copy of a node's value. */
  download(node: Node): Uint8Array<ArrayBuffer> {
    this.runRecorder?.reading(node);
    this.pending.checkUsable(node);
    this.#settleSlice(node);
    this.realize([node]);
    if (node.buffer === null) throw new InternalError('a realised node has no buffer');
    const recorder = recording.current;
    const span = recorder?.begin('read') ?? 0;
    try {
      return this.backend.read(node.buffer.memory, 0, node.bytes);
    } finally {
      recorder?.end(span);
    }
  }

  /** Copies a part of what lies in memory, or is computed first: nothing has to run for the part. What is recorded is a run. */
  #settleSlice(node: Node): void {
    const { pending } = this;
    if (this.runRecorder !== null || pending.trace !== null) return;
    const place = liesIn(node);
    if (place === null) return;
    const { base, byteOffset } = place;
    if (base.buffer === null) {
      const at = pending.handles.lastIndexOf(node);
      if (at >= 0) pending.handles.splice(at, 1);
      this.realize([base]);
    }
    const source = known(base.buffer, 'a value that was computed');
    const memory = this.backend.allocate(node.bytes);
    this.backend.write(memory, 0, this.backend.read(source.memory, byteOffset, node.bytes));
    node.settle(new Buffer(memory));
  }

  /** Computes the given nodes and everything else that is pending and wanted. */
  realize(wanted: readonly Node[]): void {
    if (this.pending.trace !== null)
      throw new ArgumentError(
        'scan: values cannot be read in the step: it is run once, before there are any. ' +
          'Choose by tensors, with where(); or read the results of the scan',
      );
    for (const node of wanted) this.pending.checkUsable(node);
    const wholes = rootsOf(wanted, this.dirty, this.pending);
    if (wholes.length === 0) {
      // What is pending then, nobody can read; what was assigned is in memory already.
      if (!this.isIdle) {
        this.#forget();
        this.#discardLate();
      }
      return;
    }
    const recorder = recording.current;
    const span = recorder?.begin('realise') ?? 0;
    // What is recorded finds its values again as they were captured.
    const { roots, ranges } = this.runRecorder === null ? rangedRoots(wholes) : { roots: wholes, ranges: [] };
    let usesStatus = false;
    try {
      const capturing = recorder?.begin('capture') ?? 0;
      const captured = capture(roots);
      recorder?.end(capturing);
      usesStatus = this.#run(captured);
      for (const update of ranges) {
        settleRange(update);
        dropForm(this.backend, update.buffer);
      }
    } finally {
      // Also after a failure: what could not be computed fails when it is read, and nothing else does.
      this.#forget();
      recorder?.end(span);
    }
    this.#discardLate();
    if (usesStatus) this.checkStatus();
  }

  /** Runs a captured graph and settles its nodes; says whether kernels may have noted an error. */
  #run(captured: CapturedGraph): boolean {
    const known = this.#knownPlan(captured);
    // What is recorded runs many times.
    const isLasting = known !== null || this.runRecorder !== null;
    const size = sizeOf(captured);
    if (isLasting || !this.#policy.wantsSteps(captured.hash, size))
      return this.#runPlan(captured, known ?? this.#newPlan(captured));
    const key = keptKey(captured);
    const { hash } = captured;
    let planned = 0;
    const usesStatus = runInSteps(captured, {
      run: (piece, settle) => {
        const made = this.#knownPlan(piece);
        if (made === null) planned += piece.nodes.length;
        return this.#runPlan(piece, made ?? this.#newPlan(piece, true), settle);
      },
      release: ({ memory }) => this.backend.release(memory),
    });
    this.#lastPlan = () => this.#schedule(key);
    this.#policy.stepped(hash, size, planned);
    return usesStatus;
  }

  #runPlan(
    captured: CapturedGraph,
    prepared: CachedPlan,
    settle = (node: Node, buffer: Buffer): void => node.settle(buffer),
  ): boolean {
    const { plan } = prepared;
    if (++prepared.runs === RUNS_OF_REPEATED && !prepared.isPiece)
      this.#policy.repeated(captured.nodes.length);
    const leaves = captured.leafNodes.map((leaf) => {
      if (leaf.buffer === null || leaf.isStale)
        throw new InternalError('a leaf of a pending graph was overwritten');
      return leaf.buffer;
    });
    this.runRecorder?.starting(prepared, captured);
    const outputs = this.execute(
      prepared,
      leaves,
      captured.argumentNodes.map((n) => n.value),
      captured,
    );
    plan.outputs.forEach((o, i) => settle(captured.nodes[o.node], outputs[i]));
    for (const u of plan.updates) captured.nodes[u.node].settle(leaves[u.leaf]);
    this.runRecorder?.finished(prepared, captured, outputs);
    return plan.usesStatus;
  }

  /** Runs a plan and gives the buffers of its outputs. Leaves that it overwrites are a version on afterwards. */
  execute(
    prepared: PreparedPlan,
    leaves: readonly Buffer[],
    scalars: readonly (number | bigint)[],
    captured: CapturedGraph | null = null,
  ): Buffer[] {
    const { plan, bytes } = prepared;
    const recorder = recording.current;
    const allocating = recorder?.begin('allocation') ?? 0;
    checkMemory(bytes, prepared.explained, (wanted) => this.backend.availableBytes(wanted));
    const buffers: Memory[] = [];
    for (let i = 0; i < leaves.length; i++) buffers.push(leaves[i].memory);
    if (bytes > LARGE_RUN_BYTES)
      this.backend.expect(buffers.reduce((sum, memory) => sum + memory.bytes, bytes));
    const outputs: Buffer[] = [];
    for (const o of plan.outputs) {
      const buffer = new Buffer(this.backend.allocate(Math.max(o.bytes, 1)));
      outputs.push(buffer);
      buffers.push(buffer.memory);
    }
    const arena = plan.arena.bytes > 0 ? this.backend.allocate(plan.arena.bytes) : null;
    buffers.push(arena ?? this.#statusMemory(), this.#statusMemory());
    recorder?.end(allocating);
    const packed = this.#packedPlans(prepared, leaves, buffers, scalars);
    const run = packed ?? prepared;
    if (recorder === null) run.runner.run(buffers, scalars);
    else {
      const preparing = recorder.begin('profiling');
      run.watched ??= this.#watched(run.explained());
      recorder.end(preparing);
      recorder.run({ backend: this.backend, ...run.watched, captured, buffers, scalars });
    }
    for (const u of plan.updates) {
      leaves[u.leaf].version++;
      dropForm(this.backend, leaves[u.leaf]);
    }
    if (arena) this.backend.release(arena);
    this.#lastPlan = run.explained;
    this.statistics.runs++;
    this.statistics.launches += plan.launches.length;
    return outputs;
  }

  /** What runs a plan on packed operands, which are added to the buffers; null if it is to pack them itself. */
  #packedPlans(
    prepared: PreparedPlan,
    leaves: readonly Buffer[],
    buffers: Memory[],
    scalars: readonly (number | bigint)[],
  ): PackedPlans | null {
    const { plan } = prepared;
    if (plan.packable.length === 0 || !wantsPacked(this.backend, plan, leaves)) return null;
    prepared.packed ??= preparePacked(this.backend, prepared.explained);
    buffers.push(...packedForms(this.backend, plan, prepared.packed, leaves, buffers, scalars));
    return prepared.packed;
  }

  /** The reference engine defines what a convolution is. */
  get #winograd(): boolean {
    return config.winograd && this.backend.target.lanes > 1;
  }

  #knownPlan(captured: CapturedGraph): CachedPlan | null {
    const threads = this.backend.threads.count;
    const winograd = this.#winograd;
    for (let p = this.#plans.get(captured.hash) ?? null; p !== null; p = p.next)
      if (p.plan.threads === threads && p.winograd === winograd && sameKey(p.key, captured)) return p;
    return null;
  }

  #planFor(captured: CapturedGraph): CachedPlan {
    return this.#knownPlan(captured) ?? this.#newPlan(captured);
  }

  #newPlan(captured: CapturedGraph, isPiece = false): CachedPlan {
    const winograd = this.#winograd;
    if (this.#planCount >= MAX_PLANS) {
      this.#plans.clear();
      this.#planCount = 0;
    }
    const recorder = recording.current;
    const span = recorder?.begin('planning') ?? 0;
    const key = keptKey(captured);
    const made = this.#schedule(key);
    const plan = unexplained(made);
    const rules = this.#rules;
    const entry: CachedPlan = {
      key,
      winograd,
      isPiece,
      plan,
      bytes: bytesOf(plan),
      runner: this.backend.prepare(made),
      explained: () => ({ ...plan, template: decompose(templateOf(key), rules) }),
      watched: null,
      packed: null,
      next: this.#plans.get(captured.hash) ?? null,
      runs: 0,
    };
    this.#plans.set(captured.hash, entry);
    this.#planCount++;
    this.statistics.plans++;
    if (!isPiece) this.#policy.planned(captured.nodes.length);
    recorder?.end(span);
    return entry;
  }

  /** What decides about the ops of a plan. */
  get #rules(): DecomposeTarget {
    const { target } = this.backend;
    return { ...target, winograd: this.#winograd, cutsSums: target.lanes > 1 };
  }

  #schedule(key: GraphKey): ExplainedPlan {
    const { threads, target } = this.backend;
    return schedule(decompose(templateOf(key), this.#rules), target, threads);
  }

  #watched(plan: ExplainedPlan): WatchedPlan {
    return { plan, steps: this.backend.prepareSteps(plan) };
  }

  #statusMemory(): Memory {
    if (this.#status === null) {
      this.#status = this.backend.allocate(ALL_STATUS_BYTES);
      this.backend.write(this.#status, 0, new Uint8Array(ALL_STATUS_BYTES));
    }
    return this.#status;
  }

  /** Kernels note what they could not do and go on; here it becomes an error. */
  checkStatus(): void {
    const memory = this.#statusMemory();
    const noted = notedError(this.backend.read(memory, 0, ALL_STATUS_BYTES));
    if (noted === null) return;
    this.backend.write(memory, 0, new Uint8Array(ALL_STATUS_BYTES));
    throw noted;
  }

  /** The plan that would compute the given nodes and nothing else; nothing is run. */
  explain(wanted: readonly Node[]): Explanation {
    const roots = [...new Set(wanted)]
      .filter((node) => node.buffer === null)
      .map((node): Root => ({ node, into: null }));
    if (roots.length === 0) return new Explanation(null, this.backend);
    return new Explanation(this.#planFor(capture(roots)).explained(), this.backend);
  }

  /** The plan of the last realise; if it ran in pieces, the one that it would have had. */
  explainLast(): Explanation {
    const last = this.#lastPlan;
    if (last === null) throw new DeviceError('nothing has run on this engine yet');
    return new Explanation(last(), this.backend);
  }
}

function sizeOf({ nodes }: CapturedGraph): GraphSize {
  let bytes = 0;
  for (const node of nodes)
    if (node.buffer === null && node.op.kind !== 'movement' && node.op.kind !== 'source') bytes += node.bytes;
  return { nodes: nodes.length, bytes };
}

function sameKey({ key: a, keyLength: length }: GraphKey, { key, keyLength }: CapturedGraph): boolean {
  if (length !== keyLength) return false;
  for (let i = 0; i < keyLength; i++) if (a[i] !== key[i]) return false;
  return true;
}
