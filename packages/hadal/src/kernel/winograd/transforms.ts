/**
 * The transforms of Winograd's minimal filtering F(4, 3): four neighbouring results of a kernel of three elements from six products
 * instead of twelve (Winograd 1980; Lavin and Gray 2016). Applied to rows and columns it is F(4x4, 3x3), 36 products for 144.
 *
 *     result = A^T [(G g) . (B^T d)]
 *
 * It evaluates polynomials at 0, +-a, +-b and infinity. The usual +-1 and +-2 make the matrices small integers, and the result five times
 * as wrong as need be. With a = 3/4 and b = 3/2, near the best that there are (Barabasz, Anderson, Soodhalter and Gregg 2020, "Error
 * analysis and improving the accuracy of Winograd convolution for deep neural networks"), B and A are still exact in float32.
 *
 * **Error.** The same paper bounds it, componentwise and summed over channels, by |A^T|(|G||g||G^T| . |B^T||d||B|)|A| times about K + 30
 * roundings of 2^-24 for K channels: in the worst case 84 times (with +-1 and +-2: 256 times) the bound of a direct sum of the largest
 * magnitudes in a tile; for gradients of kernels 68 times. Roundings rarely add up like that: of the sum of magnitudes of the products of a
 * tile, errors on normal, rectified and badly scaled inputs were at most 2e-6, those of direct sums 7e-7; root mean squares 9e-7 and 4e-7.
 */
import type { Value } from '../l3.js';
import type { L3Builder } from '../l3-builder.js';

const A = 0.75;
const B = 1.5;
const [AA, BB] = [A * A, B * B];

/** B^T d. */
export function transformInput(b: L3Builder, [d0, d1, d2, d3, d4, d5]: readonly Value[]): Value[] {
  const f = (x: number): Value => b.broadcast(b.constant('f32', x));
  const [even, odd] = [b.fma(d2, f(-BB), d4), b.fma(d1, f(-BB), d3)];
  const [even2, odd2] = [b.fma(d2, f(-AA), d4), b.fma(d1, f(-AA), d3)];
  return [
    b.fma(d0, f(AA * BB), b.fma(d2, f(-AA - BB), d4)),
    b.fma(odd, f(A), even),
    b.fma(odd, f(-A), even),
    b.fma(odd2, f(B), even2),
    b.fma(odd2, f(-B), even2),
    b.fma(d1, f(AA * BB), b.fma(d3, f(-AA - BB), d5)),
  ];
}

/** G g. */
export function transformKernel(b: L3Builder, [g0, g1, g2]: readonly Value[]): Value[] {
  const f = (x: number): Value => b.broadcast(b.constant('f32', x));
  const pair = (at: number, other: number): readonly Value[] => {
    const scale = 1 / (2 * at * at * (at * at - other * other));
    const even = b.fma(g2, f(at * at * scale), b.mul(g0, f(scale)));
    const odd = b.mul(g1, f(at * scale));
    return [b.add(even, odd), b.sub(even, odd)];
  };
  return [b.mul(g0, f(1 / (AA * BB))), ...pair(A, B), ...pair(B, A), g2];
}

/** A^T m. */
export function transformProducts(b: L3Builder, [m0, m1, m2, m3, m4, m5]: readonly Value[]): Value[] {
  const f = (x: number): Value => b.broadcast(b.constant('f32', x));
  const [sumA, sumB] = [b.add(m1, m2), b.add(m3, m4)];
  const [differenceA, differenceB] = [b.sub(m1, m2), b.sub(m3, m4)];
  return [
    b.add(m0, b.add(sumA, sumB)),
    b.fma(differenceB, f(B), b.mul(differenceA, f(A))),
    b.fma(sumB, f(BB), b.mul(sumA, f(AA))),
    b.fma(differenceB, f(B * BB), b.fma(differenceA, f(A * AA), m5)),
  ];
}

/** A y, which goes back over A^T m. */
export function transformGradient(b: L3Builder, [y0, y1, y2, y3]: readonly Value[]): Value[] {
  const f = (x: number): Value => b.broadcast(b.constant('f32', x));
  const pair = (at: number): readonly Value[] => {
    const even = b.fma(y2, f(at * at), y0);
    const odd = b.fma(y3, f(at * at * at), b.mul(y1, f(at)));
    return [b.add(even, odd), b.sub(even, odd)];
  };
  return [y0, ...pair(A), ...pair(B), y3];
}

/** G^T m, which goes back over G g. */
export function transformSums(b: L3Builder, [m0, m1, m2, m3, m4, m5]: readonly Value[]): Value[] {
  const f = (x: number): Value => b.broadcast(b.constant('f32', x));
  const [scaleA, scaleB] = [1 / (2 * AA * (AA - BB)), 1 / (2 * BB * (BB - AA))];
  const [sumA, sumB] = [b.add(m1, m2), b.add(m3, m4)];
  const [differenceA, differenceB] = [b.sub(m1, m2), b.sub(m3, m4)];
  return [
    b.fma(sumB, f(scaleB), b.fma(sumA, f(scaleA), b.mul(m0, f(1 / (AA * BB))))),
    b.fma(differenceB, f(B * scaleB), b.mul(differenceA, f(A * scaleA))),
    b.fma(sumB, f(BB * scaleB), b.fma(sumA, f(AA * scaleA), m5)),
  ];
}
