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
import { SavedValues } from './saved.js';
import type { Edge } from './tape.js';
import { GradFn, OutputEdge } from './tape.js';
import type { Value } from './value.js';

/** What grad fns of ops with one result and with several have in common. */
abstract class GraphGradFn<O extends Op> extends GradFn {
  readonly op: O;
  readonly attributes: Attributes;
  override readonly inputs: readonly (Edge | null)[];
  readonly inputShapes: readonly Shape[];
  readonly inputDTypes: readonly DType[];
  readonly savedInputs = new SavedValues(this);
  readonly savedOutputs = new SavedValues(this);

  constructor(op: O, inputs: readonly Value[], attributes: Attributes) {
    super();
    this.op = op;
    this.attributes = attributes;
    this.inputs = inputs.map((v) => v.edge);
    this.inputShapes = inputs.map((v) => v.shape);
    this.inputDTypes = inputs.map((v) => v.dtype);
    inputs.forEach((v, i) => {
      if (this.#keeps(i)) this.savedInputs.keep(i, v);
    });
  }

  /** Whether an input is kept, given which gradients are wanted. */
  #keeps(input: number): boolean {
    const { inputs, whenNeeded } = this.op.saves;
    const at = inputs.indexOf(input);
    if (at < 0) return false;
    const reason = whenNeeded?.[at] ?? null;
    return reason === null || this.inputs[reason] !== null;
  }

  override get spent(): boolean {
    return this.savedInputs.released || this.savedOutputs.released;
  }

  override get name(): string {
    return `${this.op.name[0].toUpperCase()}${this.op.name.slice(1)}Backward`;
  }

  /** What the VJPs of both kinds of op see. */
  protected context(ops: AutogradOps): Omit<VjpContext<Value>, 'output'> {
    return {
      ops,
      input: (i) => this.savedInputs.get(i, `operand ${i}`),
      inputShapes: this.inputShapes,
      inputDTypes: this.inputDTypes,
      attributes: this.attributes,
      needs: this.inputs.map((e) => e !== null),
    };
  }

  override release(): void {
    this.savedInputs.release();
    this.savedOutputs.release();
  }
}

export class OpGradFn extends GraphGradFn<ElementwiseOp | ArrayOp> {
  override readonly outputs = null;

  saveOutput(output: Value): void {
    this.savedOutputs.keep(0, output);
  }

  override backward(ops: AutogradOps, [grad]: readonly (Value | null)[]): readonly (Value | null)[] {
    const { vjp } = this.op;
    if (vjp === null || grad === null) return this.inputs.map(() => null);
    const context: VjpContext<Value> = {
      ...this.context(ops),
      output: () => this.savedOutputs.get(0, 'the result'),
    };
    return vjp(context, grad);
  }
}

export class TupleGradFn extends GraphGradFn<TupleOp> {
  override readonly outputs: readonly OutputEdge[];
  readonly types: readonly ResultType[];

  constructor(op: TupleOp, inputs: readonly Value[], attributes: Attributes, types: readonly ResultType[]) {
    super(op, inputs, attributes);
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
    const context: TupleVjpContext<Value> = {
      ...this.context(ops),
      output: (i) => this.savedOutputs.get(i, `result ${i}`),
    };
    return vjp(context, grads);
  }
}
