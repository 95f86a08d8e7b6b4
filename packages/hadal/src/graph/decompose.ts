/**
 * Replaces ops that no kernel template covers by others that mean the same, before fusion.
 *
 * scatterAdd becomes a comparison of positions with indices: out[c] = sum over j of (index[j] == c ? source[j] : 0). With one
 * index per row, as in the gradient of a gather for a loss, that is one pointwise kernel.
 */
import type { DType } from '../base/dtype.js';
import type { Shape } from '../base/shape.js';
import { OpEmitter } from './emitter.js';
import type { Attributes, Operand } from './op.js';
import type { OpName } from './table.js';
import { opTable } from './table.js';
import type { Template, TemplateNode } from './template.js';

interface Position extends Operand {
  readonly at: number;
}

const plain = { leaf: -1, argument: -1, root: false, handle: false, boundary: false, into: -1 };

/** Emits graph ops as nodes of a template under construction. */
class TemplateEmitter extends OpEmitter<Position> {
  readonly nodes: TemplateNode[] = [];

  protected override apply(
    name: OpName,
    inputs: readonly Position[],
    attributes: Attributes,
    shape: Shape,
    dtype: DType,
  ): Position {
    this.nodes.push({
      op: opTable[name],
      inputs: inputs.map((i) => i.at),
      attributes,
      shape,
      dtype,
      ...plain,
    });
    return { at: this.nodes.length - 1, shape, dtype };
  }

  position(at: number): Position {
    return { at, shape: this.nodes[at].shape, dtype: this.nodes[at].dtype };
  }
}

function scatterAdd(
  e: TemplateEmitter,
  source: Position,
  wideIndex: Position,
  dim: number,
  shape: Shape,
): Position {
  // Positions are compared as int32, which vectors have; a dimension of 2^31 is beyond every other limit.
  const index = e.cast(wideIndex, 'int32');
  if (source.shape[dim] === 1) {
    const hit = e.compare('eq', e.iota(shape, dim, index.dtype), e.expand(index, shape));
    return e.where(hit, e.expand(source, shape), e.constant(0, source.dtype, shape));
  }
  // A dimension of its own for j, in front of the one it scatters into.
  const wide = [...shape.slice(0, dim), source.shape[dim], ...shape.slice(dim)];
  const thin = [...source.shape.slice(0, dim + 1), 1, ...source.shape.slice(dim + 1)];
  const lift = (x: Position): Position => e.expand(e.reshape(x, thin), wide);
  const hit = e.compare('eq', e.iota(wide, dim + 1, index.dtype), lift(index));
  const picked = e.where(hit, lift(source), e.constant(0, source.dtype, wide));
  return e.reshape(e.reduce('sum', picked, [dim]), shape);
}

export function decompose(template: Template): Template {
  if (!template.nodes.some((n) => n.op.name === 'scatterAdd')) return template;
  const e = new TemplateEmitter();
  const moved: number[] = [];
  template.nodes.forEach((n, i) => {
    const inputs = n.inputs.map((x) => moved[x]);
    if (n.op.name !== 'scatterAdd' || n.leaf >= 0) {
      e.nodes.push({ ...n, inputs });
      moved[i] = e.nodes.length - 1;
      return;
    }
    const result = scatterAdd(e, e.position(inputs[0]), e.position(inputs[1]), n.attributes[0], n.shape);
    const { root, handle, boundary, into } = n;
    e.nodes[result.at] = { ...e.nodes[result.at], root, handle, boundary, into };
    moved[i] = result.at;
  });
  return { ...template, nodes: e.nodes, origin: moved };
}
