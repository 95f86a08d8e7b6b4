/** Runs a captured graph piece by piece, where a plan for the whole would cost more than it gains. */
import { InternalError } from '../base/errors.js';
import { Buffer } from '../graph/buffer.js';
import type { Node } from '../graph/node.js';
import { piecesOf } from '../graph/pieces.js';
import type { CapturedGraph } from '../graph/template.js';
import { capture } from '../graph/template.js';
import { MemoryRange } from '../runtime/device.js';

/** What running in steps needs of an engine. */
export interface StepEngine {
  /** Runs a graph; says whether kernels may have noted an error. `settle` is told where each value that was written is. */
  run(captured: CapturedGraph, settle: (node: Node, buffer: Buffer) => void): boolean;
  release(buffer: Buffer): void;
}

/** Whether kernels may have noted an error. Values are written as a plan for the whole graph would, and no others stay. */
export function runInSteps(graph: CapturedGraph, engine: StepEngine): boolean {
  const wanted = new Set(graph.roots.map(({ node }) => node));
  /** Values that are in memory for the time being: they can be computed again. */
  const passing = new Map<Node, Buffer>();
  const hold = (node: Node, buffer: Buffer): void => {
    node.buffer = buffer;
    node.version = buffer.version;
    passing.set(node, buffer);
  };
  const letGo = (node: Node): void => {
    const buffer = passing.get(node);
    if (buffer === undefined) return;
    passing.delete(node);
    node.buffer = null;
    if (!(buffer.memory instanceof MemoryRange)) engine.release(buffer);
  };
  const settle = (node: Node, buffer: Buffer): void => {
    if (node.handle || node.boundary || wanted.has(node)) node.settle(buffer);
    else hold(node, buffer);
  };
  let usesStatus = false;
  try {
    for (const { node, into, range, done } of piecesOf(graph)) {
      if (range !== null) {
        const base = range.node.buffer;
        if (base === null) throw new InternalError('a range of a value that is not in memory');
        hold(node, new Buffer(new MemoryRange(base.memory, range.byteOffset, Math.max(node.bytes, 1))));
      } else if (node.buffer === null) {
        const results = node.projections.filter((result) => wanted.has(result) && result.buffer === null);
        const roots = [{ node, into }, ...results.map((result) => ({ node: result, into: null }))];
        usesStatus = engine.run(capture(roots), settle) || usesStatus;
      }
      for (const read of done) letGo(read);
    }
  } finally {
    for (const node of [...passing.keys()]) letGo(node);
  }
  return usesStatus;
}
