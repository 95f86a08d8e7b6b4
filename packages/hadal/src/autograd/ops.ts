/** Graph ops on values: each makes its node and, where a gradient will be wanted, its entry on the tape. */
import type { DType } from '../base/dtype.js';
import { convertNumber, isFloat } from '../base/dtype.js';
import { InternalError } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import { OpEmitter } from '../graph/emitter.js';
import type { Node, PendingGraph } from '../graph/node.js';
import type { Attributes, TupleOp } from '../graph/op.js';
import { isTuple } from '../graph/op.js';
import type { OpName, TupleName } from '../graph/table.js';
import { opTable } from '../graph/table.js';
import { isGradEnabled } from './mode.js';
import { OpGradFn, TupleGradFn } from './op-grad-fn.js';
import { Value } from './value.js';

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
    const nodes: Node[] = [];
    let wanted = false;
    for (let i = 0; i < inputs.length; i++) {
      nodes.push(inputs[i].node);
      wanted ||= inputs[i].edge !== null;
    }
    const node = this.home.node(name, nodes, attributes, shape, dtype);
    const { op } = node;
    if (isTuple(op)) throw new InternalError(`${name} has several results`);
    if (!wanted || op.vjp === null || !isFloat(dtype) || !isGradEnabled())
      return this.#derived(op.kind === 'movement', inputs, new Value(node, null));
    const fn = new OpGradFn(op, inputs, attributes);
    const out = this.#derived(op.kind === 'movement', inputs, new Value(node, fn));
    if (op.saves.output) fn.saveOutput(out);
    return out;
  }

  protected override applyMany(
    name: TupleName,
    inputs: readonly Value[],
    attributes: Attributes,
  ): readonly Value[] {
    const op: TupleOp = opTable[name];
    const types = op.results(inputs, attributes);
    const nodes = this.home.tuple(
      name,
      inputs.map((v) => v.node),
      attributes,
      types,
    );
    const wanted = op.vjp !== null && isGradEnabled() && inputs.some((v) => v.edge !== null);
    if (!wanted) return nodes.map((node) => new Value(node, null));
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

  /** The same value off the tape. */
  detached(v: Value): Value {
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

  /** Uniform numbers in [0, 1) under a key of two words and a stream number, all int32. */
  random(shape: Shape, key: readonly [number, number], stream: number): Value {
    const args = [...key, stream].map((v) => new Value(this.home.argument(v, 'int32'), null));
    return this.apply('random', args, [], shape, 'float32');
  }
}
