import { describe, expect, test } from 'vitest';
import { help, readOptions } from '../../src/mnist/options.js';

describe('npm start -- options', () => {
  test('defaults', () => {
    expect(readOptions([])).toEqual({
      kind: 'train',
      options: { kind: 'start', epochs: 3, batchSize: 128, lr: 0.002, seed: 1, checkpointEvery: 100 },
    });
  });

  test('every option of a new run', () => {
    const text =
      '--epochs 2 --batch-size=64 --lr 3e-4 --seed 0 --limit 2000 --engine wasm --losses out.jsonl --out here ' +
      '--checkpoint-every 7';
    expect(readOptions(text.split(' '))).toEqual({
      kind: 'train',
      options: {
        kind: 'start',
        epochs: 2,
        batchSize: 64,
        lr: 3e-4,
        seed: 0,
        limit: 2000,
        engine: 'wasm',
        losses: 'out.jsonl',
        out: 'here',
        checkpointEvery: 7,
      },
    });
  });

  test('--quick is few images, and gives way to what is said', () => {
    expect(readOptions(['--quick'])).toMatchObject({ options: { epochs: 2, limit: 4000 } });
    expect(readOptions(['--quick', '--epochs', '1'])).toMatchObject({ options: { epochs: 1, limit: 4000 } });
  });

  test('--resume keeps apart what was given besides', () => {
    expect(readOptions('--resume run --lr 0.1 --engine wasm --checkpoint-every 5'.split(' '))).toEqual({
      kind: 'train',
      options: { kind: 'resume', dir: 'run', given: { lr: 0.1, engine: 'wasm' }, checkpointEvery: 5 },
    });
  });

  test('--help lists every option', () => {
    expect(readOptions(['--help'])).toEqual({ kind: 'exit', code: 0, text: help });
    const names =
      'epochs batch-size lr seed limit quick engine out checkpoint-every resume losses help'.split(' ');
    for (const name of names) expect(help).toContain(`  --${name} `);
  });

  test.each([
    ['--limit 0', "--limit must be an integer, 1 or more; got '0'"],
    ['--limit=-5', "--limit must be an integer, 1 or more; got '-5'"],
    ['--limit -5', '--limit'],
    ['--limit ten', "got 'ten'"],
    ['--limit 1e3', "got '1e3'"],
    ['--limit=', "got ''"],
    ['--epochs 0', '--epochs must be an integer, 1 or more'],
    ['--epochs 1.5', "got '1.5'"],
    ['--epochs 99999999999999999999', '--epochs must be an integer'],
    ['--batch-size 0', '--batch-size must be an integer, 1 or more'],
    ['--lr 0', "--lr must be a number above 0; got '0'"],
    ['--lr fast', "got 'fast'"],
    ['--lr NaN', "got 'NaN'"],
    ['--lr Infinity', "got 'Infinity'"],
    ['--lr=', "got ''"],
    ['--seed=-1', '--seed must be an integer, 0 or more'],
    ['--engine gpu', "--engine must be one of native, wasm, reference; got 'gpu'"],
    ['--losses=', '--losses needs the name of a file'],
    ['--out=', '--out needs the name of a folder'],
    ['--resume=', '--resume needs the name of the folder of a run'],
    ['--checkpoint-every 0', '--checkpoint-every must be an integer, 1 or more'],
    ['--resume run --out other', 'leave out --out'],
    ['--resume run --quick', 'leave out --quick'],
    ['--quick=yes', '--quick'],
    ['--epoch 3', "Unknown option '--epoch'"],
    ['3', 'Unexpected argument'],
    ['--epochs', '--epochs'],
  ])('refuses %s', (text, message) => {
    const command = readOptions(text.split(' '));
    expect(command).toMatchObject({ kind: 'exit', code: 2 });
    expect(command).toHaveProperty('text', expect.stringContaining(message));
    expect(command).toHaveProperty('text', expect.stringContaining('npm start -- --help'));
  });
});
