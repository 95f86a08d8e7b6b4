/**
 * scan: runs a region a number of times, one step after the other. Inputs: the first value of every carry, then arrays with a slice for
 * every step, then what is the same for all steps. Results: the last value of every carry, then a stack of each other result of the
 * region. Attributes: see `scanAttributes`.
 *
 * It has no VJP here: what its gradient needs of the forward steps depends on the region (`regions/gradient.ts`).
 */
import type { TypedArray } from '../../base/dtype.js';
import { newArray } from '../../base/dtype.js';
import { numel } from '../../base/shape.js';
import { evaluate, evaluateAll } from '../../codegen/reference/evaluate.js';
import type { PlainArray, TupleOp } from '../op.js';
import type { Region } from '../regions/region.js';
import { parameterKind, scanDims, scanResults } from '../regions/region.js';

/** All results of one step. */
function step(region: Region, parameters: readonly PlainArray[]): PlainArray[] {
  const values: PlainArray[] = [];
  const tuples = new Map<number, readonly PlainArray[]>();
  region.nodes.forEach((n, at) => {
    const inputs = n.inputs.map((i) => values[i]);
    const { op, attributes, shape, dtype } = n;
    if (n.leaf >= 0) values.push(parameters[n.leaf]);
    else if (op.kind === 'result') values.push((tuples.get(n.inputs[0]) ?? [])[attributes[0]]);
    else if ('results' in op) {
      const all = evaluateAll(op, inputs, attributes);
      tuples.set(at, all);
      values.push(all[0]);
    } else values.push(evaluate(op, inputs, attributes, shape, dtype));
  });
  return region.results.map((at) => values[at]);
}

/** Slice `i` of a stack. */
function sliceOf({ shape, dtype, data }: PlainArray, i: number): PlainArray {
  const own = shape.slice(1);
  const size = numel(own);
  return { shape: own, dtype, data: data.slice(i * size, (i + 1) * size) };
}

function put(into: TypedArray, at: number, from: TypedArray): void {
  if (into instanceof BigInt64Array && from instanceof BigInt64Array) into.set(from, at);
  else if (!(into instanceof BigInt64Array) && !(from instanceof BigInt64Array)) into.set(from, at);
}

export const scan = {
  kind: 'region',
  name: 'scan',
  saves: { inputs: [], outputs: [] },
  vjp: null,
  results: (_, attributes) => scanResults(scanDims(attributes)),
  reference: (inputs, attributes) => {
    const dims = scanDims(attributes);
    const { region, length, reverse } = dims;
    const results = scanResults(dims);
    const stacks = results.slice(region.carries).map(({ shape, dtype }) => newArray(dtype, shape));
    let carries = inputs.slice(0, region.carries);
    for (let i = 0; i < length; i++) {
      const at = reverse ? length - 1 - i : i;
      const parameters = inputs.map((x, p) => {
        const kind = parameterKind(region, p);
        return kind === 'carry' ? carries[p] : kind === 'slice' ? sliceOf(x, at) : x;
      });
      const made = step(region, parameters);
      carries = made.slice(0, region.carries);
      stacks.forEach((stack, k) => {
        const { data } = made[region.carries + k];
        put(stack, at * data.length, data);
      });
    }
    return [...carries.map((c) => c.data), ...stacks];
  },
} as const satisfies TupleOp;
