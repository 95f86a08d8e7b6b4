/** Helpers for parameters and their gradients. */
import { noGrad } from '../autograd/mode.js';
import { ArgumentError, ShapeError } from '../base/errors.js';
import { numel, showShape } from '../base/shape.js';
import { cat } from '../tensor/arrangement.js';
import { Tensor, zeros } from '../tensor/index.js';

function list(parameters: Iterable<Tensor> | Tensor): Tensor[] {
  if (!(parameters instanceof Tensor) && typeof parameters?.[Symbol.iterator] !== 'function')
    throw new ArgumentError('expected parameters, one or an iterable of them; pass model.parameters()');
  return parameters instanceof Tensor ? [parameters] : [...parameters];
}

/**
 * Scales all gradients down so that their norm, as one vector, is at most `maxNorm`.
 *
 * @param options.normType 2 if not given; Infinity for the largest element
 * @returns the norm before, float64 if that is a gradient's dtype, else float32
 * @example
 * ```ts
 * import { nn, tensor } from 'hadal';
 * const w = tensor([3, 4], { requiresGrad: true });
 * w.mul(w).mul(0.5).sum().backward();
 * console.log(nn.utils.clipGradNorm_([w], 1).itemSync()); // 5
 * console.log(w.grad.tolistSync().map((g) => g.toFixed(2))); // [ '0.60', '0.80' ]
 * ```
 */
export function clipGradNorm_(
  parameters: Iterable<Tensor> | Tensor,
  maxNorm: number,
  options: { normType?: number } = {},
): Tensor {
  const { normType = 2 } = options;
  if (!(typeof maxNorm === 'number' && maxNorm >= 0))
    throw new ArgumentError(`clipGradNorm_: maxNorm is at least 0, got ${maxNorm}`);
  if (!(normType > 0)) throw new ArgumentError(`clipGradNorm_: normType is above 0, got ${normType}`);
  return noGrad(() => {
    const grads = list(parameters).flatMap((p) => p.grad ?? []);
    if (grads.length === 0) return zeros([]);
    const parts = grads.map((g) => {
      // A gradient of 16 bits has squares that it cannot hold.
      const x = g.dtype === 'float64' ? g.detach() : g.detach().to('float32');
      if (normType === Number.POSITIVE_INFINITY) return x.abs().max();
      return normType === 2 ? x.square().sum() : x.abs().pow(normType).sum();
    });
    const total = parts.reduce((a, b) => (normType === Number.POSITIVE_INFINITY ? a.maximum(b) : a.add(b)));
    const norm =
      normType === Number.POSITIVE_INFINITY ? total : normType === 2 ? total.sqrt() : total.pow(1 / normType);
    const scale = norm.add(1e-6).reciprocal().mul(maxNorm).minimum(1);
    for (const g of grads) g.mul_(scale.to(g.dtype));
    return norm;
  });
}

/** Cuts every element of every gradient to [-clipValue, clipValue]. */
export function clipGradValue_(parameters: Iterable<Tensor> | Tensor, clipValue: number): void {
  if (!(typeof clipValue === 'number' && clipValue >= 0))
    throw new ArgumentError(`clipGradValue_: clipValue is at least 0, got ${clipValue}`);
  noGrad(() => {
    for (const p of list(parameters)) {
      const { grad } = p;
      if (grad !== null) grad.copy_(grad.maximum(-clipValue).minimum(clipValue));
    }
  });
}

/** All elements of all parameters behind one another, on the tape. */
export function parametersToVector(parameters: Iterable<Tensor>): Tensor {
  const all = list(parameters);
  const [first] = all;
  if (first === undefined) throw new ArgumentError('parametersToVector: there are no parameters');
  const { ops } = first.workspace;
  const pieces = all.map((p) => p.reshape([p.numel()]).value);
  return Tensor.of(first.workspace, cat(ops, 'parametersToVector', pieces, 0));
}

/** The opposite of `parametersToVector`. */
export function vectorToParameters(vector: Tensor, parameters: Iterable<Tensor>): void {
  const all = list(parameters);
  const count = all.reduce((n, p) => n + numel(p.shape), 0);
  if (vector.ndim !== 1 || vector.numel() !== count)
    throw new ShapeError(
      `vectorToParameters: the parameters have ${count} elements, got ${showShape(vector.shape)}`,
    );
  let at = 0;
  noGrad(() => {
    for (const p of all) {
      p.detach().copy_(vector.detach().narrow(0, at, p.numel()).reshape(p.shape));
      at += p.numel();
    }
  });
}
