/** The grad fns of the graph's ops. What a VJP declared that it needs is kept until the tape is consumed. */
import type { DType } from '../base/dtype.js';
import { isFloat } from '../base/dtype.js';
import type { Shape } from '../base/shape.js';
import type {
  ArrayOp,
  Attributes,
  ElementwiseOp,
  Op,
  ResultType,
  TupleOp,
  TupleVjpContext,
  VjpContext,
} from '../graph/op.js';
import type { AutogradOps } from './ops.js';
import { NOTHING_SAVED, SavedValues } from './saved.js';
import type { Edge } from './tape.js';
import { GradFn, OutputEdge } from './tape.js';
import type { Value } from './value.js';

const isWanted = (edge: Edge | null): boolean => edge !== null;

/** What grad fns of ops with one result and with several have in common. */
abstract class GraphGradFn<O extends Op> extends GradFn {
  readonly op: O;
  readonly attributes: Attributes;
  override readonly inputs: readonly (Edge | null)[];
  readonly inputShapes: readonly Shape[];
  readonly inputDTypes: readonly DType[];
  readonly savedInputs: SavedValues;
  readonly savedOutputs: SavedValues;

  constructor(op: O, inputs: readonly Value[], attributes: Attributes, savesOutputs: boolean) {
    super();
    this.op = op;
    this.attributes = attributes;
    this.inputs = inputs.map(({ edge }) => edge);
    this.inputShapes = inputs.map(({ node }) => node.shape);
    this.inputDTypes = inputs.map(({ node }) => node.dtype);
    const { inputs: kept, whenNeeded } = op.saves;
    this.savedInputs = kept.length > 0 ? new SavedValues() : NOTHING_SAVED;
    this.savedOutputs = savesOutputs ? new SavedValues() : NOTHING_SAVED;
    for (let at = 0; at < kept.length; at++) {
      const input = kept[at];
      if (input >= inputs.length) continue;
      // Some are kept only if a certain gradient is wanted.
      const reason = whenNeeded?.[at] ?? null;
      if (reason === null || this.inputs[reason] !== null) this.savedInputs.keep(input, inputs[input]);
    }
  }

  override get spent(): boolean {
    return this.savedInputs.released || this.savedOutputs.released;
  }

  override get name(): string {
    return `${this.op.name[0].toUpperCase()}${this.op.name.slice(1)}Backward`;
  }

  override release(): void {
    this.savedInputs.release();
    this.savedOutputs.release();
  }
}

/** What the VJPs of both kinds of op see. */
class GradContext implements VjpContext<Value>, TupleVjpContext<Value> {
  readonly ops: AutogradOps;
  readonly #fn: GraphGradFn<Op>;
  readonly needs: readonly boolean[];

  constructor(ops: AutogradOps, fn: GraphGradFn<Op>) {
    this.ops = ops;
    this.#fn = fn;
    this.needs = fn.inputs.map(isWanted);
  }

  get inputShapes(): readonly Shape[] {
    return this.#fn.inputShapes;
  }

  get inputDTypes(): readonly DType[] {
    return this.#fn.inputDTypes;
  }

  get attributes(): Attributes {
    return this.#fn.attributes;
  }

  input(i: number): Value {
    return this.#fn.savedInputs.get(this.#fn, i, 'operand');
  }

  output(result = 0): Value {
    return this.#fn.savedOutputs.get(this.#fn, result, 'result');
  }
}

export class OpGradFn extends GraphGradFn<ElementwiseOp | ArrayOp> {
  override readonly outputs = null;

  constructor(op: ElementwiseOp | ArrayOp, inputs: readonly Value[], attributes: Attributes) {
    super(op, inputs, attributes, op.saves.output);
  }

  saveOutput(output: Value): void {
    this.savedOutputs.keep(0, output);
  }

  override backward(ops: AutogradOps, [grad]: readonly (Value | null)[]): readonly (Value | null)[] {
    const { vjp } = this.op;
    if (vjp === null || grad === null) return this.inputs.map(() => null);
    return vjp(new GradContext(ops, this), grad);
  }
}

export class TupleGradFn extends GraphGradFn<TupleOp> {
  override readonly outputs: readonly OutputEdge[];
  readonly types: readonly ResultType[];

  constructor(op: TupleOp, inputs: readonly Value[], attributes: Attributes, types: readonly ResultType[]) {
    super(op, inputs, attributes, op.saves.outputs.length > 0);
    this.types = types;
    this.outputs = types.map((_, i) => new OutputEdge(this, i));
  }

  /** Where the gradient of a result goes; null for integers. */
  edgeOf(result: number): Edge | null {
    return isFloat(this.types[result].dtype) ? this.outputs[result] : null;
  }

  saveOutputs(outputs: readonly Value[]): void {
    for (const i of this.op.saves.outputs) this.savedOutputs.keep(i, outputs[i]);
  }

  override backward(ops: AutogradOps, grads: readonly (Value | null)[]): readonly (Value | null)[] {
    const { vjp } = this.op;
    if (vjp === null) return this.inputs.map(() => null);
    return vjp(new GradContext(ops, this), grads);
  }
}
