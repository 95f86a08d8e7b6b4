/** The grad fn of an op of the graph. What its VJP declared that it needs is kept until the tape is consumed. */
import type { DType } from '../base/dtype.js';
import { AutogradError } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import type { Attributes, Op, VjpContext } from '../graph/op.js';
import { describeCreation } from './creation.js';
import type { AutogradOps } from './ops.js';
import { checkVersion, releasedError } from './saved.js';
import type { Edge } from './tape.js';
import { GradFn } from './tape.js';
import type { Value } from './value.js';

export class OpGradFn extends GradFn {
  readonly op: Op;
  readonly attributes: Attributes;
  override readonly inputs: readonly (Edge | null)[];
  override readonly outputs = null;
  readonly inputShapes: readonly Shape[];
  readonly inputDTypes: readonly DType[];
  readonly #savedInputs: (Value | null)[];
  #savedOutput: Value | null = null;
  #released = false;

  constructor(op: Op, inputs: readonly Value[], attributes: Attributes) {
    super();
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

  override get name(): string {
    return `${this.op.name[0].toUpperCase()}${this.op.name.slice(1)}Backward`;
  }

  saveOutput(output: Value): void {
    this.#savedOutput = output;
    output.node.saved++;
  }

  #checked(v: Value | null, what: string): Value {
    if (this.#released) throw releasedError(this.name);
    if (v === null) throw new AutogradError(`${this.name}: ${what} was not saved for the gradient`);
    if (v.origin !== null && v.origin.version !== v.originVersion) {
      const made = this.creation === null ? '' : describeCreation(this);
      checkVersion(this.name, what, v.shape, v.origin, v.originVersion, made);
    }
    return v;
  }

  override backward(ops: AutogradOps, [grad]: readonly (Value | null)[]): readonly (Value | null)[] {
    const { vjp } = this.op;
    if (vjp === null || grad === null) return this.inputs.map(() => null);
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

  override release(): void {
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
