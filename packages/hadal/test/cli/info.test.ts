import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { saveCheckpoint } from '../../src/io/checkpoint.js';
import { saveSafetensors } from '../../src/io/safetensors.js';
import { ones, tensor } from '../../src/tensor/index.js';
import { encodePng } from '../io/png-encoder.js';
import { hadal } from './run.js';

const folder = mkdtempSync(join(tmpdir(), 'hadal-info-'));
const at = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

beforeAll(async () => {
  await saveSafetensors(
    at('w.safetensors'),
    { 'layer.weight': ones([16, 32]), mask: tensor([true]), 'evil\u001b[2J': ones([]) },
    { task: 'test' },
  );
  writeFileSync(at('x.idx'), Uint8Array.of(0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 1, 5, 6));
  const grey = { width: 3, height: 2, colourType: 0, depth: 4, samples: [0, 1, 2, 3, 4, 5] } as const;
  writeFileSync(at('x.png'), encodePng({ ...grey, interlaced: true }));
  const { files } = JSON.parse(readFileSync(new URL('../fixtures/jpeg.json', import.meta.url), 'utf8'));
  writeFileSync(at('x.jpg'), Buffer.from(files['progressive-420'].bytes, 'base64'));
  writeFileSync(at('text.txt'), 'hello, this is some text');
  writeFileSync(at('empty'), '');
  mkdirSync(at('none'));
  for (const step of [10, 20]) {
    const model = new Map([['w', ones([10, 10])]]);
    const history = { epochs: [0, 1], figures: { loss: [2.5, 1.25], accuracy: [0.5, 0.75] } };
    await saveCheckpoint(at('run'), { step, model, state: { epoch: 2, history } });
  }
  rmSync(join(at('run'), 'checkpoint-000000000020', 'model.safetensors'));
  await saveCheckpoint(at('run'), { step: 30, model: new Map([['w', ones([10, 10])]]), state: null });
});

test.each<[string, RegExp]>([
  [
    'w.safetensors',
    /: safetensors, [\d.]+ kB, 3 tensors, 514 elements\n {2}task {2}test\n {2}layer.weight +float32 +\[16, 32\] +2\.0 kB\n/,
  ],
  ['x.idx', /: IDX, 14 B, uint8 \[2, 1\], 2 elements/],
  ['x.png', /: PNG, \d+ B, 3 x 2, grey, 4 bits a sample, interlaced/],
  ['x.jpg', /: JPEG, \d+ B, 24 x 16, colour, progressive/],
  [
    'run/checkpoint-000000000010',
    /checkpoint of step 10\n +step +10\n +epoch +2\n.*saved.*\n.*size.*\n +parameters +100\n +loss +1\.25\n +accuracy +0\.75\n\n +w +float32 +\[10, 10\] +400 B/,
  ],
  [
    'run',
    /run with 3 checkpoints\n +newest +step 30\n +parameters +100\n\n +step 30 .*\n +step 20 +not complete: +cannot read .*\n +step 10 /,
  ],
])('hadal info %s', async (name, expected) => {
  const { code, out, err } = await hadal('info', at(name));
  expect(err).toBe('');
  expect(out).toMatch(expected);
  expect(out.startsWith(`${at(name)}: `)).toBe(true);
  expect(code).toBe(0);
  const json = JSON.parse((await hadal('info', at(name), '--json')).out);
  expect(json.path).toBe(at(name));
});

test('names of tensors cannot rewrite the terminal', async () => {
  const { out } = await hadal('info', at('w.safetensors'));
  expect(out).not.toContain('\u001b');
  expect(out).toContain('evil\\x1b[2J');
});

test.each<[string, RegExp]>([
  ['text.txt', /expected a safetensors, IDX, PNG or JPEG file, found something else/],
  ['empty', /found an empty file/],
  ['nothing', /cannot read .*nothing: it does not exist; check the path \(ENOENT\)/],
  ['none', /expected a checkpoint .* or a run .*, found neither/],
])('%s is told of, and the others are shown', async (name, expected) => {
  const { code, out, err } = await hadal('info', at(name), at('x.idx'));
  expect(code).toBe(1);
  expect(err).toMatch(expected);
  expect(err).toMatch(/^hadal: .*$/);
  expect(out).toContain('IDX');
});

test.runIf(process.platform === 'linux')('a pipe is not waited for', async () => {
  execFileSync('mkfifo', [at('pipe')]);
  for (const path of [at('pipe'), '/dev/null']) {
    const { code, err } = await hadal('info', path);
    expect([code, err]).toEqual([
      1,
      `hadal: cannot read ${path}: it is no file but a pipe, a socket or a device`,
    ]);
  }
});
