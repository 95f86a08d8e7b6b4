import { config } from 'hadal';
import { expect, test } from 'vitest';
import { setThreads } from '../src/threads.js';

test('setThreads tells hadal, and refuses more threads than there are processors', () => {
  setThreads(1);
  expect(config.numThreads).toBe(1);
  expect(() => setThreads(100_000)).toThrow(/processors, got 100000/);
  expect(config.numThreads).toBe(1);
});
