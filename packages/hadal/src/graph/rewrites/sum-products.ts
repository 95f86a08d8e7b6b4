/** Products of matrices as pointwise products and sums, for what the gemm template does not multiply well. */
import { dotLayout } from '../../base/attributes.js';
import { isFloat } from '../../base/dtype.js';
import type { Shape } from '../../base/shape.js';
import type { Attributes } from '../op.js';
import type { Position, TemplateEmitter } from '../template-emitter.js';

/** The sum over the last `count` dimensions of a product. */
function sumOfProducts(e: TemplateEmitter, a: Position, b: Position, wide: Shape, count: number): Position {
  const product = e.arithmetic('mul', e.expand(a, wide), e.expand(b, wide));
  const kept = wide.slice(0, wide.length - count);
  const dims = wide.flatMap((size, d) => (d < kept.length || size === 1 ? [] : [d]));
  if (dims.length > 0) return e.reshape(e.reduce('sum', product, dims), kept);
  // A sum begins with 0 and never is -0, even of one product.
  const isWhole = !isFloat(product.dtype);
  return e.reshape(
    isWhole ? product : e.arithmetic('add', product, e.constant(0, product.dtype, wide)),
    kept,
  );
}

/** The dot with each of its dimensions apart: batch, free ones of `a`, free ones of `b`. */
export function dotAsSum(e: TemplateEmitter, a: Position, b: Position, attributes: Attributes): Position {
  const l = dotLayout(attributes, a.shape.length, b.shape.length);
  const sizes = (x: Position, dims: readonly number[]): number[] => dims.map((d) => x.shape[d]);
  const ones = (dims: readonly number[]): number[] => dims.map(() => 1);
  const [batch, contract] = [sizes(a, l.lhsBatch), sizes(a, l.lhsContract)];
  const [free, columns] = [sizes(a, l.lhsFree), sizes(b, l.rhsFree)];
  const left = e.reshape(e.permute(a, [...l.lhsBatch, ...l.lhsFree, ...l.lhsContract]), [
    ...batch,
    ...free,
    ...ones(columns),
    ...contract,
  ]);
  const right = e.reshape(e.permute(b, [...l.rhsBatch, ...l.rhsFree, ...l.rhsContract]), [
    ...batch,
    ...ones(free),
    ...columns,
    ...contract,
  ]);
  return sumOfProducts(e, left, right, [...batch, ...free, ...columns, ...contract], contract.length);
}
