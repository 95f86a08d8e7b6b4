import { describe, expect, test } from 'vitest';
import { help, readOptions } from '../src/options.js';

describe('npm start -- options', () => {
  test('defaults', () => {
    expect(readOptions([])).toEqual({
      kind: 'train',
      options: { epochs: 4, batchSize: 128, lr: 0.002, seed: 1 },
    });
  });

  test('every option', () => {
    const text =
      '--epochs 2 --batch-size=64 --lr 3e-4 --seed 0 --limit 2000 --engine wasm --losses out.jsonl';
    expect(readOptions(text.split(' '))).toEqual({
      kind: 'train',
      options: {
        epochs: 2,
        batchSize: 64,
        lr: 3e-4,
        seed: 0,
        limit: 2000,
        engine: 'wasm',
        losses: 'out.jsonl',
      },
    });
  });

  test('--help lists every option', () => {
    expect(readOptions(['--help'])).toEqual({ kind: 'exit', code: 0, text: help });
    for (const name of ['epochs', 'batch-size', 'lr', 'seed', 'limit', 'engine', 'losses', 'help']) {
      expect(help).toContain(`  --${name} `);
    }
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
