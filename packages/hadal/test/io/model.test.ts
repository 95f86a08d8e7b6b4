import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { ArgumentError, FileError, FormatError } from '../../src/base/errors.js';
import { saveCheckpoint } from '../../src/io/checkpoint.js';
import { loadModel, type SaveModelOptions, saveModel } from '../../src/io/model.js';
import * as nn from '../../src/nn/index.js';
import { ones } from '../../src/tensor/index.js';

const root = mkdtempSync(join(tmpdir(), 'hadal-model-'));
afterAll(() => rmSync(root, { recursive: true }));
let dir = '';
let count = 0;
beforeEach(() => {
  dir = join(root, String(count++));
});

const network = () => new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU(), new nn.Linear(8, 2));
const input = { width: 2, height: 2, channels: 1, mean: [0.5], std: [0.25], invert: 'auto' } as const;

describe('saveModel and loadModel', () => {
  test('give back architecture, weights, input and classes', async () => {
    const net = network();
    await saveModel(dir, net, { input, classes: ['a', 'b'] });
    const { module, ...rest } = await loadModel(dir);
    expect(rest).toEqual({ input, classes: ['a', 'b'], weights: join(dir, 'model.safetensors'), step: null });
    expect(module.training).toBe(false);
    expect(module.forward(ones([3, 4])).tolistSync()).toEqual(
      net
        .eval()
        .forward(ones([3, 4]))
        .tolistSync(),
    );
    expect(JSON.parse(readFileSync(join(dir, 'model.json'), 'utf8'))).toMatchObject({
      format: 'hadal-model',
      version: 1,
      architecture: { type: 'Sequential' },
    });
  });

  test('take the weights of the newest checkpoint of a run', async () => {
    await saveModel(dir, network(), { weights: 'checkpoints' });
    await expect(loadModel(dir)).rejects.toThrow(FileError);
    await expect(loadModel(dir)).rejects.toThrow('there is no checkpoint yet');
    const [old, trained] = [network(), network()];
    await saveCheckpoint(dir, { step: 5, model: old.stateDict(), state: null });
    const path = await saveCheckpoint(dir, { step: 10, model: trained.stateDict(), state: null });
    const { module, step, weights } = await loadModel(dir);
    expect({ step, weights }).toEqual({ step: 10, weights: path });
    const x = ones([1, 4]);
    expect(module.forward(x).tolistSync()).toEqual(trained.eval().forward(x).tolistSync());
  });

  test.each<[SaveModelOptions, string]>([
    [{ input: { ...input, width: 0 } }, 'input.width and input.height are integers from 1'],
    [{ input: { ...input, channels: 2 as 1 } }, 'input.channels is 1 or 3, got 2'],
    [{ input: { ...input, mean: [1, 2] } }, 'input.mean is a list of 1 numbers, got [1,2]'],
    [{ input: { ...input, std: [0] } }, 'input.std is above 0, got [0]'],
    [{ input: { ...input, invert: 'yes' as 'auto' } }, 'input.invert is true, false or "auto"'],
    [{ classes: [] }, 'classes is a list of names, got []'],
  ])('saveModel refuses %j', async (options, message) => {
    await expect(saveModel(dir, network(), options)).rejects.toThrow(ArgumentError);
    await expect(saveModel(dir, network(), options)).rejects.toThrow(message);
  });

  test.each<[string, (json: Record<string, unknown>) => unknown, RegExp]>([
    ['no object', () => 3, /expected format "hadal-model", found 3/],
    ['another format', (json) => ({ ...json, format: 'x' }), /expected format "hadal-model", found "x"/],
    ['a newer version', (json) => ({ ...json, version: 2 }), /expected version 1 .* found 2/],
    [
      'no architecture',
      ({ architecture: _, ...json }) => json,
      /expected architecture to be an object, found nothing/,
    ],
    [
      'weights elsewhere',
      (json) => ({ ...json, weights: '../../x' }),
      /expected weights to be "checkpoints" or/,
    ],
    ['a wrong input', (json) => ({ ...json, input: { width: 1 } }), /input.width and input.height/],
    ['wrong classes', (json) => ({ ...json, classes: 'abc' }), /classes is a list of names, got "abc"/],
    ['an unknown layer', (json) => ({ ...json, architecture: { type: 'Nothing', config: {} } }), /Nothing/],
    [
      'other layers than its weights',
      (json) => ({ ...json, architecture: { type: 'Linear', config: { inFeatures: 4, outFeatures: 2 } } }),
      /weight/,
    ],
  ])('loadModel refuses a model.json with %s', async (_, change, message) => {
    await saveModel(dir, network());
    const path = join(dir, 'model.json');
    writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, 'utf8')))));
    await expect(loadModel(dir)).rejects.toThrow(FormatError);
    await expect(loadModel(dir)).rejects.toThrow(message);
    await expect(loadModel(dir)).rejects.toThrow(path);
  });

  test('a folder without a model says so', async () => {
    await expect(loadModel(root)).rejects.toThrow(
      `cannot read ${join(root, 'model.json')}: it does not exist`,
    );
  });
});
