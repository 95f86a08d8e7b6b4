import { describe, expect, test } from 'vitest';
import { UsageError } from '../src/errors.js';
import { engineNames, readOptions, suiteNames } from '../src/options.js';

describe('readOptions', () => {
  test('without arguments runs every suite on every engine, seven rounds, without a peer', () => {
    expect(readOptions([])).toEqual({
      kind: 'run',
      options: {
        suites: suiteNames,
        engines: engineNames,
        threads: 1,
        peer: 'none',
        python: 'python3',
        rounds: 7,
      },
    });
  });

  test('takes lists, each name once', () => {
    expect(
      readOptions(['--suite', 'gemm, train,gemm', '--engine', 'wasm', '--json', 'x.json']),
    ).toMatchObject({
      options: { suites: ['gemm', 'train'], engines: ['wasm'], json: 'x.json' },
    });
  });

  test('--help asks for help', () => expect(readOptions(['--help'])).toEqual({ kind: 'help' }));

  test.each([
    [['--suite', 'gem'], /gem'/],
    [['--engine', 'reference'], /native, wasm/],
    [['--peer', 'numpy'], /none, torch/],
    [['--rounds', '3'], /7 or more, got '3'/],
    [['--rounds', 'x'], /integer/],
    [['--threads', '2'], /one thread/],
    [['--json', ''], /name of a file/],
    [['--fast'], /--fast/],
    [['gemm'], /gemm/],
  ])('%j is refused', (args, message) => {
    expect(() => readOptions(args)).toThrow(UsageError);
    expect(() => readOptions(args)).toThrow(message);
  });
});
