/**
 * Updates in place of a part that lies together in memory: to assign to a row, or to a token's place in a list. Where nothing else that runs
 * reads that memory, the run writes a range of it and knows no more than that, so one plan serves all positions.
 */
import { bitsNumber, halves } from '../base/attributes.js';
import { InternalError } from '../base/errors.js';
import { numel } from '../base/shape.js';
import { Buffer } from '../graph/buffer.js';
import type { Node } from '../graph/node.js';
import { bytesBefore } from '../graph/slice-bytes.js';
import type { Root } from '../graph/template.js';
import { MemoryRange } from '../runtime/device.js';

/** What becomes of some roots: those to run, and those of them that write a range of another value's memory. */
export interface RangedRoots {
  readonly roots: readonly Root[];
  readonly ranges: readonly RangeUpdate[];
}

export interface RangeUpdate {
  /** The value that the memory holds afterwards. */
  readonly whole: Node;
  readonly buffer: Buffer;
  /** What the range holds, and the memory that is to hold it. */
  readonly root: Root;
}

interface Replacement {
  readonly part: Node;
  readonly byteOffset: number;
}

interface Candidate extends Replacement {
  readonly root: Root;
  readonly buffer: Buffer;
}

const NONE: readonly RangeUpdate[] = [];

function isOnes({ op, buffer, inputs, attributes }: Node): boolean {
  if (buffer !== null) return false;
  if (op.name === 'reshape' || op.name === 'expand') return isOnes(inputs[0]);
  return op.name === 'constant' && bitsNumber(attributes[0], attributes[1]) === 1;
}

function withoutReshapes(node: Node): Node {
  let n = node;
  while (n.buffer === null && n.op.name === 'reshape') n = n.inputs[0];
  return n;
}

/** The part of `base` that a node replaces, if it lies together; see `replaceThrough`. */
function replacement(node: Node, base: Node): Replacement | null {
  const n = withoutReshapes(node);
  if (n.buffer !== null || n.op.name !== 'where') return null;
  const [inside, spread, rest] = n.inputs;
  if (withoutReshapes(rest) !== base || inside.op.name !== 'pad' || spread.op.name !== 'pad') return null;
  if (inside.buffer !== null || spread.buffer !== null || !isOnes(inside.inputs[0])) return null;
  const { attributes } = inside;
  if (spread.attributes.some((a, i) => a !== attributes[i])) return null;
  const [part] = spread.inputs;
  const [starts, between] = halves(attributes);
  if (numel(part.shape) === 0 || numel(part.shape) === numel(n.shape)) return null;
  if (part.shape.some((size, d) => starts[d] < 0 || starts[d] + (size - 1) * (between[d] + 1) >= n.shape[d]))
    return null;
  const steps = between.map((count) => count + 1);
  const byteOffset = bytesBefore(n, starts, steps, part.shape);
  return byteOffset === null ? null : { part, byteOffset };
}

/** Those candidates whose memory, old or new, nothing else reads. */
function unread(roots: readonly Root[], candidates: ReadonlyMap<Node, Candidate>): Map<Node, Candidate> {
  const left = new Map(candidates);
  const byBuffer = new Map([...candidates.values()].map((c) => [c.buffer, c]));
  const walked = new Set<Node>();
  for (const { node } of roots) walked.add(left.get(node)?.part ?? node);
  const drop = ({ root, buffer }: Candidate): void => {
    left.delete(root.node);
    byBuffer.delete(buffer);
    walked.add(root.node);
    for (const input of root.node.inputs) walked.add(input);
  };
  for (const node of walked) {
    const read = node.buffer === null ? left.get(node) : byBuffer.get(node.buffer);
    if (read !== undefined) drop(read);
    for (const input of node.inputs) walked.add(input);
    for (const result of node.projections) walked.add(result);
  }
  return left;
}

/** Turns roots that replace a part of memory into such that write the part. */
export function rangedRoots(roots: readonly Root[]): RangedRoots {
  const candidates = new Map<Node, Candidate>();
  for (const root of roots) {
    const { node, into } = root;
    if (into?.buffer == null) continue;
    const replaced = replacement(node, into);
    if (replaced !== null) candidates.set(node, { ...replaced, root, buffer: into.buffer });
  }
  if (candidates.size === 0) return { roots, ranges: NONE };
  const ranged = unread(roots, candidates);
  const ranges: RangeUpdate[] = [];
  const all = roots.map((root) => {
    const candidate = ranged.get(root.node);
    if (candidate === undefined) return root;
    const { part, buffer, byteOffset } = candidate;
    const range = new Buffer(new MemoryRange(buffer.memory, byteOffset, part.bytes));
    const written: Root = {
      node: part.home.copyOf(part),
      into: part.home.leaf(range, part.shape, part.dtype),
    };
    ranges.push({ whole: root.node, buffer, root: written });
    return written;
  });
  return { roots: all, ranges };
}

/** The range is written: its memory holds the new value. */
export function settleRange({ whole, buffer, root }: RangeUpdate): void {
  if (root.node.buffer === null || root.node.buffer !== root.into?.buffer)
    throw new InternalError('a part was not written where it belongs');
  buffer.version++;
  whole.settle(buffer);
}
