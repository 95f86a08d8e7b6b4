/**
 * attention: softmax(scale q k^T + mask) v (Vaswani et al. 2017) as one op, so that a kernel can go over the keys once and keep no matrix
 * of weights (Dao et al. 2022). Results: the output, and for each query the logarithm of the sum of its exponentials, from which the
 * gradient has the weights again. A query that masks let see nothing has zeros, and infinity as its log sum; without masks a row of
 * nothing but -infinity is NaN, as in a softmax.
 *
 * attentionGrad: the gradients of q, k and v given that of the output. With P the weights, dP = grad v^T (as dropout leaves it) and
 * dS = P (dP - delta): dq = scale dS k, dk = scale dS^T q, dv = P^T grad.
 *
 * Attributes and the order of operands: see `attentionDims`. All arithmetic is in float32 for 16-bit floats, results are rounded once.
 */
import type { AttentionDims, AttentionRoles } from '../../base/attributes.js';
import { attentionDims, attentionRoles } from '../../base/attributes.js';
import { numel } from '../../base/shape.js';
import type { Operand, PlainArray, TupleOp, TupleVjpContext } from '../op.js';
import { newArray } from './arrays.js';
import { Matrices, workType } from './attention-matrices.js';

function inputsOf<V extends Operand>(c: TupleVjpContext<V>): V[] {
  return c.inputShapes.map((_, i) => c.input(i));
}

type Matrix<V> = V | null;

export const attention: TupleOp = {
  kind: 'attention',
  name: 'attention',
  saves: { inputs: [0, 1, 2, 3, 4, 5, 6], outputs: [0, 1] },
  results: ([q, , v]) => {
    const rows = q.shape.slice(0, -1);
    return [
      { shape: [...rows, v.shape[v.shape.length - 1]], dtype: q.dtype },
      { shape: rows, dtype: workType(q.dtype) },
    ];
  },
  vjp: (c, [ofOutput, ofLogSum]) => {
    const { ops, needs } = c;
    if (ofOutput === null && ofLogSum === null) return needs.map(() => null);
    const how = attentionDims(c.attributes);
    const roles = attentionRoles(inputsOf(c), how, 3);
    const output = c.output(0);
    const logSum = c.output(1);
    const m = new Matrices(ops, roles, how);
    const grad = ofOutput ?? ops.constant(0, output.dtype, output.shape);
    const both = m.mul(ops.cast(grad, m.dtype), ops.cast(output, m.dtype));
    const sums = m.sums(both);
    // The log sum's derivative by a score is its weight: its gradient joins dP.
    const delta = ofLogSum === null ? sums : m.sub(sums, ofLogSum);
    const [q, k, v] = ops.attentionGrad(roles, how, { grad, logSum, delta });
    const grads: (typeof q | null)[] = needs.map(() => null);
    [q, k, v].forEach((g, i) => {
      if (needs[i]) grads[i] = g;
    });
    if (roles.mask !== null && needs[3]) {
      const dP = m.kept(m.rows(ops.cast(grad, m.dtype), m.v));
      const dS = m.mul(m.weights(logSum), m.sub(dP, m.spread(delta)));
      grads[3] = ops.cast(dS, roles.mask.dtype);
    }
    return grads;
  },
  reference: (inputs, attributes, [output, logSum]) => {
    const how = attentionDims(attributes);
    const roles = attentionRoles(inputs, how, 3);
    const out = newArray(output.dtype, output.shape);
    const sums = newArray(logSum.dtype, logSum.shape);
    const width = output.shape[output.shape.length - 1];
    forEachRow(roles, how, (row) => {
      const { largest, total, weights } = row;
      const isEmpty = total === 0 && (how.hasMask || how.isCausal);
      sums[row.at] = isEmpty ? Number.POSITIVE_INFINITY : largest + Math.log(total);
      for (let j = 0; j < width; j++) {
        let sum = 0;
        weights.forEach((w, s) => {
          sum +=
            ((w * row.factor(s)) / (isEmpty ? 1 : total)) *
            Number(roles.v.data[(row.firstKey + s) * width + j]);
        });
        out[row.at * width + j] = sum;
      }
    });
    return [out, sums];
  },
};

export const attentionGrad: TupleOp = {
  kind: 'attention',
  name: 'attentionGrad',
  saves: { inputs: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], outputs: [] },
  results: ([q, k, v]) => [q, k, v].map(({ shape, dtype }) => ({ shape, dtype })),
  vjp: (c, [ofQ, ofK, ofV]) => {
    const { ops, needs } = c;
    const how = attentionDims(c.attributes);
    const inputs = inputsOf(c);
    const roles = attentionRoles(inputs, how, 6);
    const m = new Matrices(ops, roles, how);
    const [a, b, e] = [ofQ, ofK, ofV].map((x) => x && ops.cast(x, m.dtype));
    const g = ops.cast(inputs[3], m.dtype);
    const plus = (x: Matrix<typeof g>, y: Matrix<typeof g>): Matrix<typeof g> =>
      x === null ? y : y === null ? x : m.add(x, y);
    const times = (x: Matrix<typeof g>, y: Matrix<typeof g>): Matrix<typeof g> =>
      x === null || y === null ? null : m.mul(x, y);
    const scaled = (x: Matrix<typeof g>): Matrix<typeof g> => x && m.scaled(x);

    const p = m.weights(inputs[4]);
    const dP = m.kept(m.rows(g, m.v));
    const change = m.sub(dP, m.spread(inputs[5]));
    const dS = m.mul(p, change);
    // Gradients of dS, of the kept weights, of the weights, of the scores.
    const w = scaled(plus(a && m.rows(a, m.k), b && m.rows(m.q, b)));
    const z = e && m.kept(m.rows(g, e));
    const u = times(plus(z, times(w, change)), p);
    const y = times(w, p);
    const kept = y && m.kept(y);
    const none = needs.map(() => null as Matrix<typeof g>);
    const as = (x: Matrix<typeof g>, i: number): Matrix<typeof g> => x && ops.cast(x, c.inputDTypes[i]);
    const minusSums = (x: Matrix<typeof g>): Matrix<typeof g> => x && ops.unary('neg', m.sums(x));
    none[0] = as(scaled(plus(u && m.times(u, m.k), b && m.times(dS, b))), 0);
    none[1] = as(scaled(plus(u && m.turned(u, m.q), a && m.turned(dS, a))), 1);
    none[2] = as(kept && m.turned(kept, g), 2);
    none[3] = as(plus(kept && m.times(kept, m.v), e && m.times(m.kept(p), e)), 3);
    none[4] = minusSums(u);
    none[5] = minusSums(y);
    if (how.hasMask && needs[6]) none[6] = as(u, 6);
    return none.map((x, i) => (needs[i] ? x : null));
  },
  reference: (inputs, attributes, results) => {
    const how = attentionDims(attributes);
    const roles = attentionRoles(inputs, how, 6);
    const [grad, logSum, delta] = inputs.slice(3, 6);
    const [dq, dk, dv] = results.map(({ dtype, shape }) => newArray(dtype, shape));
    const width = roles.v.shape[roles.v.shape.length - 1];
    const depth = roles.q.shape[roles.q.shape.length - 1];
    const [q, k, v] = [roles.q, roles.k, roles.v].map((x) => x.data);
    // Sums that are rounded only once need more digits than a 16-bit result has.
    const [sumK, sumV] = [new Float64Array(dk.length), new Float64Array(dv.length)];
    forEachRow(roles, how, (row) => {
      const sumQ = new Float64Array(depth);
      row.scores.forEach((score, s) => {
        const at = row.firstKey + s;
        const weight = Math.exp(score - Number(logSum.data[row.at]));
        let dP = 0;
        for (let j = 0; j < width; j++) {
          const g = Number(grad.data[row.at * width + j]);
          sumV[at * width + j] += weight * row.factor(s) * g;
          dP += g * Number(v[at * width + j]);
        }
        const dS = weight * (dP * row.factor(s) - Number(delta.data[row.at])) * how.scale;
        for (let i = 0; i < depth; i++) {
          sumQ[i] += dS * Number(k[at * depth + i]);
          sumK[at * depth + i] += dS * Number(q[row.at * depth + i]);
        }
      });
      sumQ.forEach((x, i) => {
        dq[row.at * depth + i] = x;
      });
    });
    sumK.forEach((x, i) => {
      dk[i] = x;
    });
    sumV.forEach((x, i) => {
      dv[i] = x;
    });
    return [dq, dk, dv];
  },
};

interface Row {
  /** Which row of all queries, and which of all keys its first key is. */
  readonly at: number;
  readonly firstKey: number;
  readonly scores: Float64Array;
  readonly largest: number;
  readonly weights: Float64Array;
  readonly total: number;
  /** What dropout multiplies the weight of a key by. */
  readonly factor: (key: number) => number;
}

/** Scores and weights, row by row. */
function forEachRow(roles: AttentionRoles<PlainArray>, how: AttentionDims, visit: (row: Row) => void): void {
  const { q, k, mask, dropout } = roles;
  const rank = q.shape.length;
  const [rows, depth, keys] = [q.shape[rank - 2], q.shape[rank - 1], k.shape[rank - 2]];
  const batches = numel(q.shape.slice(0, -2));
  const [p, keep] = dropout === null ? [0, 1] : [dropout.p, dropout.keep].map((x) => Number(x.data[0]));
  for (let at = 0; at < batches * rows; at++) {
    const firstKey = Math.floor(at / rows) * keys;
    const query = at % rows;
    const scores = Float64Array.from({ length: keys }, (_, s) => {
      let score = 0;
      for (let i = 0; i < depth; i++)
        score += Number(q.data[at * depth + i]) * Number(k.data[(firstKey + s) * depth + i]);
      score *= how.scale;
      if (mask !== null && mask.dtype !== 'bool') score += Number(mask.data[at * keys + s]);
      const isHidden =
        (mask?.dtype === 'bool' && Number(mask.data[at * keys + s]) === 0) || (how.isCausal && s > query);
      return isHidden ? Number.NEGATIVE_INFINITY : score;
    });
    const largest = scores.reduce((x, y) => (y > x ? y : x), Number.NEGATIVE_INFINITY);
    const shift = largest === Number.NEGATIVE_INFINITY ? 0 : largest;
    const weights = scores.map((x) => Math.exp(x - shift));
    const total = weights.reduce((x, y) => x + y, 0);
    const factor = (s: number): number =>
      dropout === null ? 1 : Number(dropout.random.data[at * keys + s]) < p ? 0 : keep;
    visit({ at, firstKey, scores, largest, weights, total, factor });
  }
}
