import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { evaluate, loadModel } from 'hadal';
import { mnist } from 'hadal/datasets';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readMetrics } from '../../src/mnist/metrics-log.js';
import { readOptions } from '../../src/mnist/options.js';
import { timeName, UsageError } from '../../src/mnist/run-folder.js';
import { train } from '../../src/mnist/train.js';
import { readHtml } from './read-html.js';

const scratch = mkdtempSync(join(tmpdir(), 'mnist-test-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Runs the program with a command line. `onLine` sees each piece of output as it is written. */
async function run(
  commandLine: string,
  { signal, onLine }: { readonly signal?: AbortSignal; readonly onLine?: (text: string) => void } = {},
): Promise<{ readonly code: number; readonly lines: readonly string[] }> {
  const command = readOptions(commandLine.split(' '));
  if (command.kind === 'exit') throw new Error(command.text);
  let text = '';
  const output = {
    write: (piece: string) => {
      text += piece;
      onLine?.(piece);
    },
  };
  const code = await train(command.options, { output, ...(signal === undefined ? {} : { signal }) });
  return { code, lines: text.trimEnd().split('\n') };
}

/** Eight steps in two epochs. */
const tiny = '--engine wasm --limit 64 --batch-size 16 --epochs 2 --checkpoint-every 3 --seed 5';

const checkpointsOf = (dir: string) => readdirSync(dir).filter((name) => name.startsWith('checkpoint-'));

function weightsOf(dir: string): Buffer {
  const newest = checkpointsOf(dir).sort().at(-1);
  if (newest === undefined) throw new Error(`no checkpoint in ${dir}`);
  return readFileSync(join(dir, newest, 'model.safetensors'));
}

/** metrics.jsonl but for the times. */
function metricsOf(dir: string): object[] {
  return readMetrics(join(dir, 'metrics.jsonl')).map(({ seconds: _, ...line }) => line);
}

describe('npm start', () => {
  const whole = join(scratch, 'whole');
  const losses = join(scratch, 'losses.jsonl');
  let first: Awaited<ReturnType<typeof run>>;
  beforeAll(async () => {
    first = await run(`${tiny} --out ${whole} --losses ${losses}`);
  }, 120_000);

  test('ends with the accuracy', () => {
    expect(first.code).toBe(0);
    expect(first.lines.at(-1)).toMatch(/^test accuracy: \d\.\d{4}$/);
    expect(first.lines.at(-2)).toMatch(/^total time: \d+\.\d s$/);
    expect(first.lines[0]).toMatch(/^engine: wasm /);
    expect(Math.max(...first.lines.slice(6).map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  test('leaves a folder with all there is to keep', () => {
    expect(readdirSync(whole).sort()).toEqual([
      'checkpoint-000000000006',
      'checkpoint-000000000008',
      'metrics.jsonl',
      'model.json',
      'report.html',
      'run.json',
    ]);
    expect(readHtml(readFileSync(join(whole, 'report.html'), 'utf8')).text).toContain('The run');
  });

  test('the accuracy is that of the model in the folder', async () => {
    const { module, step, classes, input } = await loadModel(whole);
    const { test: images } = await mnist({ limit: 64 });
    const { accuracy } = await evaluate(module, images, { metrics: ['accuracy'] });
    expect(first.lines.at(-1)).toBe(`test accuracy: ${accuracy.toFixed(4)}`);
    expect([step, classes?.length, input?.width]).toEqual([8, 10, 28]);
  });

  test('logs steps and epochs', () => {
    const lines = readMetrics(join(whole, 'metrics.jsonl'));
    expect(lines.map(({ kind, step, epoch }) => [kind, step, epoch])).toEqual([
      ['step', 4, 1],
      ['epoch', 4, 1],
      ['step', 8, 2],
      ['epoch', 8, 2],
    ]);
    for (const line of lines) {
      expect(line.loss).toBeGreaterThan(0);
      expect(line.learningRate).toBeLessThan(0.002);
      if (line.kind === 'epoch') expect(line.valAccuracy).toBeGreaterThanOrEqual(0);
    }
    const each = readFileSync(losses, 'utf8').trimEnd().split('\n');
    expect(each.map((line) => JSON.parse(line).step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    const mean = each.slice(0, 4).reduce((sum, line) => sum + JSON.parse(line).loss / 4, 0);
    expect(lines[0].loss).toBeCloseTo(mean, 5);
  });

  test('a run that was killed goes on from its newest checkpoint to the same weights', async () => {
    const killed = join(scratch, 'killed');
    const killedLosses = join(scratch, 'killed.jsonl');
    cpSync(whole, killed, { recursive: true });
    cpSync(losses, killedLosses);
    // As if the process had died in step 8, in the middle of a line.
    rmSync(join(killed, 'checkpoint-000000000008'), { recursive: true });
    writeFileSync(join(killed, 'metrics.jsonl'), '{"kind":"st', { flag: 'a' });
    const { code, lines } = await run(`--resume ${killed} --losses ${killedLosses}`);
    expect(code).toBe(0);
    expect(lines).toContain('resumed after step 6');
    expect(lines.at(-1)).toBe(first.lines.at(-1));
    expect(weightsOf(killed).equals(weightsOf(whole))).toBe(true);
    expect(metricsOf(killed)).toEqual(metricsOf(whole));
    expect(readFileSync(killedLosses, 'utf8')).toBe(readFileSync(losses, 'utf8'));
  }, 60_000);

  test('an interrupted run says how to go on, and does', async () => {
    const stopped = join(scratch, 'stopped');
    const controller = new AbortController();
    const { code, lines } = await run(`${tiny} --out ${stopped}`, {
      signal: controller.signal,
      onLine: (text) => {
        if (text.startsWith('epoch 1/2')) controller.abort();
      },
    });
    expect(code).toBe(130);
    expect(lines.at(-1)).toContain(`to go on: npm start -- --resume ${stopped}`);
    expect(checkpointsOf(stopped)).toContain('checkpoint-000000000004');
    const resumed = await run(`--resume ${stopped} --engine wasm --lr 0.002`);
    expect(resumed.code).toBe(0);
    expect(weightsOf(stopped).equals(weightsOf(whole))).toBe(true);
    expect(metricsOf(stopped)).toEqual(metricsOf(whole));
  }, 60_000);

  test('a run that is complete is tested again', async () => {
    const { code, lines } = await run(`--resume ${whole}`);
    expect(code).toBe(0);
    expect(lines.at(-1)).toBe(first.lines.at(-1));
  }, 60_000);

  test('refuses to begin where it could not end well', async () => {
    const file = join(scratch, 'file');
    writeFileSync(file, '');
    const refused: readonly (readonly [commandLine: string, message: string])[] = [
      [`${tiny} --out ${file}/run`, `the run's folder ${file}/run cannot be written: `],
      [
        `${tiny} --out ${whole}`,
        `${whole} holds a run already; go on with it (npm start -- --resume ${whole})`,
      ],
      [`${tiny} --out ${scratch}/new --losses ${file}/losses`, `--losses ${file}/losses cannot be written: `],
      [`--resume ${scratch}/none`, `${scratch}/none is not the folder of a run of this program: `],
      [`--resume ${whole} --lr 0.1`, 'has 0.002 for --lr, got 0.1; leave it out'],
      [`--resume ${whole} --batch-size 32`, 'has 16 for --batch-size, got 32'],
      [`--resume ${whole} --engine reference`, 'has wasm for --engine, got reference'],
    ];
    for (const [commandLine, message] of refused) {
      const attempt = run(commandLine);
      await expect(attempt, commandLine).rejects.toThrow(UsageError);
      await expect(attempt, commandLine).rejects.toThrow(message);
    }
    expect(readdirSync(scratch)).not.toContain('new');
  });

  test('refuses to go on without a checkpoint', async () => {
    const bare = join(scratch, 'bare');
    cpSync(whole, bare, { recursive: true });
    for (const name of checkpointsOf(bare)) rmSync(join(bare, name), { recursive: true });
    await expect(run(`--resume ${bare}`)).rejects.toThrow(
      `${bare} has no complete checkpoint yet; start anew: npm start -- --out ${bare}`,
    );
  });
});

test('folders are named for the local time', () => {
  expect(timeName(new Date(2026, 10, 23, 4, 5, 6))).toBe('2026-11-23T04-05-06');
});
