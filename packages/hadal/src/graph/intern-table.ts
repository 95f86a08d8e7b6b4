/** Where a pending graph finds a node that it has made before. */
import type { Node } from './node.js';

/** A power of two; pending graphs of more nodes are rare. */
const CHAINS = 4096;

/**
 * Chains of nodes by hash. Not a Map: the table that a Map has cleared or outgrown still refers to what was in it until V8 next goes
 * over its old generation, and keeps the memory of every value of a step until then.
 */
export class InternTable {
  readonly #chains: (Node | null)[] = new Array<Node | null>(CHAINS).fill(null);
  readonly #used: number[] = [];

  at(hash: number): Node | null {
    return this.#chains[hash & (CHAINS - 1)];
  }

  put(hash: number, chain: Node): void {
    const place = hash & (CHAINS - 1);
    if (this.#chains[place] === null) this.#used.push(place);
    this.#chains[place] = chain;
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
    this.#used.length = 0;
  }
}
