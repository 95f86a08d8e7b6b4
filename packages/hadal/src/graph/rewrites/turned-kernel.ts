/** Recognises what the gradient of an image reads of a kernel. */
import type { Position, TemplateEmitter } from '../template-emitter.js';

/** The kernel of which `w` is all, with its first dimensions swapped and its last ones walked backwards; else null. */
export function turnedSource(e: TemplateEmitter, w: Position): Position | null {
  const n = e.nodes[w.at];
  if (n.leaf >= 0 || n.op.name !== 'slice') return null;
  const under = e.nodes[n.inputs[0]];
  const swapped = w.shape.map((_, d) => (d < 2 ? 1 - d : d));
  if (under.leaf >= 0 || under.op.name !== 'permute' || under.attributes.join() !== swapped.join())
    return null;
  const starts = w.shape.map((s, d) => (d < 2 ? 0 : s - 1));
  const steps = w.shape.map((_, d) => (d < 2 ? 1 : -1));
  const isWhole = e.nodes[under.inputs[0]].shape.every((s, d) => s === w.shape[swapped[d]]);
  return isWhole && n.attributes.join() === [...starts, ...steps].join() ? e.position(under.inputs[0]) : null;
}
