/**
 * What a compiled function is called with: tensors, numbers and the like, in lists and plain objects. Taking arguments apart gives the
 * tensors in order and a key of tokens; two calls with equal keys differ in nothing but the contents of their tensors.
 */
import { ArgumentError } from '../../base/errors.js';
import { dtypeIds } from '../../graph/table.js';
import { describeKind, isPlain, isRecord, MAX_DEPTH } from '../structure.js';
import { Tensor } from '../tensor.js';

export interface TakenApart {
  readonly key: readonly unknown[];
  /** Each tensor once. */
  readonly tensors: readonly Tensor[];
}

const TENSOR = 1;
const SAME = 2;
const LIST = 3;
const RECORD = 4;
const PLAIN = 5;

/** 0: no gradient; 1: a leaf; 2: made by the tape. */
export function edgeKind({ edge }: Tensor['value']): number {
  if (edge === null) return 0;
  return edge.kind === 'leaf' ? 1 : 2;
}

/** Whether a tensor shows all of its storage, on the storage's own place on the tape. */
export function isWhole(t: Tensor): boolean {
  return t.value === t.storage.value;
}

class Taker {
  readonly key: unknown[] = [];
  readonly tensors: Tensor[] = [];

  take(x: unknown, depth: number): void {
    if (x instanceof Tensor) this.#tensor(x);
    else if (isPlain(x)) this.key.push(PLAIN, x);
    else if (depth >= MAX_DEPTH)
      throw new ArgumentError(
        `compile: arguments are nested deeper than ${MAX_DEPTH} levels, or contain themselves`,
      );
    else if (Array.isArray(x)) {
      this.key.push(LIST, x.length);
      for (const item of x) this.take(item, depth + 1);
    } else if (isRecord(x)) {
      const names = Object.keys(x);
      this.key.push(RECORD, names.length);
      for (const name of names) {
        this.key.push(name);
        this.take(x[name], depth + 1);
      }
    } else {
      throw new ArgumentError(
        `compile: an argument is ${describeKind(x)}; arguments are tensors, numbers, strings, booleans, null, and lists and plain ` +
          'objects of them. Let the function use anything else from around it.',
      );
    }
  }

  #tensor(t: Tensor): void {
    const { key, tensors } = this;
    const { value } = t;
    const whole = isWhole(t);
    // Whether another argument shows the same storage: an update of one would be seen in the other.
    let shares = -1;
    for (let i = 0; i < tensors.length; i++) {
      if (tensors[i] === t || (whole && tensors[i].storage === t.storage && isWhole(tensors[i]))) {
        key.push(SAME, i);
        return;
      }
      if (tensors[i].storage === t.storage) shares = i;
    }
    const { shape, dtype } = value;
    key.push(TENSOR, dtypeIds[dtype], edgeKind(value) * 2 + Number(whole), shares, shape.length);
    for (let d = 0; d < shape.length; d++) key.push(shape[d]);
    tensors.push(t);
  }
}

/**
 * @param context tokens that come before those of the arguments
 * @throws ArgumentError for an argument of another kind.
 */
export function takeApart(args: readonly unknown[], context: readonly unknown[]): TakenApart {
  const taker = new Taker();
  for (const token of context) taker.key.push(token);
  taker.key.push(args.length);
  for (const arg of args) taker.take(arg, 0);
  return taker;
}

/** Whether two lists hold the same tokens. */
export function sameTokens(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
  return true;
}

/** The same structure with each tensor replaced. */
export function replaceTensors(x: unknown, replace: (t: Tensor) => Tensor): unknown {
  if (x instanceof Tensor) return replace(x);
  if (Array.isArray(x)) return x.map((item) => replaceTensors(item, replace));
  if (!isRecord(x)) return x;
  return Object.fromEntries(Object.entries(x).map(([name, value]) => [name, replaceTensors(value, replace)]));
}
