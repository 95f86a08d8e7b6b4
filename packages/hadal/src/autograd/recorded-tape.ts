/**
 * The tape of a compiled function's results as plain data, so that it can be laid again over the values of another call. What it starts
 * from, edges of arguments and parameters, is its **boundary**.
 */
import type { DType } from '../base/dtype.js';
import { isFloat } from '../base/dtype.js';
import { CompileError } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import type { Node } from '../graph/node.js';
import { runBackward } from './backward.js';
import type { EdgeHooks } from './hooks.js';
import { isGradEnabled } from './mode.js';
import { OpGradFn, TupleGradFn } from './op-grad-fn.js';
import type { AutogradOps } from './ops.js';
import type { SavedValues } from './saved.js';
import { releasedError } from './saved.js';
import { ScanGradFn } from './scan-grad-fn.js';
import type { Edge } from './tape.js';
import { GradFn, gradFnOf, gradFnsBehind, OutputEdge } from './tape.js';
import type { Versioned } from './value.js';
import { Value } from './value.js';

/** Where a gradient goes: to the boundary, or to a result of a recorded grad fn. */
type EdgeRef =
  | { readonly to: 'boundary'; readonly index: number }
  | { readonly to: 'fn'; readonly fn: number; readonly output: number };

type GraphFn = OpGradFn | TupleGradFn | ScanGradFn;

interface SavedRef {
  readonly place: number;
  /** What the trace calls the node, and the storage behind it. */
  readonly node: number;
  readonly origin: number;
  readonly updates: number;
}

interface RecordedFn {
  /** A grad fn of the same op over other operands; what it keeps of its results is put in afterwards. */
  readonly again: (inputs: readonly Value[], unread: (shape: Shape, dtype: DType) => Node) => GraphFn;
  readonly inputs: readonly (EdgeRef | null)[];
  readonly operands: readonly { readonly shape: Shape; readonly dtype: DType }[];
  readonly savedInputs: readonly SavedRef[];
  readonly savedOutputs: readonly SavedRef[];
  readonly hooks: EdgeHooks | null;
}

/** What a trace says about the values on its tape. */
export interface TapeNames {
  /** A number for a node's value. */
  node(node: Node): number;
  /** The storage a value was read from, as a number, and how many updates it had had in the trace by then; -1 for none. */
  origin(value: Value): { readonly origin: number; readonly updates: number };
  /** A number for an edge of the boundary. */
  boundary(edge: Edge): number;
}

/** What those numbers stand for in one call. */
export interface TapeValues {
  node(ops: AutogradOps, name: number): Node;
  /** The storage and its version when the call began. */
  origin(name: number): { readonly storage: Versioned; readonly version: number };
  /** A node of which nothing but shape and dtype is read. */
  unread(ops: AutogradOps, shape: Shape, dtype: DType): Node;
}

export class RecordedTape {
  /** Whether a backward pass of the function itself has used the tape up. */
  readonly spent: boolean;
  readonly #fns: readonly RecordedFn[];
  readonly #roots: readonly EdgeRef[];

  /** @param floor grad fns below this number were there before the function was called. */
  constructor(roots: readonly Edge[], floor: number, names: TapeNames) {
    const order = gradFnsBehind(roots, (_, fn) => fn.sequence >= floor).reverse();
    this.spent = order.some((fn) => fn.spent);
    const index = new Map(order.map((fn, i) => [fn, i]));
    const refOf = (edge: Edge): EdgeRef => {
      const made = gradFnOf(edge);
      const fn = made === null ? undefined : index.get(made);
      if (fn === undefined) return { to: 'boundary', index: names.boundary(edge) };
      return { to: 'fn', fn, output: edge.kind === 'output' ? edge.index : 0 };
    };
    this.#fns = this.spent ? [] : order.map((fn) => recordFn(fn, refOf, names));
    this.#roots = this.spent ? [] : roots.map(refOf);
  }

  /** The tape over the values of a call: its grad fns are new, its boundary is the call's. */
  lay(ops: AutogradOps, boundary: readonly (Edge | null)[], values: TapeValues): (Edge | null)[] {
    const made: GraphFn[] = [];
    const unread = (shape: Shape, dtype: DType): Node => values.unread(ops, shape, dtype);
    const edgeOf = (ref: EdgeRef | null): Edge | null => {
      if (ref === null) return null;
      if (ref.to === 'boundary') return boundary[ref.index];
      const fn = made[ref.fn];
      return fn.outputs === null ? fn : fn.outputs[ref.output];
    };
    const savedValue = (saved: SavedRef, edge: Edge | null): Value => {
      const node = values.node(ops, saved.node);
      const value = new Value(node, isFloat(node.dtype) ? edge : null);
      if (saved.origin >= 0) {
        const { storage, version } = values.origin(saved.origin);
        value.origin = storage;
        value.originVersion = version + saved.updates;
      }
      return value;
    };
    for (const fn of this.#fns) {
      const inputs = fn.inputs.map((ref, i) => {
        const saved = fn.savedInputs.find((s) => s.place === i);
        const edge = edgeOf(ref);
        return saved
          ? savedValue(saved, edge)
          : new Value(unread(fn.operands[i].shape, fn.operands[i].dtype), edge);
      });
      const copy = fn.again(inputs, unread);
      for (const saved of fn.savedOutputs) {
        const edge = copy.outputs === null ? copy : copy.outputs[saved.place];
        copy.savedOutputs.keep(saved.place, savedValue(saved, edge));
      }
      copy.hooks = fn.hooks;
      made.push(copy);
    }
    return this.#roots.map(edgeOf);
  }
}

/** For operands of which not even the shape is read. */
const SCALAR = { shape: [], dtype: 'float32' } as const;

/** Holds on to nothing of `fn` but what it is. */
function maker(fn: GraphFn): RecordedFn['again'] {
  if (fn instanceof ScanGradFn) {
    const { gradient, dims } = fn;
    const types = fn.results.map(({ shape, dtype }) => ({ shape, dtype }));
    return (inputs, unread) => {
      const results = types.map(({ shape, dtype }) => new Value(unread(shape, dtype), null));
      return new ScanGradFn(gradient, dims, inputs, results);
    };
  }
  const { attributes } = fn;
  if (fn instanceof OpGradFn) {
    const { op } = fn;
    return (inputs) => new OpGradFn(op, inputs, attributes);
  }
  const { op, types } = fn;
  return (inputs) => new TupleGradFn(op, inputs, attributes, types);
}

function recordFn(fn: GradFn, refOf: (edge: Edge) => EdgeRef, names: TapeNames): RecordedFn {
  if (!(fn instanceof OpGradFn || fn instanceof TupleGradFn || fn instanceof ScanGradFn)) {
    throw new CompileError(
      `compile: a result depends on ${fn.name}, whose gradient is a function of yours and runs once for each call. ` +
        'Call backward() inside of the compiled function, or leave this part out of it.',
    );
  }
  const refs = (saved: SavedValues, count: number): SavedRef[] => {
    const out: SavedRef[] = [];
    for (let place = 0; place < count; place++) {
      const value = saved.peek(place);
      if (value !== null) out.push({ place, node: names.node(value.node), ...names.origin(value) });
    }
    return out;
  };
  return {
    again: maker(fn),
    inputs: fn.inputs.map((edge) => (edge === null ? null : refOf(edge))),
    operands: fn.inputs.map((_, i) =>
      fn instanceof ScanGradFn ? SCALAR : { shape: fn.inputShapes[i], dtype: fn.inputDTypes[i] },
    ),
    savedInputs: refs(fn.savedInputs, fn.inputs.length),
    savedOutputs: refs(fn.savedOutputs, fn.outputs?.length ?? 1),
    hooks: fn.hooks !== null && fn.hooks.replacing.size > 0 ? fn.hooks : null,
  };
}

/** All that a compiled function recorded in one call, as one grad fn. It is laid out when it is gone over. */
export class CompiledGradFn extends GradFn {
  override readonly inputs: readonly (Edge | null)[];
  override readonly outputs: readonly OutputEdge[];
  readonly #tape: RecordedTape;
  #values: TapeValues | null;

  /** @param values null if the tape is spent. */
  constructor(
    tape: RecordedTape,
    results: number,
    boundary: readonly (Edge | null)[],
    values: TapeValues | null,
  ) {
    super();
    this.#tape = tape;
    this.#values = values;
    this.inputs = boundary;
    this.outputs = Array.from({ length: results }, (_, i) => new OutputEdge(this, i));
  }

  override get name(): string {
    return 'CompiledBackward';
  }

  override get spent(): boolean {
    return this.#values === null;
  }

  override backward(ops: AutogradOps, grads: readonly (Value | null)[]): readonly (Value | null)[] {
    if (this.#values === null) throw releasedError(this.name);
    const edges = this.#tape.lay(ops, this.inputs, this.#values);
    const roots = edges.flatMap((edge, i) => {
      const grad = grads[i];
      return edge === null || grad === null ? [] : [{ value: new Value(grad.node, edge), grad }];
    });
    const captured = new Map<Edge, Value>();
    const wanted = new Set(this.inputs.filter((edge) => edge !== null));
    const createGraph = isGradEnabled();
    runBackward(ops, { roots, options: { createGraph }, wanted, captured, inner: true, inspect: null });
    // An edge that stands in several places gets its gradient once.
    return this.inputs.map((edge, i) =>
      edge === null || this.inputs.indexOf(edge) < i ? null : (captured.get(edge) ?? null),
    );
  }

  override release(): void {
    this.#values = null;
  }
}
