/** Where a pending graph finds a node that it has made before. */
import type { Node } from './node.js';

/** Chains there are to begin with, and again after each run; powers of two. */
const CHAINS = 4096;

/** Times as many chains when there is more than a node for each. */
const GROWTH = 8;

const noChains = (count: number): (Node | null)[] => new Array<Node | null>(count).fill(null);

/** Multiplying carries upwards only; the lowest bits choose the chain. */
const mixed = (hash: number): number => hash ^ (hash >>> 16);

/**
 * Chains of nodes by hash. Not a Map: the table that a Map has cleared or outgrown still refers to what was in it until V8 next goes
 * over its old generation, and keeps the memory of every value of a step until then. Chains that are outgrown are emptied for the same
 * reason.
 */
export class InternTable {
  readonly #first = noChains(CHAINS);
  #chains = this.#first;
  #used: number[] = [];
  #size = 0;

  /** The nodes that may have this hash, linked by `next`. */
  at(hash: number): Node | null {
    return this.#chains[mixed(hash) & (this.#chains.length - 1)];
  }

  add(node: Node, hash: number): void {
    if (this.#size >= this.#chains.length) this.#grow();
    this.#size++;
    node.hash = hash;
    this.#link(node);
  }

  clear(): void {
    for (const place of this.#used) {
      for (let n = this.#chains[place]; n !== null; ) {
        const { next } = n;
        n.next = null;
        n = next;
      }
      this.#chains[place] = null;
    }
    this.#chains = this.#first;
    this.#used.length = 0;
    this.#size = 0;
  }

  #link(node: Node): void {
    const place = mixed(node.hash) & (this.#chains.length - 1);
    const before = this.#chains[place];
    if (before === null) this.#used.push(place);
    node.next = before;
    this.#chains[place] = node;
  }

  #grow(): void {
    const [outgrown, used] = [this.#chains, this.#used];
    this.#chains = noChains(GROWTH * outgrown.length);
    this.#used = [];
    for (const place of used) {
      for (let n = outgrown[place]; n !== null; ) {
        const { next } = n;
        this.#link(n);
        n = next;
      }
      outgrown[place] = null;
    }
  }
}
