import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sortByCreation } from '../../src/graph/creation-order.js';
import { PendingGraph } from '../../src/graph/node.js';

describe('sortByCreation', () => {
  test('puts nodes into the order of their making, whichever of a graph they are', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 40 }), fc.nat(), (gaps, seed) => {
        const graph = new PendingGraph('test');
        const made = gaps.map((gap) => {
          for (let i = 0; i < gap; i++) graph.parameter([], 'float32');
          return graph.parameter([], 'float32');
        });
        const shuffled = made
          .map((node, i) => ({ node, at: Math.imul(i + 1, seed | 1) }))
          .sort((a, b) => a.at - b.at)
          .map(({ node }) => node);
        sortByCreation(shuffled);
        expect(shuffled.map(({ id }) => id)).toEqual(made.map(({ id }) => id));
      }),
    );
  });
});
