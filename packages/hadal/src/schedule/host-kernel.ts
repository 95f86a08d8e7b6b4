/** The kernel of an op that no template covers: its reference, over whole arrays. */
import { InternalError } from '../base/errors.js';
import type { TemplateNode } from '../graph/template.js';
import type { HostFunction } from '../kernel/l2.js';
import type { BuiltKernel } from './build.js';
import type { Group } from './groups.js';

/** @param writes those of the op's results that are stored. */
export function buildHost(
  nodes: readonly TemplateNode[],
  group: Group,
  writes: readonly number[],
): BuiltKernel {
  const [id] = group.members.keys();
  const n = nodes[id];
  const describe = (i: number) => ({ shape: nodes[i].shape, dtype: nodes[i].dtype });
  const inputs = n.inputs.map(describe);
  const results = writes.map((w) => ({ ...describe(w), result: w === id ? 0 : nodes[w].attributes[0] }));
  return {
    group,
    kernel: {
      kind: 'host',
      name: n.op.name,
      compute: hostFunction(n),
      attributes: n.attributes,
      inputs,
      results,
      exprs: [],
      stores: [],
      buffers: [
        ...inputs.map((i) => ({ dtype: i.dtype, access: 'read' as const })),
        ...results.map((r) => ({ dtype: r.dtype, access: 'write' as const })),
      ],
      arguments: [],
    },
    bindings: [
      ...n.inputs.map((node) => ({ node, access: 'read' as const })),
      ...writes.map((node) => ({ node, access: 'write' as const })),
    ],
    arguments: [],
    // It reads all of its inputs while it writes.
    scatteredReads: new Set(n.inputs.map((i) => nodes[i].leaf).filter((leaf) => leaf >= 0)),
  };
}

/** An op's reference: all of its results. */
function hostFunction({ op, attributes, shape, dtype }: TemplateNode): HostFunction {
  if (op.kind === 'elementwise') throw new InternalError(`${op.name} is no host op`);
  if ('results' in op) return (inputs) => op.reference(inputs, attributes, op.results(inputs, attributes));
  return (inputs) => [op.reference(inputs, attributes, shape, dtype)];
}
