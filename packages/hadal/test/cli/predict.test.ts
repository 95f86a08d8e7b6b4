import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { saveModel } from '../../src/io/model.js';
import * as nn from '../../src/nn/index.js';
import { noGrad, setEngine, tensor } from '../../src/tensor/index.js';
import { encodePng } from '../io/png-encoder.js';
import { hadal } from './run.js';

const folder = mkdtempSync(join(tmpdir(), 'hadal-predict-'));
const at = (name: string): string => join(folder, name);
const run = at('run');
afterAll(() => rmSync(folder, { recursive: true }));

/** A grey image whose left half has one value and whose right half another. */
function halves(width: number, height: number, left: number, right: number): Uint8Array {
  const samples = Array.from({ length: width * height }, (_, i) => (i % width < width / 2 ? left : right));
  return encodePng({ width, height, colourType: 0, depth: 8, samples });
}

beforeAll(async () => {
  await setEngine('wasm');
  // Tells which half of an image of 2 x 1 pixels is lighter.
  const layer = new nn.Linear(2, 2, { bias: false });
  noGrad(() =>
    layer.weight.copy_(
      tensor([
        [2, 0],
        [0, 2],
      ]),
    ),
  );
  await saveModel(run, new nn.Sequential(new nn.Flatten(1), layer), {
    input: { width: 2, height: 1, channels: 1, mean: [0.5], std: [0.5] },
    classes: ['left', 'right'],
  });
  await saveModel(at('blind'), new nn.Sequential(layer));
  writeFileSync(at('left.png'), halves(8, 4, 250, 10));
  writeFileSync(at('right.png'), halves(60, 30, 10, 250));
  writeFileSync(at('bad.png'), halves(8, 4, 0, 0).subarray(0, 40));
});

test('shows the likeliest classes with bars', async () => {
  const { code, out, err } = await hadal('predict', '--model', run, at('left.png'), '--top', '2');
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toMatch(/left\.png\n {2}left {3}\d\d\.\d % {2}█+.?\n {2}right {2} \d\.\d % {2}.*$/);
});

test('an image that cannot be read does not stop the others', async () => {
  const images = [at('left.png'), at('bad.png'), at('nothing.png'), at('right.png')];
  const { code, out, err } = await hadal('predict', '-m', run, ...images, '--json');
  expect(code).toBe(1);
  const lines = out.split('\n').map((line) => JSON.parse(line));
  const by = new Map(lines.map((line) => [line.image, line]));
  expect(by.get(at('left.png')).classes[0]).toMatchObject({ class: 'left' });
  expect(by.get(at('right.png')).classes[0]).toMatchObject({ class: 'right' });
  expect(by.get(at('bad.png')).error).toMatch(/bad\.png, byte \d+/);
  expect(by.get(at('nothing.png')).error).toMatch(/does not exist/);
  expect(err.split('\n')).toHaveLength(2);
});

test('many images go in several batches', async () => {
  const images = Array.from({ length: 70 }, (_, i) => at(i % 3 === 0 ? 'left.png' : 'right.png'));
  const { out } = await hadal('predict', '-m', run, ...images, '--json', '--top', '1', '--engine', 'wasm');
  const classes = out.split('\n').map((line) => JSON.parse(line).classes[0].class);
  expect(classes).toEqual(images.map((_, i) => (i % 3 === 0 ? 'left' : 'right')));
});

test.each<[readonly string[], RegExp]>([
  [['-m', at('nowhere'), 'x.png'], /^hadal: cannot read .*model\.json: it does not exist/],
  [['-m', at('blind'), 'x.png'], /^hadal: .*model\.json does not say how images become its input/],
])('%j fails in one line', async (args, message) => {
  const { code, err } = await hadal('predict', ...args);
  expect(code).toBe(1);
  expect(err).toMatch(message);
  expect(err).not.toContain('\n');
});

test('explain shows a model, info its folder', async () => {
  const explained = await hadal('explain', run, '--engine', 'wasm', '--batch', '3');
  expect(explained).toMatchObject({ code: 0, err: '' });
  expect(explained.out).toContain(`${run} for [3, 1, 1, 2] on wasm`);
  const told = await hadal('info', run);
  expect(told.out).toMatch(
    /: model\n +input +2 x 1, grey\n +classes +2: left, right\n +weights +model\.safetensors\n +parameters +4/,
  );
});
