/** Graph ops on values: each makes its node and, where a gradient will be wanted, its entry on the tape. */
import type { DType } from '../base/dtype.js';
import { convertNumber, isFloat } from '../base/dtype.js';
import { ArgumentError, InternalError, known } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import { OpEmitter } from '../graph/emitter.js';
import type { LiveNumber, LiveNumbers } from '../graph/live.js';
import type { Node, PendingGraph } from '../graph/node.js';
import type { Attributes, ResultType, TupleOp } from '../graph/op.js';
import { isTuple } from '../graph/op.js';
import { regionGradient } from '../graph/regions/gradient.js';
import type { ScanDims } from '../graph/regions/region.js';
import type { TracedRegion } from '../graph/regions/trace.js';
import { RegionTrace } from '../graph/regions/trace.js';
import type { OpName, TupleName } from '../graph/table.js';
import { opTable } from '../graph/table.js';
import { isGradEnabled } from './mode.js';
import { OpGradFn, TupleGradFn } from './op-grad-fn.js';
import { ScanGradFn } from './scan-grad-fn.js';
import type { Edge } from './tape.js';
import { Value } from './value.js';

const nodeOf = ({ node }: Value): Node => node;

export class AutogradOps extends OpEmitter<Value> {
  readonly home: PendingGraph;

  constructor(home: PendingGraph) {
    super();
    this.home = home;
  }

  protected override apply(
    name: OpName,
    inputs: readonly Value[],
    attributes: Attributes,
    shape: Shape,
    dtype: DType,
  ): Value {
    if (this.home.trace !== null) return this.#traced(name, inputs, attributes, shape, dtype);
    return this.#recorded(name, inputs, attributes, shape, dtype);
  }

  #recorded(
    name: OpName,
    inputs: readonly Value[],
    attributes: Attributes,
    shape: Shape,
    dtype: DType,
  ): Value {
    let wanted = false;
    for (let i = 0; i < inputs.length; i++) wanted ||= inputs[i].edge !== null;
    // A list of just that length: the node keeps it.
    const node = this.home.node(name, inputs.map(nodeOf), attributes, shape, dtype);
    const { op } = node;
    if (isTuple(op)) throw new InternalError(`${name} has several results`);
    if (!wanted || op.vjp === null || !isFloat(dtype) || !isGradEnabled())
      return this.#derived(op.kind === 'movement', inputs, new Value(node, null));
    const fn = new OpGradFn(op, inputs, attributes);
    const out = this.#derived(op.kind === 'movement', inputs, new Value(node, fn));
    if (op.saves.output) fn.saveOutput(out);
    return out;
  }

  /** In the step of a scan: what depends on its parameters becomes part of the region instead of the tape. */
  #traced(name: OpName, given: readonly Value[], attributes: Attributes, shape: Shape, dtype: DType): Value {
    const trace = known(this.home.trace, 'a trace');
    if (!given.some((v) => trace.depends(v.node)))
      return this.#recorded(name, given, attributes, shape, dtype);
    const inputs = this.#offTapeOperands(trace, name, given);
    const nodes = inputs.map(nodeOf);
    const node = this.home.node(name, nodes, attributes, shape, dtype);
    trace.takes([node], inputs);
    return this.#derived(node.op.kind === 'movement', inputs, new Value(node, null));
  }

  /** Under noGrad no gradient goes through an op, which a region has to be told. */
  #offTapeOperands(trace: RegionTrace, name: OpName, inputs: readonly Value[]): readonly Value[] {
    if (!trace.records || isGradEnabled() || name === 'detach') return inputs;
    return inputs.map((v) => (isFloat(v.dtype) ? this.detached(v) : v));
  }

  protected override applyMany(
    name: TupleName,
    given: readonly Value[],
    attributes: Attributes,
  ): readonly Value[] {
    const { trace } = this.home;
    const isTraced = trace !== null && given.some((v) => trace.depends(v.node));
    const inputs = isTraced ? this.#offTapeOperands(trace, name, given) : given;
    const op: TupleOp = opTable[name];
    const types = op.results(inputs, attributes);
    const nodes = this.home.tuple(name, inputs.map(nodeOf), attributes, types);
    if (isTraced) trace.takes(nodes, inputs);
    const wanted = op.vjp !== null && isGradEnabled() && inputs.some((v) => v.edge !== null);
    if (!wanted || isTraced) return nodes.map((node) => new Value(node, null));
    const fn = new TupleGradFn(op, inputs, attributes, types);
    const values = nodes.map((node, i) => new Value(node, fn.edgeOf(i)));
    fn.saveOutputs(values);
    return values;
  }

  /** A view's contents change when its base's do. */
  #derived(movement: boolean, inputs: readonly Value[], out: Value): Value {
    if (movement && inputs[0].origin !== null) {
      out.origin = inputs[0].origin;
      out.originVersion = inputs[0].originVersion;
    }
    return out;
  }

  /** Also records what the gradient needs of the steps. */
  override scan(dims: ScanDims, operands: readonly Value[]): readonly Value[] {
    const { trace } = this.home;
    const needs = operands.map((v) => v.edge !== null && isFloat(v.dtype));
    const isTraced = trace !== null && operands.some((v) => trace.depends(v.node));
    if (isTraced || !isGradEnabled() || !needs.some((n) => n)) return super.scan(dims, operands);
    const gradient = regionGradient(dims.region, needs);
    const made = super.scan({ ...dims, region: gradient.forward }, operands);
    const fn = new ScanGradFn(gradient, dims, operands, made);
    return fn.results.slice(0, dims.region.results.length);
  }

  /**
   * Runs the function of a step on parameters of the given types (carries, then slices) and makes a region of what it does with them.
   * It gives the next carries, then what is stacked.
   */
  traceRegion(
    types: readonly ResultType[],
    carries: number,
    step: (parameters: readonly Value[]) => readonly Value[],
  ): TracedRegion {
    const trace = new RegionTrace(this.home, types, {
      outer: this.home.trace,
      records: isGradEnabled(),
      under: viewedBy,
      sameEdge: (a, b) => sameEdge(a, b, SAME_DEPTH),
    });
    return this.home.tracing(trace, () => {
      const parameters = trace.parameters.map((node) => new Value(node, null));
      return trace.finish(step(parameters), carries);
    });
  }

  /** The same value off the tape. */
  detached(v: Value): Value {
    // In a region, which has no tape, an op says so.
    const { trace } = this.home;
    if (trace !== null && (v.edge !== null || trace.depends(v.node)) && isFloat(v.dtype))
      return this.apply('detach', [v], [], v.shape, v.dtype);
    return v.edge === null ? v : new Value(v.node, null);
  }

  /** A number handed over at launch, in a dtype (integers wrap) and spread over a shape. */
  argument(value: number | bigint, dtype: DType, shape: Shape): Value {
    const scalar = new Value(this.home.argument(convertNumber(value, dtype), dtype), null);
    const ones = this.apply(
      'reshape',
      [scalar],
      [],
      shape.map(() => 1),
      dtype,
    );
    return this.expand(ones, shape);
  }

  /** The same value as a value of its own. */
  copy(v: Value): Value {
    return this.apply('copy', [v], [], v.shape, v.dtype);
  }

  /** A number handed over at launch that a compiled function asks for at every call. */
  liveArgument({ numbers, index }: LiveNumber, dtype: DType): Value {
    const value = convertNumber(numbers.values[index], dtype);
    return new Value(this.home.argument(value, dtype, { numbers, index }), null);
  }

  /** Uniform numbers in [0, 1) under a key of two words and a stream number, all int32. */
  random(shape: Shape, words: LiveNumbers): Value {
    if (this.home.trace !== null)
      throw new ArgumentError(
        'scan: random numbers made in the step would be the same in every step; ' +
          'make them before for all steps, such as rand([length, ...]), and give them to scan with the stacked arrays',
      );
    const args = words.values.map((_, index) => this.liveArgument({ numbers: words, index }, 'int32'));
    return this.apply('random', args, [], shape, 'float32');
  }
}

/** What a view that nothing looks at is a view of: a value with the place on the tape that the view was made from. */
function viewedBy(view: Value): Value | null {
  const [node] = view.node.inputs;
  if (view.edge === null) return withOrigin(new Value(node, null), view);
  const { edge } = view;
  if (!(edge instanceof OpGradFn) || edge.op !== view.node.op || edge.hooks !== null) return null;
  return withOrigin(new Value(node, edge.inputs[0]), view);
}

/** How far back two places on the tape are compared; beyond that they count as different. */
const SAME_DEPTH = 16;

/** Whether two places on the tape are of equal ops on the same tensors: an op that is written twice is one node, but twice on the tape. */
function sameEdge(a: Edge | null, b: Edge | null, depth: number): boolean {
  if (a === b) return true;
  if (!(a instanceof OpGradFn) || !(b instanceof OpGradFn) || depth === 0) return false;
  if (a.op !== b.op || a.hooks !== null || b.hooks !== null) return false;
  return a.inputs.every((edge, i) => sameEdge(edge, b.inputs[i], depth - 1));
}

function withOrigin(v: Value, like: Value): Value {
  v.origin = like.origin;
  v.originVersion = like.originVersion;
  return v;
}
