/**
 * What is pointwise after parts were put side by side is computed of each part before: the mask of a ReLU under a max-pool, whose gradient
 * is such an array. The kernel that puts the parts side by side then writes what others read, and nothing else goes through memory twice.
 *
 *     f(interleave(p0, p1, ...), y)  =  interleave(f(p0, y0), f(p1, y1), ...)   where yk are the elements of y that lie where part k goes
 *
 * Every element is computed as before, so no digit changes.
 */
import { dtypeInfo } from '../../base/dtype.js';
import { UNROLLED, windowElements, windowPositions } from '../ops/windows.js';
import type { Template, TemplateNode } from '../template.js';
import type { Position, TemplateEmitter } from '../template-emitter.js';

/** Parts, each of which has all ops of its own in one kernel. */
const MOST_PARTS = 4;
/** Ops that one part is made with. */
const MOST_OPS = UNROLLED;

/**
 * An op of elements as the interleaving of that op's parts; null where no operand is an interleaving.
 *
 * @param isOwn whether a node of the emitter is there for its one reader only
 */
export function pointwiseInParts(
  e: TemplateEmitter,
  n: TemplateNode,
  operands: readonly Position[],
  isOwn: (at: number) => boolean,
): Position | null {
  const whole = operands.find((x) => isInterleaving(e, x.at) && isOwn(x.at));
  if (whole === undefined || dtypeInfo[n.dtype].bytes > dtypeInfo[whole.dtype].bytes) return null;
  const { attributes: sizes, inputs: parts } = e.nodes[whole.at];
  if (parts.length > MOST_PARTS) return null;
  const others = operands.filter((x) => x.at !== whole.at);
  const ops = opsOf(e, [parts[0], ...others.map((x) => x.at)]);
  if (ops === null || ops >= MOST_OPS) return null;
  const tiles = { sizes, strides: sizes, dilations: sizes.map(() => 1) };
  const made = windowPositions(sizes).map((k, part) => {
    const own = operands.map((x) =>
      x.at === whole.at ? e.position(parts[part]) : windowElements(e, x, tiles, k),
    );
    return e.emit(n.op, own, n.attributes, own[0].shape, n.dtype);
  });
  return e.interleave(made, sizes);
}

function isInterleaving(e: TemplateEmitter, at: number): boolean {
  const { op, leaf, boundary } = e.nodes[at];
  return leaf < 0 && op.kind === 'interleave' && !boundary;
}

/** How many ops lie between some values and memory; null if random numbers or looked up elements are among them. */
function opsOf({ nodes }: Pick<Template, 'nodes'>, from: readonly number[]): number | null {
  const walked = new Set(from);
  let ops = 0;
  for (const at of walked) {
    const { op, inputs, leaf, argument } = nodes[at];
    if (leaf >= 0 || argument >= 0) continue;
    if (op.kind === 'random' || op.kind === 'gather') return null;
    if (op.kind !== 'elementwise' && op.kind !== 'movement') continue;
    if (op.kind === 'elementwise') ops++;
    for (const x of inputs) walked.add(x);
  }
  return ops;
}
