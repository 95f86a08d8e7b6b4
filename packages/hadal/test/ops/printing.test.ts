/** How tensors are printed: as PyTorch does, and without ever throwing. */
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { autograd, fromTypedArray, noGrad, ones, tensor } from '../../src/index.js';
import { readFixture } from '../support/fixtures.js';
import { decode, type Plain } from '../support/plain.js';

interface Printed extends Plain {
  readonly text: string;
}

describe('printing', () => {
  const cases = readFixture('printing') as readonly Printed[];
  test.each(
    cases.map((c) => [`${c.dtype}[${c.shape.join(', ')}] ${c.data.slice(0, 4).join(', ')}`, c] as const),
  )('%s', (_, c) => {
    expect(fromTypedArray(decode(c), c.shape, { dtype: c.dtype }).toString()).toBe(c.text);
  });

  test('says where a tensor stands on the tape', () => {
    const x = ones([2], { requiresGrad: true });
    expect(`${x}`).toBe('tensor([1., 1.], requiresGrad=true)');
    expect(`${x.mul(2)}`).toBe('tensor([2., 2.], gradFn=<MulBackward>)');
    expect(`${x.detach()}`).toBe('tensor([1., 1.])');
  });

  test('is what console.log shows', () => {
    expect(inspect({ x: tensor([1, 2]) })).toBe('{ x: tensor([1., 2.]) }');
  });

  test('shows what a tensor is where its value is gone', () => {
    const x = ones([3]);
    const fused = x.mul(2);
    fused.add(1).dataSync();
    x.add_(1).dataSync();
    const shown = `${fused}`;
    // Whether the value was fused away is the compiler's choice; either way there is something to see.
    expect(shown).toMatch(
      /^tensor\((\[2\., 2\., 2\.\]|\.\.\., shape=\[3\], dtype=float32, device=\w+: .*keep\(\).*)\)$/s,
    );
  });

  test('shows why a position is out of range', () => {
    const wrong = ones([3]).index(tensor([5n]));
    expect(`${wrong}`).toMatch(
      /^tensor\(\.\.\., shape=\[1\], dtype=float32, device=\w+: .*index 5 is out of range/,
    );
  });

  test('keeps the tape as it is', () => {
    const x = tensor(3, { requiresGrad: true });
    const y = x.mul(x);
    expect(`${y}`).toContain('9.');
    expect(autograd.grad([y], [x])[0].itemSync()).toBe(6);
    noGrad(() => expect(`${x.mul(x)}`).toBe('tensor(9.)'));
  });
});
