import { describe, expect, test } from 'vitest';
import { InternTable } from '../../src/graph/intern-table.js';
import type { Node } from '../../src/graph/node.js';
import { PendingGraph } from '../../src/graph/node.js';

/** A recurrence, whose nodes have ids that follow one another. */
function chain(graph: PendingGraph, start: Node, length: number): Node[] {
  const made: Node[] = [];
  for (let node = start; made.length < length; made.push(node))
    node = graph.node('add', [graph.node('sin', [node], [], [16], 'float32'), start], [], [16], 'float32');
  return made;
}

function lengthOf(chain: Node | null): number {
  let length = 0;
  for (let n = chain; n !== null; n = n.next) length++;
  return length;
}

describe('InternTable', () => {
  test('finds nodes again however many there are', () => {
    const graph = new PendingGraph('test');
    const start = graph.parameter([16], 'float32');
    expect(chain(graph, start, 30_000)).toEqual(chain(graph, start, 30_000));
    expect(graph.nodes).toBe(60_000);
    graph.reset();
    expect(graph.nodes).toBe(0);
  });

  test('keeps chains short in large graphs', () => {
    const table = new InternTable();
    const graph = new PendingGraph('test');
    const hashes = Array.from({ length: 100_000 }, (_, i) => Math.imul(i, 0x01000193));
    for (const hash of hashes) table.add(graph.parameter([], 'float32'), hash);
    const looked = hashes.reduce((sum, hash) => sum + lengthOf(table.at(hash)), 0);
    expect(looked / hashes.length).toBeLessThan(3);
  });

  test('tells hashes apart that differ in their upper half only', () => {
    const table = new InternTable();
    const graph = new PendingGraph('test');
    for (let i = 0; i < 4000; i++) table.add(graph.parameter([], 'float32'), i << 16);
    expect(lengthOf(table.at(7 << 16))).toBeLessThan(5);
  });

  test('is empty after it was cleared, and holds on to no node', () => {
    const table = new InternTable();
    const graph = new PendingGraph('test');
    const nodes = Array.from({ length: 10_000 }, () => graph.parameter([], 'float32'));
    for (const [i, node] of nodes.entries()) table.add(node, i);
    table.clear();
    for (const [i, node] of nodes.entries()) {
      expect(table.at(i)).toBeNull();
      expect(node.next).toBeNull();
    }
    table.add(nodes[5], 5);
    expect(table.at(5)).toBe(nodes[5]);
  });
});
