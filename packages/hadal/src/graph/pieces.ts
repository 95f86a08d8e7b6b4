/**
 * A captured graph cut into pieces that are planned and run one after another. A piece ends in a value that several others read, or
 * that is wanted itself; what only one reads belongs to its reader. Where a program repeats itself, as a loop over time does,
 * so do its pieces, however often: their plans are there already when the whole was never seen. Numbers come out the same.
 */
import { numel } from '../base/shape.js';
import type { Buffer } from './buffer.js';
import type { Node } from './node.js';
import { bytesIntoInput } from './slice-bytes.js';
import type { CapturedGraph } from './template.js';

/** Of other memory, from a byte on: nothing has to run for it. */
export interface RangeOf {
  readonly node: Node;
  readonly byteOffset: number;
}

export interface Piece {
  /** What it computes. */
  readonly node: Node;
  /** The node whose buffer the value replaces in place. */
  readonly into: Node | null;
  readonly range: RangeOf | null;
  /** What no later piece reads. */
  readonly done: readonly Node[];
}

/** More ops are no piece: chains of any length would be pieces of any length, and none like another. */
const MOST_OPS = 20;

/** Larger values that a Tensor stands for are computed again if somebody reads them, or gone if what they rest on is overwritten. */
const MOST_KEPT_BYTES = 2 ** 16;

const NONE: readonly Node[] = [];

/** Ops whose kernels take what is done to their results, but are no part of another's. */
const heavy: ReadonlySet<string> = new Set([
  'dot',
  'conv',
  'pool',
  'scan',
  'sort',
  'scatter',
  'attention',
  'host',
  'region',
]);

/** The pieces in the order in which they are to run; of a graph that was just captured, so that its nodes know their positions. */
export function piecesOf({ nodes, roots }: CapturedGraph): Piece[] {
  const count = nodes.length;

  const uses = new Uint32Array(count);
  const reader = new Int32Array(count).fill(-1);
  const isHeavy = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const { buffer, inputs, op } = nodes[i];
    if (buffer !== null) continue;
    if (heavy.has(op.kind)) isHeavy[i] = 1;
    for (let n = 0; n < inputs.length; n++) {
      const k = inputs[n].position;
      uses[k]++;
      reader[k] = i;
    }
  }

  const into = new Map<Node, Node>();
  const written = new Set<Buffer>();
  const isWanted = new Uint8Array(count);
  for (const root of roots) {
    isWanted[root.node.position] = 1;
    if (root.into?.buffer == null) continue;
    into.set(root.node, root.into);
    written.add(root.into.buffer);
  }

  /** Whether a node is in memory of its own after its piece has run. */
  const ends = new Uint8Array(count);
  const ranges: (RangeOf | null)[] = new Array(count).fill(null);
  /** Made of numbers alone: each reader makes it again. */
  const isSource = new Uint8Array(count);
  const inMemory = (i: number): boolean => nodes[i].buffer !== null || ends[i] === 1 || ranges[i] !== null;
  const overwritten = (i: number): boolean => {
    const { buffer } = ranges[i]?.node ?? nodes[i];
    return buffer !== null && written.has(buffer);
  };
  /** Of the piece that a node is a part of, up to it: how many ops compute something, how many of them are heavy, and the last. */
  const ops = new Uint32Array(count);
  const heavies = new Uint32Array(count);
  const under = new Int32Array(count).fill(-1);
  const rangeOf = (i: number): RangeOf | null => {
    const [input] = nodes[i].inputs;
    const k = input.position;
    if (numel(nodes[i].shape) === 0 || !inMemory(k) || overwritten(k)) return null;
    const bytes = bytesIntoInput(nodes[i]);
    if (bytes === null) return null;
    const outer = ranges[k];
    return outer === null
      ? { node: input, byteOffset: bytes }
      : { node: outer.node, byteOffset: outer.byteOffset + bytes };
  };

  /**
   * Ends the pieces below an input: they are not part of the one that the input belongs to. Of views on the way down those that lie
   * together are ranges now.
   */
  const endBelow = (i: number): void => {
    ops[i] = 0;
    heavies[i] = 0;
    if (under[i] < 0) return;
    ends[under[i]] = 1;
    const views: number[] = [];
    for (let k = i; !inMemory(k); k = nodes[k].inputs[0].position) views.push(k);
    for (let k = views.pop(); k !== undefined; k = views.pop()) {
      ranges[k] = rangeOf(k);
      if (ranges[k] === null) return;
    }
  };
  /** Positions of a node's inputs that are not in memory. */
  const open: number[] = [];

  /** Whether it is computed from memory that is overwritten. */
  const rests = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const node = nodes[i];
    const { kind } = node.op;
    if (node.buffer !== null) {
      rests[i] = written.has(node.buffer) ? 1 : 0;
      continue;
    }
    const { inputs } = node;
    for (let n = 0; n < inputs.length; n++) if (rests[inputs[n].position] === 1) rests[i] = 1;
    // Gradients are written; and what could not be had again, where it is small.
    const isKept = rests[i] === 1 && node.handle && node.isHeld && node.bytes <= MOST_KEPT_BYTES;
    if (node.boundary || isKept) isWanted[i] = 1;
    if (kind === 'source') {
      isSource[i] = 1;
      ends[i] = isWanted[i];
      continue;
    }
    if (isWanted[i] === 0 && kind === 'movement') {
      ranges[i] = rangeOf(i);
      if (ranges[i] !== null) continue;
    }
    open.length = 0;
    let isMade = kind === 'movement' || kind === 'elementwise';
    // One heavy op a piece, and what is done to its result.
    let own = -1;
    let heavyOps = isHeavy[i];
    for (let n = 0; n < inputs.length; n++) {
      const k = inputs[n].position;
      if (isSource[k] === 0) isMade = false;
      if (inMemory(k)) {
        isMade = false;
        continue;
      }
      open.push(k);
      heavyOps += heavies[k];
      if (isHeavy[i] === 0 && under[k] >= 0 && isHeavy[under[k]] === 1) own = k;
    }
    if (heavyOps > 1) for (const k of open) if (k !== own && heavies[k] > 0) endBelow(k);
    // Parts that are put together lie apart before.
    if (node.op.name === 'pad') for (const k of open) endBelow(k);
    let total = 1;
    for (const k of open) total += ops[k];
    if (total > MOST_OPS) {
      for (const k of open) if (k !== own) endBelow(k);
      total = 1;
      for (const k of open) total += ops[k];
    }
    isSource[i] = isMade ? 1 : 0;
    ops[i] = kind === 'movement' || isMade ? total - 1 : total;
    heavies[i] = isHeavy[i];
    for (const k of open) heavies[i] += heavies[k];
    if (isWanted[i] === 1) ends[i] = 1;
    else if (kind === 'movement') under[i] = open.length > 0 ? under[open[0]] : -1;
    else if (isSource[i] === 0) {
      under[i] = i;
      const isShared = uses[i] !== 1 || node.projections.length > 0 || kind === 'result' || kind === 'random';
      const next = isShared ? null : nodes[reader[i]].op.kind;
      ends[i] = next !== null && (isHeavy[i] === 0 || next === 'elementwise' || next === 'movement') ? 0 : 1;
    }
  }

  // The last piece that reads each node, by itself, through nodes that are part of the piece, or as a range.
  const last = new Int32Array(count).fill(-1);
  for (let i = count - 1; i >= 0; i--) {
    if (nodes[i].buffer !== null) continue;
    const piece = ends[i] === 1 ? i : last[i];
    const range = ranges[i];
    if (range !== null) {
      const k = range.node.position;
      if (piece > last[k]) last[k] = piece;
      continue;
    }
    const { inputs } = nodes[i];
    for (let n = 0; n < inputs.length; n++) {
      const k = inputs[n].position;
      if (piece > last[k]) last[k] = piece;
    }
  }
  const readUntil = new Map<Buffer, number>();
  for (let i = 0; i < count; i++) {
    const { buffer } = nodes[i];
    if (buffer !== null && written.has(buffer))
      readUntil.set(buffer, Math.max(readUntil.get(buffer) ?? -1, last[i]));
  }
  const done: (Node[] | undefined)[] = new Array(count);
  for (let i = 0; i < count; i++) {
    if (nodes[i].buffer !== null || isWanted[i] === 1 || last[i] < 0 || !inMemory(i)) continue;
    const list = done[last[i]];
    if (list === undefined) done[last[i]] = [nodes[i]];
    else list.push(nodes[i]);
  }

  const pieces: Piece[] = [];
  for (let i = 0; i < count; i++) {
    const node = nodes[i];
    if (ends[i] === 0 && ranges[i] === null) continue;
    const target = into.get(node) ?? null;
    // Whoever reads what is to be overwritten comes first, or else it is not overwritten.
    const isFree = target?.buffer != null && (readUntil.get(target.buffer) ?? -1) <= i;
    pieces.push({ node, into: isFree ? target : null, range: ranges[i], done: done[i] ?? NONE });
  }
  return pieces;
}
