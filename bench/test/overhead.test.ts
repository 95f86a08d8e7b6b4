import { expect, test } from 'vitest';
import type { Result } from '../src/result.js';
import { linearity } from '../src/suites/overhead.js';

const chain = (length: number, minMs: number): Result => ({
  suite: 'overhead',
  case: `chain of ${length}`,
  engine: 'wasm',
  threads: 1,
  peer: 'none',
  ms: minMs,
  minMs,
});

test('linearity is an op of the longest chain over one of the shortest', () => {
  const result = linearity([chain(100, 0.002), chain(1000, 0.003), chain(10_000, 0.01)]);
  expect(result?.targets).toEqual([expect.objectContaining({ value: 5, bound: 2, is: 'most' })]);
});

test('linearity needs both chains', () => expect(linearity([chain(100, 1)])).toBeNull());
