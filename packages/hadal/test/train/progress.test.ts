import { EventEmitter } from 'node:events';
import { describe, expect, test } from 'vitest';
import { ArgumentError } from '../../src/base/errors.js';
import { ProgressLine, type ProgressOutput } from '../../src/train/index.js';

/** An output that keeps what is written, and a clock that the test moves. */
function recorder(terminal?: { columns: number }) {
  const writes: string[] = [];
  const output: ProgressOutput = {
    write: (text) => writes.push(text),
    ...(terminal === undefined ? {} : { isTTY: true, columns: terminal.columns }),
  };
  const clock = { ms: 1000 };
  return { writes, output, clock, now: () => clock.ms };
}

describe('in a log', () => {
  test('writes a plain line every five seconds and one at the end', () => {
    const { writes, output, clock, now } = recorder();
    const line = new ProgressLine({ label: 'epoch 1/2', total: 20, output, now });
    for (let step = 1; step <= 12; step++) {
      clock.ms += 1000;
      line.update(step, { samples: step * 5000, metrics: { loss: 1 / step, accuracy: 0.5 } });
    }
    line.finish();
    expect(writes).toEqual([
      'epoch 1/2  5/20  loss 0.2000  accuracy 0.5000  5,000 samples/s  15 s left\n',
      'epoch 1/2 10/20  loss 0.1000  accuracy 0.5000  5,000 samples/s  10 s left\n',
      'epoch 1/2 12/20  loss 0.0833  accuracy 0.5000  5,000 samples/s  12 s\n',
    ]);
  });

  test('writes no control characters', () => {
    const { writes, output, now } = recorder();
    new ProgressLine({ total: 1, output, now }).finish({ loss: 0.5 });
    for (const control of ['\r', '\x1b']) expect(writes.join('')).not.toContain(control);
  });
});

describe('on a terminal', () => {
  test('rewrites one line and ends it', () => {
    const { writes, output, clock, now } = recorder({ columns: 100 });
    const line = new ProgressLine({ label: 'epoch 3/5', total: 4, output, now });
    line.update(1, { samples: 10, metrics: { loss: 2 } });
    clock.ms += 1000;
    line.update(2, { samples: 20 });
    clock.ms += 1000;
    line.finish({ loss: 1 });
    expect(writes).toEqual([
      '\repoch 3/5 ━━━━━━────────────────── 1/4  loss 2.0000  0.0 s left\x1b[K',
      '\repoch 3/5 ━━━━━━━━━━━━──────────── 2/4  loss 2.0000  20 samples/s  1.0 s left\x1b[K',
      '\repoch 3/5 ━━━━━━━━━━━━──────────── 2/4  loss 1.0000  10 samples/s  2.0 s\x1b[K',
      '\n',
    ]);
  });

  test('draws at most twenty times a second', () => {
    const { writes, output, clock, now } = recorder({ columns: 80 });
    const line = new ProgressLine({ total: 1000, output, now });
    for (let step = 1; step <= 1000; step++) {
      line.update(step);
      clock.ms += 1;
    }
    expect(writes.length).toBe(20);
  });

  test.each([1, 10, 40, 60, 200])('a line fits %d columns', (columns) => {
    const { writes, output, clock, now } = recorder({ columns });
    const line = new ProgressLine({ label: 'epoch 10/10', total: 1000, output, now });
    clock.ms += 1e6;
    line.update(37, { samples: 1e9, metrics: { loss: 1e-9, accuracy: 0.12345 } });
    const visible = writes[0].slice(1, -'\x1b[K'.length);
    expect(visible.length).toBeLessThan(columns);
  });

  test('80 columns still have a bar, with a shorter unit', () => {
    const { writes, output, clock, now } = recorder({ columns: 80 });
    const line = new ProgressLine({ label: 'epoch 1/5', total: 469, output, now });
    clock.ms += 4000;
    line.update(400, { samples: 140_000, metrics: { loss: 0.1234, accuracy: 0.9612 } });
    expect(writes).toEqual([
      '\repoch 1/5 ━━━━━━━── 400/469  loss 0.1234  accuracy 0.9612  35,000/s  0.7 s left\x1b[K',
    ]);
  });

  test('a terminal that does not tell its width gets a line for 80 columns', () => {
    const { writes, output, now } = recorder({ columns: 0 });
    new ProgressLine({ label: 'epoch 1/2', total: 10, output, now }).update(10);
    expect(writes).toEqual(['\repoch 1/2 ━━━━━━━━━━━━━━━━━━━━━━━━ 10/10\x1b[K']);
  });

  test('abandon ends an open line once, and nothing is drawn later', () => {
    const { writes, output, clock, now } = recorder({ columns: 80 });
    const line = new ProgressLine({ total: 10, output, now });
    line.update(1);
    line.abandon();
    line.abandon();
    clock.ms += 1000;
    line.update(2);
    line.finish();
    expect(writes).toHaveLength(2);
    expect(writes[1]).toBe('\n');
  });

  test('an open line gets its newline when the process exits', () => {
    const before = new Set(process.listeners('exit'));
    const { writes, output, now } = recorder({ columns: 80 });
    const line = new ProgressLine({ total: 10, output, now });
    line.update(1);
    const added = process.listeners('exit').filter((listener) => !before.has(listener));
    expect(added).toHaveLength(1);
    added[0].call(process, 0);
    expect(writes.at(-1)).toBe('\n');
    line.finish();
    expect(process.listeners('exit').filter((listener) => !before.has(listener))).toHaveLength(0);
  });
});

describe('figures', () => {
  test.each([
    [{ loss: Number.NaN }, 'loss NaN'],
    [{ loss: 0.0000123 }, 'loss 1.23e-5'],
    [{ loss: 0 }, 'loss 0'],
    [{ loss: 123456 }, 'loss 1.23e+5'],
    [{ accuracy: 1 }, 'accuracy 1.0000'],
  ])('%j', (metrics, text) => {
    const { writes, output, now } = recorder();
    new ProgressLine({ total: 1, output, now }).finish(metrics);
    expect(writes[0]).toContain(text);
  });

  test.each([
    [4.04, '4.0 s'],
    [9.96, '10 s'],
    [59.7, '1:00'],
    [61, '1:01'],
    [3600, '1:00:00'],
  ])('%d seconds', (seconds, text) => {
    const { writes, output, clock, now } = recorder();
    const line = new ProgressLine({ total: 1, output, now });
    clock.ms += seconds * 1000;
    line.finish();
    expect(writes[0]).toBe(`0/1  ${text}\n`);
  });

  test('an epoch of no steps', () => {
    const { writes, output, now } = recorder({ columns: 80 });
    new ProgressLine({ total: 0, output, now }).finish();
    expect(writes[0]).toContain('0/0');
  });

  test.each([-1, 1.5, Number.NaN])('refuses a total of %d', (total) => {
    expect(() => new ProgressLine({ total })).toThrow(ArgumentError);
  });
});

describe('a reader that goes away', () => {
  class Pipe extends EventEmitter implements ProgressOutput {
    writes = 0;
    write(): boolean {
      this.writes++;
      return true;
    }
  }

  test('EPIPE as an event stops the output and throws nothing', () => {
    const pipe = new Pipe();
    const first = new ProgressLine({ total: 2, output: pipe });
    pipe.emit('error', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    first.finish();
    new ProgressLine({ total: 2, output: pipe }).finish();
    expect(pipe.writes).toBe(0);
    expect(pipe.listenerCount('error')).toBe(1);
  });

  test('a write that throws', () => {
    const output: ProgressOutput = {
      write: () => {
        throw new Error('closed');
      },
    };
    expect(() => new ProgressLine({ total: 1, output }).finish()).not.toThrow();
  });

  test('another failure is not swallowed', () => {
    const pipe = new Pipe();
    new ProgressLine({ total: 2, output: pipe });
    const full = Object.assign(new Error('no space left'), { code: 'ENOSPC' });
    expect(() => pipe.emit('error', full)).toThrow('no space left');
  });
});
