/** What a plan is made of comes back from its key. */
import { expect, test } from 'vitest';
import { capture, keptKey, printTemplate, templateOf, verifyTemplate } from '../../src/graph/template.js';
import { type Tensor, tensor, where } from '../../src/index.js';
import { onEveryEngine } from '../support/engines.js';

const captured = (t: Tensor) => capture([{ node: t.value.node, into: null }]);

onEveryEngine('the key of a graph', ({ run }) => {
  test.each<[string, () => Tensor, string]>([
    ['numbers', () => tensor([1, 2], { dtype: 'float64' }).mul(0.1).add(-1e300).pow(3), 'float64[2]'],
    [
      'views',
      () =>
        tensor([[1, 2, 3]])
          .t()
          .narrow(0, 1, 2)
          .flip(0)
          .exp(),
      'float32[2, 1]',
    ],
    ['several dtypes', () => where(tensor([true, false]), tensor([1, 2]), tensor([3n, 4n])), 'bool[2]'],
    ['no numbers at all', () => tensor(2).exp(), 'float32[]'],
  ])('keeps %s', (_, make, part) => {
    run(() => {
      const graph = captured(make());
      const text = printTemplate(templateOf(graph));
      expect(text).toContain(part);
      const kept = keptKey(graph);
      captured(tensor([[5, 6]]).matmul(tensor([[7], [8]])));
      const again = templateOf(kept);
      verifyTemplate(again);
      expect(printTemplate(again)).toBe(text);
      again.nodes.forEach((n, i) => {
        const node = graph.nodes[i];
        expect([n.dtype, n.shape]).toEqual([node.dtype, node.shape]);
        if (node.buffer === null && node.op.name !== 'argument')
          expect([n.op, n.attributes, n.inputs.length]).toEqual([
            node.op,
            node.attributes,
            node.inputs.length,
          ]);
      });
    });
  });
});

test('a key outlives the next capture', () => {
  const key = [3, 1e300, 2 ** 31, 7];
  const kept = keptKey({ key, keyLength: 3 });
  key.fill(0);
  expect(Array.from(kept.key)).toEqual([3, 1e300, 2 ** 31]);
});
