/**
 * Optimizers: the update of every parameter as graph ops, assigned in place. All parameters have the same update, so the compiler
 * makes one kernel and one launch of it; learning rate and step are arguments, so a schedule compiles nothing new.
 */
import { withGradMode } from '../autograd/mode.js';
import type { AutogradOps } from '../autograd/ops.js';
import { Value } from '../autograd/value.js';
import { config } from '../base/config.js';
import { ArgumentError } from '../base/errors.js';
import { Tensor, type Workspace } from '../tensor/index.js';
import type { Storage } from '../tensor/storage.js';

/** Numbers of one step as launch arguments, made once and shared by all parameters. */
export type Scalars = { readonly [name: string]: number };

export abstract class Optimizer {
  readonly parameters: readonly Tensor[];
  /** The learning rate; may be set between steps. */
  lr: number;
  protected readonly workspace: Workspace;
  readonly #state = new Map<Tensor, Map<string, Tensor>>();
  readonly #counts = new Map<Tensor, number>();

  constructor(parameters: Iterable<Tensor>, lr: number) {
    this.parameters = [...parameters];
    const [first] = this.parameters;
    if (first === undefined) throw new ArgumentError('an optimizer needs at least one parameter, got none');
    for (const p of this.parameters) {
      if (!(p instanceof Tensor))
        throw new ArgumentError('an optimizer takes tensors; pass model.parameters()');
      if (!p.isLeaf)
        throw new ArgumentError('an optimizer updates leaf tensors; this one was computed from others');
    }
    if (new Set(this.parameters.map((p) => p.storage)).size !== this.parameters.length) {
      throw new ArgumentError('an optimizer was given one parameter twice');
    }
    this.lr = checkNumber('lr', lr, 0);
    this.workspace = first.workspace;
  }

  /** Puts parameters and state into memory, so that the first step runs the same plan as all others. */
  protected prepare(names: readonly string[]): void {
    for (const p of this.parameters) for (const name of names) this.state(p, name);
    const all = this.parameters.flatMap((p) => [p, ...(this.#state.get(p)?.values() ?? [])]);
    this.workspace.engine.realize(all.map((t) => t.storage.node));
  }

  /** A running value of a parameter, zeros at first. */
  protected state(p: Tensor, name: string): Tensor {
    let own = this.#state.get(p);
    if (own === undefined) {
      own = new Map();
      this.#state.set(p, own);
    }
    let t = own.get(name);
    if (t === undefined) {
      t = Tensor.of(this.workspace, this.workspace.ops.argument(0, p.dtype, p.shape));
      own.set(name, t);
    }
    return t;
  }

  /** Drops the gradients of all parameters. */
  zeroGrad(): void {
    for (const p of this.parameters) p.storage.clearGrad();
  }

  /** Updates every parameter that has a gradient and runs all pending work. */
  step(): void {
    const trace = config.tracedTensors > 0 ? new Error('optimizer.step()') : null;
    withGradMode(false, () => {
      const { ops } = this.workspace;
      const shared = new Map<number, { readonly scalars: Scalars; readonly made: Map<string, Value> }>();
      for (const p of this.parameters) {
        const grad = p.storage.gradValue;
        if (grad === null) continue;
        const count = (this.#counts.get(p) ?? 0) + 1;
        this.#counts.set(p, count);
        let numbers = shared.get(count);
        if (numbers === undefined) {
          numbers = { scalars: this.scalars(count), made: new Map() };
          shared.set(count, numbers);
        }
        const rule = new UpdateRule(ops, p, numbers.scalars, numbers.made);
        for (const [target, value] of this.update(rule, p, rule.plain(p), new Value(grad.node, null))) {
          assign(target.storage, value, trace);
        }
      }
    });
    this.workspace.engine.realize([]);
  }

  /** The numbers of a parameter's step, counted from 1; a parameter without a gradient does not count it. */
  protected abstract scalars(step: number): Scalars;

  /** New values for a parameter and its state. */
  protected abstract update(
    rule: UpdateRule,
    p: Tensor,
    value: Value,
    grad: Value,
  ): readonly (readonly [Tensor, Value])[];
}

function assign(storage: Storage, value: Value, trace: Error | null): void {
  storage.assign(new Value(value.node, storage.value.edge), trace);
}

/** Arithmetic of one parameter's update, with the step's numbers at hand. */
export class UpdateRule {
  readonly #ops: AutogradOps;
  readonly #p: Tensor;
  readonly #scalars: Scalars;
  readonly #made: Map<string, Value>;

  constructor(ops: AutogradOps, p: Tensor, scalars: Scalars, made: Map<string, Value>) {
    this.#ops = ops;
    this.#p = p;
    this.#scalars = scalars;
    this.#made = made;
  }

  /** A tensor's value off the tape. */
  plain(t: Tensor): Value {
    return new Value(t.storage.node, null);
  }

  /** One of the step's numbers, as an argument in the parameter's shape. */
  scalar(name: string): Value {
    let v = this.#made.get(name);
    if (v === undefined) {
      v = this.#ops.argument(this.#scalars[name], 'float32', []);
      this.#made.set(name, v);
    }
    const { shape } = this.#p;
    if (shape.length === 0) return v;
    return this.#ops.expand(
      this.#ops.reshape(
        v,
        shape.map(() => 1),
      ),
      shape,
    );
  }

  add(a: Value, b: Value): Value {
    return this.#ops.arithmetic('add', a, b);
  }
  sub(a: Value, b: Value): Value {
    return this.#ops.arithmetic('sub', a, b);
  }
  mul(a: Value, b: Value | string): Value {
    return this.#ops.arithmetic('mul', a, typeof b === 'string' ? this.scalar(b) : b);
  }
  div(a: Value, b: Value | string): Value {
    return this.#ops.arithmetic('div', a, typeof b === 'string' ? this.scalar(b) : b);
  }
  sqrt(a: Value): Value {
    return this.#ops.unary('sqrt', a);
  }
}

export function checkNumber(
  name: string,
  value: number,
  least: number,
  below = Number.POSITIVE_INFINITY,
): number {
  if (Number.isFinite(value) && value >= least && value < below) return value;
  const range = below === Number.POSITIVE_INFINITY ? `at least ${least}` : `from ${least} to below ${below}`;
  throw new ArgumentError(`optimizer: ${name} is a number ${range}, got ${value}`);
}
