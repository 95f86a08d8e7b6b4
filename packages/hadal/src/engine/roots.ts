/**
 * What a realise has to compute. JavaScript does not tell which tensors are still held, so that is all that somebody could read and that
 * is not computed on the way to something else.
 */
import type { Buffer } from '../graph/buffer.js';
import type { Node, PendingGraph } from '../graph/node.js';
import type { Root } from '../graph/template.js';

/** A value that takes over another's buffer: what an in-place update of a Storage asks for. */
export interface Assignable {
  /** The new value. */
  readonly node: Node;
  /** The settled node whose buffer may be overwritten, or null. */
  readonly target: Node | null;
  /** Called when the new value is in memory. */
  settled(): void;
}

/** The node whose buffer an update may write over, or null if somebody still needs what it holds. */
function freeTarget({ target }: Assignable, claimed: Set<Buffer>): Node | null {
  if (target === null || target.buffer === null || target.isStale) return null;
  // What the tape keeps for a gradient stays as it was.
  if (target.isHeld || claimed.has(target.buffer)) return null;
  claimed.add(target.buffer);
  return target;
}

/**
 * Tells values that are computed from memory, which may be overwritten, from those made of numbers alone, which can be had at any time.
 * Each node is looked at once, however many values are asked about.
 */
class MemoryBelow {
  /** Which memory it is about, all if null. */
  readonly #which: ReadonlySet<Buffer> | null;
  readonly #rests: number;
  readonly #apart: number;

  constructor(pending: PendingGraph, which: ReadonlySet<Buffer> | null) {
    this.#which = which;
    this.#rests = pending.newWalk();
    this.#apart = pending.newWalk();
  }

  #isFound(node: Node): boolean {
    if (node.mark === this.#rests) return true;
    return node.buffer !== null && (this.#which === null || this.#which.has(node.buffer));
  }

  /** Whether a value rests on that memory. */
  isUnder(node: Node): boolean {
    if (this.#isFound(node)) return true;
    if (node.mark === this.#apart) return false;
    // The way down to where the search is, and at each node on it the input that comes next.
    const way = [node];
    const next = [0];
    while (way.length > 0) {
      const last = way.length - 1;
      const { inputs } = way[last];
      if (next[last] === inputs.length) {
        way[last].mark = this.#apart;
        way.pop();
        next.pop();
        continue;
      }
      const input = inputs[next[last]++];
      if (this.#isFound(input)) {
        for (let i = 0; i < way.length; i++) way[i].mark = this.#rests;
        return true;
      }
      if (input.mark === this.#apart) continue;
      way.push(input);
      next.push(0);
    }
    return false;
  }
}

/** What people look at after a step: parts of a loss, norms, counts. To write it costs next to nothing. */
function isOneNumber({ shape }: Node): boolean {
  for (let d = 0; d < shape.length; d++) if (shape[d] !== 1) return false;
  return true;
}

/**
 * Updates in place with the buffers that they may overwrite, the nodes asked for, and everything else with a handle that nothing
 * consumes, or that is a single number which an update would take away. Values that nobody can read any more, since an update replaced them before they were computed, consume nothing: what
 * was made for them alone is computed as well if somebody can read it and it might be gone later.
 *
 * The nodes' counts of uses are no longer true afterwards: the pending graph is to be reset.
 */
export function rootsOf(wanted: readonly Node[], dirty: Iterable<Assignable>, pending: PendingGraph): Root[] {
  const roots: Root[] = [];
  const seen = new Set<Node>();
  const claimed = new Set<Buffer>();
  const add = (node: Node): void => {
    if (node.buffer !== null || seen.has(node)) return;
    seen.add(node);
    roots.push({ node, into: null });
  };
  for (const update of dirty) {
    const { node } = update;
    if (node.buffer !== null || seen.has(node)) continue;
    seen.add(node);
    roots.push({ node, into: freeTarget(update, claimed) });
  }
  for (const node of wanted) add(node);

  const dead: Node[] = [];
  const bury = (node: Node): void => {
    if (seen.has(node)) return;
    seen.add(node);
    dead.push(node);
  };
  for (const node of pending.handles)
    if (node.uses === 0) {
      if (node.isHeld) add(node);
      else bury(node);
    }
  if (claimed.size > 0) {
    const overwritten = new MemoryBelow(pending, claimed);
    for (const node of pending.handles)
      if (node.uses > 0 && node.isHeld && isOneNumber(node) && overwritten.isUnder(node)) add(node);
  }
  if (dead.length === 0) return roots;

  const memory = new MemoryBelow(pending, null);
  for (let node = dead.pop(); node !== undefined; node = dead.pop())
    for (const input of node.inputs) {
      input.uses--;
      if (input.uses > 0 || input.buffer !== null) continue;
      if (!input.isHeld) bury(input);
      else if (memory.isUnder(input)) add(input);
    }
  return roots;
}
