/**
 * Movement ops as index expressions, read backwards: given where a node is read, where its inputs are read. Padding adds a guard.
 */
import { halves, inversePermutation, windowDims } from '../base/attributes.js';
import { InternalError } from '../base/errors.js';
import { contiguousStrides } from '../base/shape.js';
import type { TemplateNode } from '../graph/template.js';
import type { Guard, IndexExpr } from '../kernel/index-expr.js';
import {
  addIndex,
  clampIndex,
  constantIndex,
  divIndex,
  exactDivIndex,
  indexRange,
  joinIndex,
  modIndex,
  scaleIndex,
  valueIndex,
  zeroIndex,
} from '../kernel/index-expr.js';

export interface Read {
  readonly node: number;
  readonly index: readonly IndexExpr[];
  readonly guards: readonly Guard[];
}

/** The row-major position of an index in a shape. */
export function flatten(shape: readonly number[], index: readonly IndexExpr[]): IndexExpr {
  const strides = contiguousStrides(shape);
  let flat = zeroIndex;
  index.forEach((e, d) => {
    if (shape[d] !== 1) flat = addIndex(flat, scaleIndex(e, strides[d]));
  });
  return joinIndex(flat);
}

/** The index in a shape of a row-major position. */
export function unflatten(shape: readonly number[], flat: IndexExpr): IndexExpr[] {
  const strides = contiguousStrides(shape);
  let isOutermost = true;
  return shape.map((size, d) => {
    if (size === 1) return zeroIndex;
    const whole = divIndex(flat, Math.max(strides[d], 1));
    // The outermost dimension needs no remainder: positions stay inside of the shape.
    const own = isOutermost ? whole : modIndex(whole, Math.max(size, 1));
    isOutermost = false;
    return own;
  });
}

/** What a movement op reads when it is read at `index`. */
export function readMovement(
  node: TemplateNode,
  input: readonly number[],
  index: readonly IndexExpr[],
): { index: IndexExpr[]; guards: Guard[] } {
  switch (node.op.name) {
    case 'reshape':
      return { index: reshapeIndex(node.shape, input, index), guards: [] };
    case 'permute':
      return { index: inversePermutation(node.attributes).map((d) => index[d]), guards: [] };
    case 'expand':
      return { index: index.map((e, d) => (input[d] === 1 ? zeroIndex : e)), guards: [] };
    case 'slice': {
      const [starts, steps] = halves(node.attributes);
      return {
        index: index.map((e, d) => addIndex(scaleIndex(e, steps[d]), constantIndex(starts[d]))),
        guards: [],
      };
    }
    case 'pad': {
      const [low, interior] = halves(node.attributes);
      const guards: Guard[] = [];
      const inner = index.map((e, d) => {
        const step = interior[d] + 1;
        const extent = input[d] === 0 ? 0 : (input[d] - 1) * step + 1;
        const range = indexRange(e);
        if (range.min < low[d] || range.max >= low[d] + extent || step !== 1) {
          guards.push({ index: e, low: low[d], high: low[d] + extent, step });
        }
        return exactDivIndex(clampIndex(e, low[d], Math.max(extent, 1)), step);
      });
      return { index: inner, guards };
    }
    case 'windows': {
      const { sizes, strides, dilations } = windowDims(node.attributes);
      const lead = input.length - sizes.length;
      return {
        index: input.map((_, d) =>
          d < lead
            ? index[d]
            : addIndex(
                scaleIndex(index[d], strides[d - lead]),
                scaleIndex(index[d + sizes.length], dilations[d - lead]),
              ),
        ),
        guards: [],
      };
    }
    default:
      throw new InternalError(`${node.op.name} is no movement op`);
  }
}

/** Reshape dimension by dimension where sizes agree from the left, and through the flat position where they do not. */
function reshapeIndex(
  from: readonly number[],
  to: readonly number[],
  index: readonly IndexExpr[],
): IndexExpr[] {
  const kept = from.flatMap((s, d) => (s === 1 ? [] : [{ size: s, index: index[d] }]));
  const wanted = to.flatMap((s, d) => (s === 1 ? [] : [{ size: s, dim: d }]));
  const out: IndexExpr[] = to.map(() => zeroIndex);
  let head = 0;
  while (head < kept.length && head < wanted.length && kept[head].size === wanted[head].size) {
    out[wanted[head].dim] = kept[head].index;
    head++;
  }
  const rest = kept.slice(head);
  const restTo = wanted.slice(head);
  const flat = flatten(
    rest.map((r) => r.size),
    rest.map((r) => r.index),
  );
  unflatten(
    restTo.map((r) => r.size),
    flat,
  ).forEach((e, i) => {
    out[restTo[i].dim] = e;
  });
  return out;
}

/**
 * What a node that computes nothing reads when it is read at `index`. For gather the position along its dimension is only known
 * at run time; `value` stands for it (fusion decisions use a placeholder).
 */
export function readThrough(
  nodes: readonly TemplateNode[],
  id: number,
  index: readonly IndexExpr[],
  value = PLACEHOLDER,
): Read[] {
  const node = nodes[id];
  if (node.leaf >= 0 || node.argument >= 0) return [];
  switch (node.op.kind) {
    case 'source':
      return [];
    case 'movement': {
      const read = readMovement(node, nodes[node.inputs[0]].shape, index);
      return [{ node: node.inputs[0], ...read }];
    }
    case 'gather': {
      const [dim] = node.attributes;
      const [x, at] = node.inputs;
      const through = index.map((e, d) => (d === dim ? valueIndex(value, nodes[x].shape[dim]) : e));
      return [
        { node: at, index: lookupIndex(node, index), guards: [] },
        { node: x, index: through, guards: [] },
      ];
    }
    case 'elementwise':
    case 'random':
      return node.inputs.map((i) => ({
        node: i,
        index: nodes[i].shape.length === 0 ? [] : index,
        guards: [],
      }));
    default:
      throw new InternalError(`${node.op.name} is not read through`);
  }
}

/** Where a gather that is read at `index` reads its positions. */
export function lookupIndex(node: TemplateNode, index: readonly IndexExpr[]): readonly IndexExpr[] {
  return node.op.name === 'indexSelect' ? [index[node.attributes[0]]] : index;
}

/** Stands for an expression number where only the structure of an index matters. */
const PLACEHOLDER = -1;
