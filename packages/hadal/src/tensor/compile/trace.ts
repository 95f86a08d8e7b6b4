/**
 * One traced call of a function. It runs as it always would, on stand-ins for its arguments, while this notes everything that a replay
 * has to repeat: the runs of the engine, what they read and write outside of the function, numbers that go on by themselves, and what
 * the trace rests on. What it leaves is plain data (`TraceContents`), without tensors or nodes of the call.
 */
import type { TapeNames } from '../../autograd/recorded-tape.js';
import { RecordedTape } from '../../autograd/recorded-tape.js';
import type { Edge } from '../../autograd/tape.js';
import { nextSequence, tapeFloor } from '../../autograd/tape.js';
import { Value } from '../../autograd/value.js';
import type { DType } from '../../base/dtype.js';
import { CompileError, InternalError, known } from '../../base/errors.js';
import type { Shape } from '../../base/shape.js';
import { sameShape, showShape } from '../../base/shape.js';
import type { RunRecorderRules } from '../../engine/run-recorder.js';
import { Recording, RunRecorder } from '../../engine/run-recorder.js';
import type { LiveNumbers, LiveWatcher } from '../../graph/live.js';
import { liveWatch } from '../../graph/live.js';
import { type Node, userLine } from '../../graph/node.js';
import type { GradSlot } from '../grad-slot.js';
import { Storage } from '../storage.js';
import type { Form } from '../structure.js';
import { Tensor } from '../tensor.js';
import { type Tracer, tracing } from '../tracing.js';
import type { Workspace } from '../workspace.js';
import { edgeKind, isWhole } from './arguments.js';
import type { PlaceSource, SlotSource, SlotState } from './places.js';
import { doublyUsedError, isExclusive, slotOfEdge, slotState } from './places.js';
import { resultForm } from './results.js';
import { SavedNodes } from './saved-nodes.js';

/** A value that the function leaves behind, by its register. */
export interface Written {
  readonly register: number;
  readonly shape: Shape;
  readonly dtype: DType;
  /** Its place among the ends of the tape, or -1. */
  readonly end: number;
}

export interface RecordedPlace {
  readonly source: PlaceSource;
  readonly register: number;
  readonly shape: Shape;
  readonly dtype: DType;
  readonly edgeKind: number;
  /** Whether runs write over its memory. */
  readonly overwritten: boolean;
  /** How many updates in place it gets, and what it is then; null for none. */
  readonly updates: number;
  readonly final: Written | null;
  /** Whether it keeps its place on the tape. */
  readonly keepsEdge: boolean;
}

export interface RecordedSlot {
  readonly source: SlotSource;
  /** What has to be there when a call begins; null if it does not matter, since it is dropped or replaced first. */
  readonly expects: SlotState | null;
  /** What is there afterwards. */
  readonly final:
    | { readonly kind: 'same' | 'updated' | 'none' }
    | { readonly kind: 'written'; readonly value: Written };
}

export type RecordedResult =
  | { readonly kind: 'argument'; readonly index: number }
  /** A tensor around the function, given back as it is. */
  | { readonly kind: 'held'; readonly tensor: Tensor }
  | { readonly kind: 'written'; readonly value: Written; readonly leaf: boolean };

export type BoundaryEdge =
  | { readonly at: 'place'; readonly place: number }
  | { readonly at: 'edge'; readonly edge: Edge };

export interface Guard {
  readonly read: () => unknown;
  readonly value: unknown;
}

export interface TraceContents {
  readonly space: Workspace;
  readonly recording: Recording;
  readonly places: readonly RecordedPlace[];
  readonly slots: readonly RecordedSlot[];
  readonly live: readonly LiveNumbers[];
  readonly guards: readonly Guard[];
  readonly form: Form;
  readonly results: readonly RecordedResult[];
  /** How many ends the tape has that go on outside, and the tape; null if there are none. */
  readonly ends: number;
  readonly tape: RecordedTape | null;
  readonly boundary: readonly BoundaryEdge[];
  readonly saved: SavedNodes;
}

interface TracedPlace {
  readonly source: PlaceSource;
  /** What the function works on: a stand-in for arguments; null for gradients that are no storage. */
  readonly storage: Storage | null;
  readonly register: number;
  readonly before: Value;
  readonly version: number;
}

/** What is known of an argument, taken down before anything is traced. */
interface Given {
  readonly tensor: Tensor;
  readonly storage: Storage;
  readonly node: Node;
  readonly edge: Edge | null;
  readonly whole: boolean;
}

interface TracedSlot {
  readonly slot: GradSlot;
  readonly source: SlotSource;
  readonly expects: SlotState | null;
  readonly storage: Storage | null;
  readonly node: Node | null;
}

let traces = 0;

export class Trace implements Tracer, LiveWatcher, RunRecorderRules, TapeNames {
  readonly id = ++traces;
  readonly #space: Workspace;
  readonly #recorder: RunRecorder;
  readonly #args: readonly Given[];
  readonly #floor = nextSequence();
  readonly #places: TracedPlace[] = [];
  readonly #placeOf = new Map<Storage, number>();
  readonly #standIns: Tensor[] = [];
  readonly #slots: TracedSlot[] = [];
  readonly #argumentOfSlot = new Map<GradSlot, number>();
  readonly #sourceOfStorage = new Map<Storage, SlotSource>();
  readonly #live: LiveNumbers[] = [];
  readonly #guards = new Map<object, Guard>();
  readonly #boundary: BoundaryEdge[] = [];
  readonly #boundaryOf = new Map<Edge, number>();
  readonly #saved = new SavedNodes();
  readonly #ends: Edge[] = [];

  /** @param args tensors in memory, each once */
  constructor(space: Workspace, args: readonly Tensor[]) {
    this.#space = space;
    this.#args = args.map((tensor) => {
      const { storage, value } = tensor;
      return { tensor, storage, node: value.node, edge: value.edge, whole: isWhole(tensor) };
    });
    this.#recorder = new RunRecorder(space.engine, this);
  }

  // --- the call ------------------------------------------------------------------------------------------------------------

  /** Runs the function; gives what it returned, with its arguments in place of their stand-ins, and what there is to repeat. */
  run(call: (standIns: readonly Tensor[]) => unknown): {
    readonly returned: readonly Tensor[];
    readonly contents: TraceContents;
  } {
    const { engine } = this.#space;
    tracing.current = this;
    liveWatch.current = this;
    engine.runRecorder = this.#recorder;
    const floor = tapeFloor.sequence;
    tapeFloor.sequence = this.#floor;
    try {
      this.#standIn();
      const result = call(this.#standIns);
      return this.#finish(result);
    } finally {
      tapeFloor.sequence = floor;
      engine.runRecorder = null;
      liveWatch.current = null;
      tracing.current = null;
      this.#giveBack();
    }
  }

  /** A storage of its own for each argument, over the same memory. */
  #standIn(): void {
    const { engine } = this.#space;
    this.#args.forEach(({ node, edge, whole }, index) => {
      const buffer = known(node.buffer, 'an argument in memory');
      const free = whole && isExclusive(node) && this.#recorder.registerOf(buffer) < 0;
      const own = free ? engine.pending.leaf(buffer, node.shape, node.dtype) : engine.duplicate(node);
      const slot = slotOfEdge(edge);
      if (slot !== null) this.#argumentOfSlot.set(slot, index);
      const storage = new Storage(this.#space, new Value(own, edge), slot);
      this.#standIns.push(new Tensor(storage));
      this.#place({ kind: 'argument', index }, storage);
    });
  }

  /** What the function did to stand-ins is done to the arguments themselves. */
  #giveBack(): void {
    this.#args.forEach((arg, index) => {
      const place = this.#places[index];
      if (place === undefined || place.storage === null) return;
      const { storage, version } = place;
      if (storage.version === version || !arg.whole) return;
      const { node, edge } = storage.value;
      arg.storage.assign(new Value(node, edge));
      arg.storage.version += storage.version - version - 1;
    });
  }

  #place(source: PlaceSource, storage: Storage): void {
    const before = storage.value;
    const register = this.#recorder.bind(known(before.node.buffer, 'a value in memory'));
    this.#placeOf.set(storage, this.#places.length);
    this.#places.push({ source, storage, register, before, version: storage.version });
  }

  // --- what it touches -----------------------------------------------------------------------------------------------------

  created(storage: Storage): void {
    this.#checkEngine(storage);
  }

  #checkEngine({ engine }: Storage): void {
    if (engine === this.#space.engine) return;
    throw new CompileError(
      `compile: the function was called with tensors of the ${this.#space.engine.name} engine and uses one of the ` +
        `${engine.name} engine; a compiled function runs on one engine`,
    );
  }

  /** Puts a node into memory that nobody else has; gives a copy if somebody does. */
  #own(node: Node): Node {
    const { engine } = this.#space;
    engine.materialize(node);
    const buffer = known(node.buffer, 'a value in memory');
    return isExclusive(node) && this.#recorder.registerOf(buffer) < 0 ? node : engine.duplicate(node);
  }

  touched(storage: Storage): void {
    this.#checkEngine(storage);
    const { node } = storage;
    const own = this.#own(node);
    if (own !== node) storage.relocate(own);
    const of = this.#sourceOfStorage.get(storage);
    this.#place(of ? { kind: 'gradient', of } : { kind: 'storage', storage }, storage);
  }

  touchedSlot(slot: GradSlot, reads: boolean): void {
    const index = this.#argumentOfSlot.get(slot);
    const source: SlotSource = index === undefined ? { of: 'slot', slot } : { of: 'argument', index };
    const state = slotState(slot);
    const { storage } = slot.peek();
    if (reads && storage !== null) {
      if (this.#placeOf.has(storage)) this.guard(slot, () => slot.peek().storage === storage);
      this.#sourceOfStorage.set(storage, source);
      void storage.value;
    }
    const { value } = slot.peek();
    if (reads && storage === null && value !== null) {
      const own = this.#own(value.node);
      if (own !== value.node) slot.relocate(own);
      const before = new Value(own, value.edge);
      const register = this.#recorder.bind(known(own.buffer, 'a value in memory'));
      this.#places.push({
        source: { kind: 'gradient', of: source },
        storage: null,
        register,
        before,
        version: 0,
      });
    }
    const node = reads ? (slot.peek().value?.node ?? null) : null;
    this.#slots.push({
      slot,
      source,
      expects: reads ? state : null,
      storage: reads ? storage : null,
      node,
    });
  }

  guard(owner: object, read: () => unknown): void {
    if (!this.#guards.has(owner)) this.#guards.set(owner, { read, value: read() });
  }

  asked(numbers: LiveNumbers): void {
    this.#live.push(numbers);
  }

  // --- what it must not do -------------------------------------------------------------------------------------------------

  reading(node: Node): Error {
    const line = userLine(new Error('read here'));
    return new CompileError(
      `compile: a value of shape ${showShape(node.shape)} is read inside of a compiled function${line === null ? '' : `, at ${line}`}. ` +
        'While a function is traced nothing has a value yet, and a replay would not run this line: return the tensor and read it ' +
        'outside, or choose with where() in place of if.',
    );
  }

  unbound(node: Node): Error {
    return new CompileError(
      `compile: the function uses a value of shape ${showShape(node.shape)} that was computed before it was called and is neither an ` +
        'argument nor a tensor that it holds; compute it inside of the function, or pass it as an argument',
    );
  }

  // --- what it leaves ------------------------------------------------------------------------------------------------------

  node(node: Node): number {
    return this.#saved.name(node, this.#recorder);
  }

  origin({ origin, originVersion }: Value): { readonly origin: number; readonly updates: number } {
    const place = origin instanceof Storage ? this.#placeOf.get(origin) : undefined;
    if (place === undefined) return { origin: -1, updates: 0 };
    return { origin: place, updates: originVersion - this.#places[place].version };
  }

  boundary(edge: Edge): number {
    const have = this.#boundaryOf.get(edge);
    if (have !== undefined) return have;
    const places = this.#places.flatMap((p, i) => (p.before.edge === edge ? [i] : []));
    const argument = places.find((i) => this.#places[i].source.kind === 'argument');
    if (argument !== undefined && places.length > 1) throw doublyUsedError(argument);
    const [place] = places;
    const index =
      this.#boundary.push(place === undefined ? { at: 'edge', edge } : { at: 'place', place }) - 1;
    this.#boundaryOf.set(edge, index);
    return index;
  }

  #finish(result: unknown): { readonly returned: readonly Tensor[]; readonly contents: TraceContents } {
    const found: Tensor[] = [];
    const form = resultForm(result, found);
    const tensors = found.map((t) => this.#shown(t));
    const { engine } = this.#space;
    const finals = this.#slots.flatMap(({ slot }) => {
      const { storage, value } = slot.peek();
      return storage?.node ?? value?.node ?? [];
    });
    engine.realize([...tensors.map((t) => t.value.node), ...finals]);

    const results = tensors.map((t) => this.#resultOf(t));
    const places = this.#places.map((p) => this.#placeAfter(p));
    const slots = this.#slots.map((s) => this.#slotAfter(s));
    this.#checkAliases(places);
    const tape = this.#ends.length === 0 ? null : new RecordedTape(this.#ends, this.#floor, this);
    this.#saved.seal();
    const kept = new Set(this.#saved.registers);
    const keep = (value: Written | null): void => {
      if (value !== null) kept.add(value.register);
    };
    for (const r of results) if (r.kind === 'written') keep(r.value);
    for (const p of places) keep(p.final);
    for (const { final } of slots) if (final.kind === 'written') keep(final.value);
    const recording = new Recording(this.#recorder, kept);
    const overwritten = recording.updated();
    return {
      returned: tensors.map((t) => {
        const index = this.#standIns.indexOf(t);
        return index < 0 ? t : this.#args[index].tensor;
      }),
      contents: {
        space: this.#space,
        recording,
        places: places.map((p) => ({ ...p, overwritten: overwritten.has(p.register) })),
        slots,
        live: this.#live,
        guards: [...this.#guards.values()],
        form,
        results,
        ends: this.#ends.length,
        tape,
        boundary: this.#boundary,
        saved: this.#saved,
      },
    };
  }

  /** A result as it is given to the caller: views of what was made inside become tensors of their own. */
  #shown(t: Tensor): Tensor {
    const base = t.storage.value;
    const place = this.#placeOf.get(t.storage);
    const mine = place === undefined || this.#places[place].source.kind === 'argument';
    return mine && t.value !== base ? Tensor.of(this.#space, t.value) : t;
  }

  #resultOf(t: Tensor): RecordedResult {
    const place = this.#placeOf.get(t.storage);
    const source = place === undefined ? null : this.#places[place].source;
    if (source?.kind === 'argument') return { kind: 'argument', index: source.index };
    if (source?.kind === 'storage') return { kind: 'held', tensor: t };
    const { value } = t;
    const leaf = value.edge?.kind === 'leaf';
    return { kind: 'written', value: this.#written(leaf ? new Value(value.node, null) : value), leaf };
  }

  #written({ node, edge }: Value): Written {
    const { shape, dtype } = node;
    const register = node.buffer === null ? -1 : this.#recorder.registerOf(node.buffer);
    if (register < 0 || node.isStale)
      throw new InternalError('a result of a traced function is not in memory');
    return { register, shape, dtype, end: edge === null ? -1 : this.#ends.push(edge) - 1 };
  }

  #placeAfter({
    source,
    storage,
    register,
    before,
    version,
  }: TracedPlace): Omit<RecordedPlace, 'overwritten'> {
    const { shape, dtype } = before;
    const now = storage === null ? before : storage.value;
    const updates = storage === null ? 0 : storage.version - version;
    const keepsEdge = now.edge === before.edge;
    if (!keepsEdge && (updates === 0 || now.edge?.kind === 'leaf')) {
      throw new CompileError(
        'compile: the function changes whether a tensor that was there before requires a gradient ' +
          '(requiresGrad_ or detach_); do that outside of it',
      );
    }
    if (!sameShape(now.shape, shape) || now.dtype !== dtype)
      throw new CompileError(
        'compile: the function changes the dtype of a tensor that was there before; do that outside',
      );
    if (updates > 0 && source.kind === 'argument') this.#checkUpdated(source.index);
    const value = keepsEdge ? new Value(now.node, null) : now;
    return {
      source,
      register,
      shape,
      dtype,
      edgeKind: edgeKind(before),
      updates,
      final: updates > 0 ? this.#written(value) : null,
      keepsEdge,
    };
  }

  #checkUpdated(index: number): void {
    const arg = this.#args[index];
    if (!arg.whole) {
      throw new CompileError(
        `compile: the function changes tensor ${index} of its arguments in place, which is a view or a detached alias; ` +
          'pass the tensor itself, or a clone() of it',
      );
    }
    const other = this.#args.findIndex((t, i) => i !== index && t.storage === arg.storage);
    if (other < 0) return;
    throw new CompileError(
      `compile: the function changes tensor ${index} of its arguments in place, and tensor ${other} shows the same memory; ` +
        'pass a clone() of one of them',
    );
  }

  #slotAfter({ slot, source, expects, storage, node }: TracedSlot): RecordedSlot {
    const now = slot.peek();
    const kind = slotState(slot);
    if (expects !== null && now.storage === storage && (storage !== null || now.value?.node === node)) {
      const moved = storage !== null && now.value?.node !== node;
      return { source, expects, final: { kind: moved ? 'updated' : 'same' } };
    }
    if (kind === 'none') return { source, expects, final: { kind } };
    const value = now.storage?.value ?? known(now.value, 'a gradient');
    return { source, expects, final: { kind: 'written', value: this.#written(value) } };
  }

  /** An argument that the function also has from around it: no harm as long as neither is written to. */
  #checkAliases(places: readonly Omit<RecordedPlace, 'overwritten'>[]): void {
    this.#args.forEach((arg, index) => {
      const other = this.#placeOf.get(arg.storage);
      if (other === undefined) return;
      const slot = slotOfEdge(arg.edge);
      const differentiated = slot !== null && this.#slots.some((s) => s.slot === slot);
      if (places[index].updates > 0 || places[other].updates > 0 || differentiated)
        throw doublyUsedError(index);
    });
  }
}
