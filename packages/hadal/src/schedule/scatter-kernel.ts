/** The kernel of a scatter: its result is filled, and then each element of the source goes to the position that an index gives. */
import { dtypeInfo } from '../base/dtype.js';
import { numel } from '../base/shape.js';
import type { TemplateNode } from '../graph/template.js';
import { variableIndex } from '../kernel/index-expr.js';
import { type ScatterKernel, STREAMED_BYTES } from '../kernel/l2.js';
import type { KernelCore } from './build.js';
import type { KernelReader } from './kernel-reader.js';
import { flatten, unflatten } from './movement-index.js';

/** The input whose elements a scatter moves. */
export function scatterSource(n: TemplateNode): number {
  return n.op.name === 'scatter' ? n.inputs[2] : n.inputs[0];
}

export function scatterKernel(reader: KernelReader, id: number): KernelCore<ScatterKernel> {
  const { nodes, buffers } = reader;
  const { dims, domain } = reader.variables;
  const n = nodes[id];
  const [dim] = n.attributes;
  const isSet = n.op.name === 'scatter';
  reader.names.push(n.op.name);
  const everywhere = variableIndex(dims.length + 1, numel(n.shape));
  const first = isSet
    ? reader.load(n.inputs[0], unflatten(n.shape, everywhere))
    : reader.constant(n.dtype, 0);
  const index = isSet ? n.inputs[1] : n.inputs[n.inputs.length - 1];
  const position = reader.read(index, n.op.name === 'indexAdd' ? [domain[dim]] : domain);
  const value = reader.read(scatterSource(n), domain);
  const target = domain.map((e, d) => (d === dim ? variableIndex(dims.length, n.shape[dim]) : e));
  const buffer = reader.slot(id, 'write');
  const bytes = numel(n.shape) * dtypeInfo[n.dtype].bytes;
  if (!isSet) buffers[buffer] = { ...buffers[buffer], access: 'readwrite' };
  return {
    kind: 'scatter',
    dims: dims.map((d) => d.size),
    position,
    size: n.shape[dim],
    elements: numel(n.shape),
    mode: isSet ? 'set' : 'add',
    stores: [
      { buffer, index: everywhere, value: first, level: 'full', isStreamed: bytes >= STREAMED_BYTES },
      { buffer, index: flatten(n.shape, target), value, level: 'full' },
    ],
  };
}
