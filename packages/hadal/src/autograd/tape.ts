/**
 * The tape: what was done, so that it can be gone back over. Terms:
 * - an **edge** is where the gradient of a value goes: to the op that made it (`GradFn`) or into a leaf (`LeafEdge`);
 * - **saves** are the values an op's VJP declared that it needs; they are kept until the tape is consumed.
 *
 * Sequence numbers grow with every op, so going back in descending order visits every op after all that used its result.
 */
import type { DType } from '../base/dtype.js';
import { AutogradError } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import type { Attributes, Op, VjpContext } from '../graph/op.js';
import type { AutogradOps } from './ops.js';
import type { Value } from './value.js';

let sequence = 0;

/** A tensor made by the user that wants a gradient. */
export interface LeafEdge {
  readonly kind: 'leaf';
  accumulate(grad: Value): void;
}

export type Edge = GradFn | LeafEdge;

export class GradFn {
  readonly kind = 'op';
  readonly sequence = sequence++;
  readonly op: Op;
  readonly attributes: Attributes;
  readonly inputs: readonly (Edge | null)[];
  readonly inputShapes: readonly Shape[];
  readonly inputDTypes: readonly DType[];
  readonly #savedInputs: (Value | null)[];
  #savedOutput: Value | null = null;
  #released = false;

  constructor(op: Op, inputs: readonly Value[], attributes: Attributes) {
    this.op = op;
    this.attributes = attributes;
    this.inputs = inputs.map((v) => v.edge);
    this.inputShapes = inputs.map((v) => v.shape);
    this.inputDTypes = inputs.map((v) => v.dtype);
    this.#savedInputs = inputs.map((v, i) => (this.#keeps(i) ? v : null));
    for (const v of this.#savedInputs) if (v) v.node.saved++;
  }

  /** Whether an input is kept, given which gradients are wanted. */
  #keeps(input: number): boolean {
    const at = this.op.saves.inputs.indexOf(input);
    if (at < 0) return false;
    const reason = this.op.saves.whenNeeded?.[at] ?? null;
    return reason === null || this.inputs[reason] !== null;
  }

  /** PyTorch's name for it, as shown by `tensor.gradFn`. */
  get name(): string {
    return `${this.op.name[0].toUpperCase()}${this.op.name.slice(1)}Backward`;
  }

  saveOutput(output: Value): void {
    this.#savedOutput = output;
    output.node.saved++;
  }

  #checked(v: Value | null, what: string): Value {
    if (this.#released) {
      throw new AutogradError(
        `${this.name}: backward went over this part of the graph before and freed what it had saved. ` +
          'Pass { retainGraph: true } to the first backward(), or compute the loss again.',
      );
    }
    if (v === null) throw new AutogradError(`${this.name}: ${what} was not saved for the gradient`);
    if (v.origin !== null && v.origin.version !== v.originVersion) {
      throw new AutogradError(
        `${this.name}: ${what}, of shape [${v.shape.join(', ')}], is needed for the gradient but has been modified by an in-place ` +
          `operation: it is at version ${v.origin.version}, expected version ${v.originVersion}. ` +
          'Use the op without the underscore, or clone() before it.',
      );
    }
    return v;
  }

  backward(ops: AutogradOps, grad: Value): readonly (Value | null)[] {
    const { vjp } = this.op;
    if (vjp === null) return this.inputs.map(() => null);
    const context: VjpContext<Value> = {
      ops,
      input: (i) => this.#checked(this.#savedInputs[i], `operand ${i}`),
      output: () => this.#checked(this.#savedOutput, 'the result'),
      inputShapes: this.inputShapes,
      inputDTypes: this.inputDTypes,
      attributes: this.attributes,
      needs: this.inputs.map((e) => e !== null),
    };
    return vjp(context, grad);
  }

  /** Lets go of what was saved. */
  release(): void {
    for (let i = 0; i < this.#savedInputs.length; i++) {
      const v = this.#savedInputs[i];
      if (v) {
        v.node.saved--;
        this.#released = true;
      }
      this.#savedInputs[i] = null;
    }
    if (this.#savedOutput) {
      this.#savedOutput.node.saved--;
      this.#released = true;
    }
    this.#savedOutput = null;
  }
}
