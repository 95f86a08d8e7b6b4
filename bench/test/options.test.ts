import { describe, expect, test } from 'vitest';
import { UsageError } from '../src/errors.js';
import { engineNames, readOptions, suiteNames } from '../src/options.js';
import { defaultFolder } from '../src/peer/installation.js';

describe('readOptions', () => {
  test('without arguments runs every suite on every engine, seven rounds, without a peer', () => {
    expect(readOptions([])).toEqual({
      kind: 'run',
      options: {
        suites: suiteNames,
        engines: engineNames,
        threads: 1,
        peers: [],
        peersFolder: defaultFolder,
        torchCompile: true,
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

  test('takes several peers, and where they are', () => {
    expect(
      readOptions(['--peer', 'torch,ort-wasm', '--peers', '/opt/peers', '--python', 'py']),
    ).toMatchObject({
      options: { peers: ['torch', 'ort-wasm'], peersFolder: '/opt/peers', python: 'py' },
    });
    expect(readOptions(['--peer', 'none'])).toMatchObject({ options: { peers: [] } });
  });

  test('--peer list asks what is installed', () =>
    expect(readOptions(['--peer', 'list'])).toEqual({ kind: 'peers', peersFolder: defaultFolder }));

  test('--help asks for help', () => expect(readOptions(['--help'])).toEqual({ kind: 'help' }));

  test.each([
    [['--suite', 'gem'], /gem'/],
    [['--engine', 'reference'], /native, wasm/],
    [['--peer', 'numpy'], /torch, tfjs-wasm, jaxjs-wasm, ort-wasm/],
    [['--rounds', '3'], /7 or more, got '3'/],
    [['--rounds', 'x'], /integer/],
    [['--threads', '0'], /1 or more/],
    [['--json', ''], /name of a file/],
    [['--fast'], /--fast/],
    [['gemm'], /gemm/],
  ])('%j is refused', (args, message) => {
    expect(() => readOptions(args)).toThrow(UsageError);
    expect(() => readOptions(args)).toThrow(message);
  });
});
