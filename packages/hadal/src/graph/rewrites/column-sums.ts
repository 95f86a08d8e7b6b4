/**
 * Sums down columns beside functions of rows, as the gradients of a layer norm's weight and bias are: what is summed is at hand where the
 * rows are walked, and reading it again would cost a trip through memory. Such a sum becomes two: one of every `BLOCK` rows, which a row
 * kernel can add up while it walks them (see `groups.ts`), and one of what these come to.
 *
 * A sum down columns is taken in blocks of as many rows anyway (see `accumulators.ts`), so the two add the same numbers in the same order:
 * no digit depends on whether a sum is cut, or on whether its first part runs with the rows.
 */
import type { Shape } from '../../base/shape.js';
import { numel, sameShape } from '../../base/shape.js';
import { BLOCK } from '../../kernel/loops/accumulators.js';
import type { Template, TemplateNode } from '../template.js';
import { TemplateEmitter } from '../template-emitter.js';

/** What is smaller lies in a near cache when it is read again. */
const LEAST_ELEMENTS = 2 ** 16;

/** Whether an op computes each element of its result from the same elements of its operands. */
function isPointwise(n: TemplateNode): boolean {
  return n.leaf < 0 && n.argument < 0 && n.op.kind === 'elementwise';
}

/** Whether a node adds up all dimensions but the last of something that is cut into whole blocks of rows. */
function isColumnSum(nodes: readonly TemplateNode[], n: TemplateNode): boolean {
  if (n.leaf >= 0 || n.op.name !== 'sum' || n.dtype !== 'float32') return false;
  const { shape } = nodes[n.inputs[0]];
  const last = shape.length - 1;
  const reducesAllButLast = n.attributes.length === last && n.attributes.every((d) => d < last);
  if (last < 1 || !reducesAllButLast || shape[last] === 1 || numel(shape) < LEAST_ELEMENTS) return false;
  const rows = shape[last - 1];
  // Beyond, blocks of blocks are added up from nothing for each of the outer dimensions.
  return rows % BLOCK === 0 && rows <= BLOCK * BLOCK;
}

/** Nodes that sums of whole rows of a shape go into, through what is pointwise. */
function rowDependence(nodes: readonly TemplateNode[]): (id: number, shape: Shape) => boolean {
  const known = new Map<string, boolean>();
  const visit = (id: number, shape: Shape): boolean => {
    const n = nodes[id];
    if (n.leaf >= 0 || n.argument >= 0) return false;
    const key = `${id} ${shape.join()}`;
    const have = known.get(key);
    if (have !== undefined) return have;
    known.set(key, false);
    const last = shape.length - 1;
    const isRowSum =
      n.op.kind === 'reduce' &&
      n.attributes.length === 1 &&
      n.attributes[0] === last &&
      sameShape(nodes[n.inputs[0]].shape, shape);
    const goesOn = isPointwise(n) || n.op.kind === 'movement';
    const found = isRowSum || (goesOn && n.inputs.some((i) => visit(i, shape)));
    known.set(key, found);
    return found;
  };
  return visit;
}

/** Sums that are worth cutting: of what depends on whole rows, and of the factors of such. */
function worthCutting(nodes: readonly TemplateNode[]): ReadonlySet<number> {
  const sums = nodes.flatMap((n, id) => (isColumnSum(nodes, n) ? [id] : []));
  const found = new Set<number>();
  if (sums.length === 0) return found;
  const dependsOnRows = rowDependence(nodes);
  const beside = new Set<number>();
  for (const id of sums) {
    const [of] = nodes[id].inputs;
    if (!isPointwise(nodes[of]) || !dependsOnRows(of, nodes[of].shape)) continue;
    found.add(id);
    for (const i of nodes[of].inputs) beside.add(i);
  }
  for (const id of sums) if (beside.has(nodes[id].inputs[0])) found.add(id);
  return found;
}

/**
 * Cuts sums down columns that a row kernel may add up; `origin` says where the given template's nodes are now. They stand as late as can be,
 * when all kernels that might do it are known.
 */
export function cutColumnSums(template: Template): Template {
  const { nodes } = template;
  const cut = worthCutting(nodes);
  if (cut.size === 0) return template;
  /** The sums and their views, which wait until something else reads them. */
  const waits = new Set<number>();
  nodes.forEach((n, id) => {
    const isView = n.leaf < 0 && n.op.kind === 'movement' && n.inputs.some((i) => waits.has(i));
    if (cut.has(id) || isView) waits.add(id);
  });
  const e = new TemplateEmitter();
  const moved: number[] = [];
  const place = (id: number): void => {
    if (moved[id] !== undefined) return;
    const n = nodes[id];
    for (const i of n.inputs) place(i);
    if (cut.has(id)) moved[id] = placeSum(n);
    else moved[id] = e.nodes.push({ ...n, inputs: n.inputs.map((i) => moved[i]) }) - 1;
  };
  const placeSum = (n: TemplateNode): number => {
    const x = e.position(moved[n.inputs[0]]);
    const last = x.shape.length - 1;
    const outer = x.shape.slice(0, last - 1);
    const [rows, columns] = x.shape.slice(last - 1);
    const blocks = e.reshape(x, [...outer, rows / BLOCK, BLOCK, columns]);
    const sums = e.reshape(e.reduce('sum', blocks, [last]), [...outer, rows / BLOCK, columns]);
    const { at } = e.reduce('sum', sums, n.attributes);
    e.standFor(at, n);
    return at;
  };
  nodes.forEach((_, id) => {
    if (!waits.has(id)) place(id);
  });
  nodes.forEach((_, id) => {
    place(id);
  });
  return { ...template, nodes: e.nodes, origin: moved };
}
