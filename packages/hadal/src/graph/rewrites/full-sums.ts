/**
 * Sums of all numbers of a large value are sums of its parts along the first dimension, and then a sum of these: a reduction never crosses
 * a unit of a kernel (see `kernel/parts.ts`), so a sum in one go would be the work of one thread. Which sums are cut depends on their shape
 * alone, and so do their digits.
 */
import { numel } from '../../base/shape.js';
import type { Template, TemplateNode } from '../template.js';
import { TemplateEmitter } from '../template-emitter.js';

/** Below this a thread is done before another has begun. */
const LEAST_ELEMENTS = 2 ** 18;
/** Parts that are worth being joined: of so many vectors on all targets, and enough for several threads. */
const LEAST_PART = 1024;
const LEAST_PARTS = 8;

/** The dimension along which a sum is cut; -1 if it is none of all numbers, or not worth it. */
function cutDimension(nodes: readonly TemplateNode[], n: TemplateNode): number {
  if (n.leaf >= 0 || n.op.name !== 'sum' || n.dtype !== 'float32' || numel(n.shape) !== 1) return -1;
  const { shape } = nodes[n.inputs[0]];
  const first = shape.findIndex((size) => size > 1);
  const size = numel(shape);
  if (size < LEAST_ELEMENTS || shape[first] < LEAST_PARTS || size / shape[first] < LEAST_PART) return -1;
  return first;
}

/** Cuts large sums of all numbers; `origin` says where the given template's nodes are now. */
export function cutFullSums(template: Template): Template {
  const { nodes } = template;
  if (!nodes.some((n) => cutDimension(nodes, n) >= 0)) return template;
  const e = new TemplateEmitter();
  const moved: number[] = [];
  for (const n of nodes) {
    const inputs = n.inputs.map((i) => moved[i]);
    const cut = cutDimension(nodes, n);
    if (cut < 0) {
      moved.push(e.nodes.push({ ...n, inputs }) - 1);
      continue;
    }
    const of = (isPart: boolean): number[] => n.attributes.filter((d) => d > cut === isPart);
    const { at } = e.reduce('sum', e.reduce('sum', e.position(inputs[0]), of(true)), of(false));
    e.standFor(at, n);
    moved.push(at);
  }
  return { ...template, nodes: e.nodes, origin: moved };
}
