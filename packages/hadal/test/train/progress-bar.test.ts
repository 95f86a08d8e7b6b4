import { describe, expect, test } from 'vitest';
import { fit, ones, ProgressLine, type Tensor, zeros } from '../../src/index.js';
import { Line } from './models.js';

/** What a terminal of one line would show, line by line, from what was written to it. */
function screen(written: readonly string[]): string[] {
  return written
    .join('')
    .split('\n')
    .map((line) => (line.split('\r').at(-1) ?? '').replace('\x1b[K', ''));
}

const data: [Tensor, Tensor] = [ones([6, 2]), zeros([6, 1])];
const options = { epochs: 2, loss: 'mse', batchSize: 2, validation: data, metrics: ['mae'] } as const;

describe('the progress of fit', () => {
  test('on a terminal is one line an epoch at the end, with the validation', async () => {
    const written: string[] = [];
    const output = { isTTY: true, columns: 120, write: (text: string) => written.push(text) };
    await fit(new Line(), data, { ...options, progress: { output } });
    const lines = screen(written);
    expect(lines).toHaveLength(3);
    lines.slice(0, 2).forEach((line, epoch) => {
      expect(line).toMatch(
        new RegExp(
          `^epoch ${epoch + 1}/2 ━+ 3/3  loss \\S+  mae \\S+  valLoss \\S+  valMae \\S+  [\\d,]+ samples/s  [\\d.]+ s$`,
        ),
      );
    });
    expect(lines[2]).toBe('');
    expect(written.join('')).not.toContain('\x1b[?25l');
  });

  test('in a log is one plain line an epoch', async () => {
    const written: string[] = [];
    const output = { write: (text: string) => written.push(text) };
    await fit(new Line(), data, { ...options, progress: { output } });
    expect(written).toHaveLength(2);
    expect(written[0]).toMatch(/^epoch 1\/2 3\/3 {2}loss \S+ {2}mae \S+ {2}valLoss .* s\n$/);
  });

  test('never is wider than the terminal', async () => {
    for (const columns of [10, 25, 40, 60, 80]) {
      const written: string[] = [];
      const output = { isTTY: true, columns, write: (text: string) => written.push(text) };
      await fit(new Line(), data, { ...options, progress: { output } });
      for (const part of written.join('').split(/[\r\n]/))
        expect(part.replace('\x1b[K', '').length).toBeLessThan(columns);
    }
  });

  test('a line that is said meanwhile stands above it', async () => {
    const written: string[] = [];
    const output = { isTTY: true, columns: 120, write: (text: string) => written.push(text) };
    const broken: [Tensor, Tensor] = [ones([6, 2]).div(0), zeros([6, 1])];
    await fit(new Line(), broken, { epochs: 1, loss: 'mse', progress: { output } });
    const lines = screen(written);
    expect(lines[0]).toContain('hadal: the loss is NaN');
    expect(lines[1]).toMatch(/^epoch 1\/1 ━+ 1\/1 {2}loss NaN/);
  });

  test('an error leaves the cursor on a line of its own', async () => {
    const written: string[] = [];
    const output = { isTTY: true, columns: 120, write: (text: string) => written.push(text) };
    const fail = {
      onEpochEnd: () => {
        throw new Error('a callback failed');
      },
    };
    const run = fit(new Line(), data, { ...options, progress: { output }, callbacks: [fail], epochs: 1 });
    await expect(run).rejects.toThrow('a callback failed');
    expect(written.join('').endsWith('\n')).toBe(true);
  });

  test('data of unknown length has no bar', async () => {
    const written: string[] = [];
    const output = { isTTY: true, columns: 80, write: (text: string) => written.push(text) };
    function* batches() {
      yield data;
      yield data;
    }
    await fit(new Line(), batches, { epochs: 1, loss: 'mse', progress: { output } });
    expect(screen(written)[0]).toMatch(/^epoch 1\/1 2 {2}loss \S+ {2}[\d,]+ samples\/s {2}[\d.]+ s$/);
  });

  test('reads the figures a few times a second, not each step', async () => {
    let reads = 0;
    const counting = {
      name: 'counting',
      reset: () => {},
      update: () => {},
      result: async () => ++reads,
    };
    const steps = 400;
    const begun = performance.now();
    await fit(new Line(), () => Array.from({ length: steps }, () => data), {
      epochs: 1,
      loss: 'mse',
      metrics: [counting],
      progress: { output: { isTTY: true, columns: 80, write: () => {} } },
    });
    expect(reads).toBeLessThanOrEqual(2 + (performance.now() - begun) / 100);
  });
});

describe('ProgressLine', () => {
  const clock = () => {
    const state = { ms: 0, written: [] as string[] };
    const output = { isTTY: true, columns: 100, write: (text: string) => state.written.push(text) };
    return { state, output, now: () => state.ms, last: () => screen(state.written).at(-1) };
  };

  test('steps that were done before count as done, not for the rate and the time left', () => {
    const { state, output, now, last } = clock();
    const line = new ProgressLine({ total: 10, done: 6, output, now });
    state.ms = 1000;
    line.update(8, { samples: 20 });
    expect(last()).toContain(' 8/10  20 samples/s  1.0 s left');
  });

  test('rest ends the time that the rate speaks of', () => {
    const { state, output, now } = clock();
    const line = new ProgressLine({ total: 1, output, now });
    state.ms = 1000;
    line.update(1, { samples: 50 });
    line.rest();
    state.ms = 5000;
    line.finish();
    expect(screen(state.written)[0]).toContain('50 samples/s  5.0 s');
  });

  test('due says when an update would draw', () => {
    const { state, output, now } = clock();
    const line = new ProgressLine({ total: 5, output, now });
    expect(line.due).toBe(true);
    line.update(1);
    expect(line.due).toBe(false);
    state.ms = 60;
    expect(line.due).toBe(true);
    line.finish();
    state.ms = 600;
    expect(line.due).toBe(false);
  });
});
