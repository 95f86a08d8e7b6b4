/** How attention and its gradient run on their templates: where operands are read and results written in the templates' variables. */
import { attentionDims, attentionInputs, attentionRoles } from '../base/attributes.js';
import type { TemplateNode } from '../graph/template.js';
import type { IndexExpr } from '../kernel/index-expr.js';
import { variableIndex } from '../kernel/index-expr.js';
import type { AttentionGradKernel, AttentionKernel, Store } from '../kernel/l2.js';
import type { KernelCore } from './build.js';
import type { KernelReader } from './kernel-reader.js';
import { flatten } from './movement-index.js';

type Index = readonly IndexExpr[];

interface AttentionLayout {
  /** Where each input is read, in order. */
  readonly inputs: readonly Index[];
  /** Where each result is written. */
  readonly results: readonly Index[];
}

interface Shapes {
  readonly isGrad: boolean;
  readonly batch: readonly number[];
  readonly queries: number;
  readonly keys: number;
  readonly features: number;
  readonly valueFeatures: number;
}

function shapesOf(nodes: readonly TemplateNode[], id: number): Shapes {
  const node = nodes[id];
  const [q, k, v] = node.inputs.map((i) => nodes[i].shape);
  const rank = q.length;
  return {
    isGrad: node.op.name === 'attentionGrad',
    batch: q.slice(0, -2),
    queries: q[rank - 2],
    keys: k[rank - 2],
    features: q[rank - 1],
    valueFeatures: v[rank - 1],
  };
}

function attentionLayout(nodes: readonly TemplateNode[], id: number): AttentionLayout {
  const s = shapesOf(nodes, id);
  const how = attentionDims(nodes[id].attributes);
  const batch = s.batch.map((size, i) => variableIndex(i, size));
  const sizes = [s.queries, s.keys, s.features, s.valueFeatures];
  const [query, key, feature, valueFeature] = sizes.map((size, i) => variableIndex(batch.length + i, size));
  const row = [...batch, query];
  const output = [...row, valueFeature];
  const [q, k, v] = [
    [...row, feature],
    [...batch, key, feature],
    [...batch, key, valueFeature],
  ];
  const weights = [...row, key];
  const scalar: Index = [];
  const roles = {
    q,
    k,
    v,
    mask: how.hasMask ? weights : null,
    dropout: how.hasDropout ? { random: weights, p: scalar, keep: scalar } : null,
  };
  return s.isGrad
    ? { inputs: attentionInputs<Index>(roles, [output, row, row]), results: [q, k, v] }
    : { inputs: attentionInputs<Index>(roles), results: [output, row] };
}

/** Attention reads its operands as a gemm does; each of its results that is stored is a store of its own. */
export function attentionKernel(
  reader: KernelReader,
  writes: readonly number[],
): KernelCore<AttentionKernel | AttentionGradKernel> {
  const { nodes } = reader;
  const [id] = reader.group.members.keys();
  const layout = attentionLayout(nodes, id);
  const operands = nodes[id].inputs.map((input, i) => reader.read(input, layout.inputs[i]));
  const written = writes.map((w) => (w === id ? 0 : nodes[w].attributes[0]));
  const stores = writes.map((w, i): Store => {
    const { dtype, shape } = nodes[w];
    const value = reader.dot(dtype);
    return {
      buffer: reader.slot(w, 'write'),
      index: flatten(shape, layout.results[written[i]]),
      value,
      level: 'full',
    };
  });
  const { isGrad, ...shapes } = shapesOf(nodes, id);
  const how = attentionDims(nodes[id].attributes);
  const common = {
    ...shapes,
    scale: how.scale,
    isCausal: how.isCausal,
    ...attentionRoles(operands, how, isGrad ? 6 : 3),
    stores,
  };
  if (!isGrad) {
    const names = ['output', 'logSum'] as const;
    return { kind: 'attention', ...common, results: written.map((i) => names[i]) };
  }
  const [grad, logSum, delta] = operands.slice(3, 6);
  const names = ['query', 'key', 'value'] as const;
  return { kind: 'attentionGrad', ...common, grad, logSum, delta, results: written.map((i) => names[i]) };
}
