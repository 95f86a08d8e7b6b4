/** The grad fn of a scan: its gradient is a scan the other way, and reads what the forward steps kept for it. */
import { isFloat } from '../base/dtype.js';
import type { RegionGradient } from '../graph/regions/gradient.js';
import { scanGradients } from '../graph/regions/gradient.js';
import type { ScanDims } from '../graph/regions/region.js';
import type { AutogradOps } from './ops.js';
import { SavedValues } from './saved.js';
import type { Edge } from './tape.js';
import { GradFn, OutputEdge } from './tape.js';
import { Value } from './value.js';

export class ScanGradFn extends GradFn {
  override readonly inputs: readonly (Edge | null)[];
  override readonly outputs: readonly OutputEdge[];
  /** The results on the tape, those that are only kept for the gradient among them. */
  readonly results: readonly Value[];
  readonly gradient: RegionGradient;
  readonly dims: ScanDims;
  readonly savedInputs = new SavedValues();
  readonly savedOutputs = new SavedValues();

  constructor(
    gradient: RegionGradient,
    dims: ScanDims,
    operands: readonly Value[],
    results: readonly Value[],
  ) {
    super();
    this.gradient = gradient;
    this.dims = dims;
    this.inputs = operands.map((v) => v.edge);
    this.outputs = results.map((_, i) => new OutputEdge(this, i));
    this.results = results.map((v, i) => new Value(v.node, isFloat(v.dtype) ? this.outputs[i] : null));
    for (const i of gradient.savedOperands) this.savedInputs.keep(i, operands[i]);
    for (const i of gradient.savedResults) this.savedOutputs.keep(i, this.results[i]);
  }

  override get name(): string {
    return 'ScanBackward';
  }

  override get spent(): boolean {
    return this.savedInputs.released || this.savedOutputs.released;
  }

  override backward(ops: AutogradOps, grads: readonly (Value | null)[]): readonly (Value | null)[] {
    const { length, reverse } = this.dims;
    const gradients = scanGradients(
      ops,
      {
        gradient: this.gradient,
        length,
        reverse,
        operand: (i) => this.savedInputs.get(this, i, 'operand'),
        result: (i) => this.savedOutputs.get(this, i, 'result'),
      },
      grads,
    );
    return gradients.map((g, i) => (this.inputs[i] === null ? null : g));
  }

  override release(): void {
    this.savedInputs.release();
    this.savedOutputs.release();
  }
}
