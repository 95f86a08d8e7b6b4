/** Nodes in the order in which they were made, which is topological: a node is younger than its inputs. */
import type { Node } from './node.js';

/** Numbers of nodes for each that is wanted: beyond that, most places of a table by number would be empty. */
const MOST_NUMBERS_A_NODE = 8;

/** Sorts in place. Those of one graph were made one after another, and what their numbers say needs no comparing. */
export function sortByCreation(nodes: Node[]): void {
  if (nodes.length < 2) return;
  let least = Infinity;
  let most = 0;
  for (let i = 0; i < nodes.length; i++) {
    const { id } = nodes[i];
    if (id < least) least = id;
    if (id > most) most = id;
  }
  if (most - least >= MOST_NUMBERS_A_NODE * nodes.length) {
    nodes.sort((a, b) => a.id - b.id);
    return;
  }
  const byNumber: (Node | null)[] = new Array(most - least + 1).fill(null);
  for (let i = 0; i < nodes.length; i++) byNumber[nodes[i].id - least] = nodes[i];
  let at = 0;
  for (let i = 0; i < byNumber.length; i++) {
    const node = byNumber[i];
    if (node !== null) nodes[at++] = node;
  }
}
