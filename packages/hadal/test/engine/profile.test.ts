/** The profiler: what it counts, that its parts add up, and that it leaves results and later runs as they are. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { config } from '../../src/base/config.js';
import { nextMacrotask } from '../../src/base/event-loop.js';
import { recording } from '../../src/base/recording.js';
import type { KernelProfile, ProfileReport, TraceEvent } from '../../src/index.js';
import {
  ArgumentError,
  functional as F,
  FileError,
  fromTypedArray,
  nn,
  ones,
  optim,
  profile,
  tensor,
} from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine, openWorkspace } from '../support/engines.js';
import { inMemory } from '../support/tensors.js';

function kernel(report: ProfileReport, op: string): KernelProfile {
  const found = report.kernels.find((k) => k.ops.includes(op));
  if (found === undefined) throw new Error(`no kernel has ${op}:\n${report}`);
  return found;
}

const close = { mean: expect.any(Number), min: expect.any(Number), max: expect.any(Number) };

forEachEngine('profile', (space) => {
  test('counts launches, operations and bytes of each kernel', async () => {
    await withWorkspace(space, async () => {
      const x = inMemory(8, 32);
      const w = inMemory(32, 16);
      const report = await profile(() => {
        for (let i = 0; i < 3; i++) x.matmul(w).relu().dataSync();
        x.exp().sum(1).dataSync();
      });
      expect(report.launches).toBe(4);
      expect(report.runs).toBe(4);
      expect(kernel(report, 'dot')).toMatchObject({
        ...{
          name: 'gemm_relu',
          kind: 'gemm',
          size: '8 x 16 x 32',
          count: 3,
          blocks: 1,
          ops: ['dot', 'relu'],
        },
        flops: 2 * 8 * 16 * 32 + 8 * 16,
        bytesRead: 4 * (8 * 32 + 32 * 16),
        bytesWritten: 4 * 8 * 16,
        engine: space.engine.name,
        ...close,
      });
      expect(kernel(report, 'sum')).toMatchObject({
        ...{ kind: 'loops', size: '8 over 32', count: 1, ops: ['exp', 'sum'] },
        flops: 2 * 8 * 32,
        bytesRead: 4 * 8 * 32,
        bytesWritten: 4 * 8,
      });
    });
  });

  test('its parts add up to the whole', async () => {
    await withWorkspace(space, async () => {
      const x = inMemory(64, 64);
      const report = await profile(async () => {
        await x.matmul(x).add(1).sum().item();
        await nextMacrotask();
      });
      const told = report.activities.reduce((sum, a) => sum + a.time, 0);
      expect(told).toBeCloseTo(report.duration, 6);
      expect(report.activities.reduce((sum, a) => sum + a.share, 0)).toBeCloseTo(1, 9);
      const kernels = report.activities.find((a) => a.name === 'kernels');
      expect(kernels?.time).toBeCloseTo(
        report.kernels.reduce((sum, k) => sum + k.time, 0),
        9,
      );
      const names = report.activities.map((a) => a.name);
      for (const name of ['kernels', 'capture', 'planning', 'binding', 'read', 'wait', 'program'])
        expect(names).toContain(name);
      for (const k of report.kernels) {
        expect(k.time).toBeGreaterThan(0);
        expect(k.gflops).toBeCloseTo((k.flops * k.count) / (k.time * 1e6), 9);
        expect(k.min).toBeLessThanOrEqual(k.mean);
        expect(k.mean).toBeLessThanOrEqual(k.max);
      }
    });
  });

  test('gives the results that an unwatched run gives, sorts and updates in place among them', async () => {
    await withWorkspace(space, async () => {
      const train = (): number[] => {
        const w = tensor([0.5, -2, 3], { requiresGrad: true });
        const opt = new optim.SGD([w], { lr: 0.1, momentum: 0.9 });
        for (let i = 0; i < 3; i++) {
          opt.zeroGrad();
          w.mul(w.sort().values).cumsum(0).sum().backward();
          opt.step();
        }
        return Array.from(w.dataSync(), Number);
      };
      const plain = train();
      const { result, kernels } = await profile(train);
      expect(result).toEqual(plain);
      expect(kernels.some((k) => k.ops.includes('sort'))).toBe(true);
      expect(train()).toEqual(plain);
    });
  });

  test('names backward, optimizer and the tensors of one launch', async () => {
    await withWorkspace(space, async () => {
      const net = new nn.Sequential(new nn.Linear(4, 4), new nn.Linear(4, 4));
      const opt = new optim.Adam(net.parameters());
      const report = await profile(() => {
        F.mseLoss(net.forward(ones([2, 4])), ones([2, 4])).backward();
        opt.step();
      });
      const names = report.activities.map((a) => a.name);
      expect(names).toContain('backward');
      expect(names).toContain('optimizer');
      const update = kernel(report, 'sqrt');
      expect(update.blocks).toBe(4);
      // Moments and parameters are read and written, gradients read: 40 numbers each.
      expect(update.bytesRead).toBe(4 * 4 * 40);
      expect(update.bytesWritten).toBe(3 * 4 * 40);
    });
  });

  test('memory is what a run reads, gives and has in between', async () => {
    await withWorkspace(space, async () => {
      const x = inMemory(256);
      const report = await profile(() => x.mul(2).dataSync());
      expect(report.memory).toMatchObject({
        peak: 2048,
        peakSample: { inputs: 1024, outputs: 1024, arena: 0, engine: space.engine.name },
        allocated: 1024,
      });
      expect(report.memory.samples.length).toBe(1);
    });
  });
});

describe('profile', () => {
  test('passes the result on, of functions that are asynchronous or not', async () => {
    expect((await profile(() => 7)).result).toBe(7);
    expect((await profile(async () => 'done')).result).toBe('done');
    expect(recording.current).toBeNull();
  });

  test('of nothing says that nothing was launched', async () => {
    const report = await profile(() => ones([4]).add(1));
    expect(report.kernels).toEqual([]);
    expect(report.launches).toBe(0);
    expect(report.memory.peak).toBe(0);
    expect(report.toString()).toContain('Nothing was launched');
    expect(report.activities.map((a) => a.name)).toEqual(['program']);
  });

  test("rejects with the function's own error and stops recording", async () => {
    const error = new Error('mine');
    await expect(
      profile(() => {
        throw error;
      }),
    ).rejects.toBe(error);
    await expect(profile(() => Promise.reject(error))).rejects.toBe(error);
    // An error inside of an activity leaves nothing open: what follows is counted in full.
    await expect(profile(() => ones([]).backward())).rejects.toThrow(/requires a gradient/);
    expect(recording.current).toBeNull();
    const report = await profile(() => inMemory(4).mul(2).dataSync());
    expect(report.activities.reduce((sum, a) => sum + a.time, 0)).toBeCloseTo(report.duration, 6);
  });

  test('takes functions and sensible limits only', async () => {
    await expect(profile(3 as never)).rejects.toThrow(ArgumentError);
    await expect(profile(() => 0, { events: -1 })).rejects.toThrow(ArgumentError);
    await expect(profile(() => 0, { events: 1.5 })).rejects.toThrow(/events/);
  });

  test('may be nested: the inner one hears its own part, the outer one all', async () => {
    const x = inMemory(4);
    const outer = await profile(async () => {
      x.add(1).dataSync();
      const inner = await profile(() => x.mul(2).dataSync());
      expect(inner.launches).toBe(1);
      expect(kernel(inner, 'mul').count).toBe(1);
      x.sub(1).dataSync();
    });
    expect(outer.launches).toBe(3);
    expect(outer.kernels.map((k) => k.ops[0]).sort()).toEqual(['add', 'mul', 'sub']);
  });

  test('may begin and end within an activity of another', async () => {
    const w = tensor([1, 2], { requiresGrad: true });
    const inner: Promise<ProfileReport>[] = [];
    w.registerHook((grad) => {
      inner.push(profile(() => grad.mul(2).dataSync()));
      return grad;
    });
    const outer = await profile(() => w.mul(3).sum().backward());
    const [report] = await Promise.all(inner);
    expect(report.launches).toBeGreaterThan(0);
    expect(outer.launches).toBe(report.launches);
    expect(outer.activities.reduce((sum, a) => sum + a.time, 0)).toBeCloseTo(outer.duration, 6);
  });

  test('may overlap with others and waits for them', async () => {
    const x = inMemory(4);
    const body = async (): Promise<void> => {
      for (let i = 0; i < 3; i++) {
        await nextMacrotask();
        x.add(i).dataSync();
      }
    };
    const [a, b] = await Promise.all([profile(body), profile(body)]);
    expect(a.launches).toBeGreaterThanOrEqual(3);
    expect(b.launches).toBe(6);
    for (const r of [a, b])
      expect(r.activities.reduce((sum, act) => sum + act.time, 0)).toBeLessThanOrEqual(r.duration + 1e-6);
    expect(recording.current).toBeNull();
  });

  test('hears every engine, each with kernels of its own', async () => {
    const [one, other] = ['reference', 'wasm'].map((name) => {
      const opened = openWorkspace(name as 'reference' | 'wasm');
      if (!opened.ok) throw new Error(opened.reason);
      return opened.space;
    });
    const report = await profile(() => {
      for (const space of [one, other]) withWorkspace(space, () => ones([8]).exp().sum().dataSync());
    });
    expect([...report.engines.keys()]).toEqual(['reference', 'wasm']);
    expect(report.kernels.map((k) => k.engine).sort()).toEqual(['reference', 'wasm']);
  });

  test('a known graph is neither planned nor compiled again', async () => {
    const x = inMemory(5, 3);
    const body = (): unknown => x.sin().mul(x).sum().dataSync();
    body();
    const report = await profile(body);
    const names = report.activities.map((a) => a.name);
    expect(names).not.toContain('planning');
    expect(names).not.toContain('code generation');
  });

  test('with lines it says where a kernel comes from', async () => {
    const x = inMemory(4);
    const before = config.tracedTensors;
    const report = await profile(() => x.cosh().dataSync(), { lines: true });
    expect(kernel(report, 'cosh').lines.join()).toMatch(/profile\.test\.ts:\d+/);
    expect(report.toString()).toMatch(/\(profile\.test\.ts:\d+\)/);
    expect(config.tracedTensors).toBe(before);
  });

  test('events beyond the limit are in the totals only', async () => {
    const x = inMemory(4);
    const report = await profile(
      () => {
        for (let i = 0; i < 10; i++) x.add(i).dataSync();
      },
      { events: 5 },
    );
    expect(report.launches).toBe(10);
    expect(report.timeline.length).toBe(5);
    expect(report.memory.samples.length).toBe(5);
    expect(report.dropped).toBeGreaterThan(0);
    expect(report.toString()).toContain('more than the timeline holds');
  });
});

describe('profile.mark', () => {
  test('passes results, promises and errors on, with and without a profile', async () => {
    const error = new Error('mine');
    const fail = (): never => {
      throw error;
    };
    expect(profile.mark('a', () => 3)).toBe(3);
    expect(() => profile.mark('a', fail)).toThrow(error);
    const report = await profile(async () => {
      expect(profile.mark('sync', () => 4)).toBe(4);
      expect(await profile.mark('async', async () => nextMacrotask().then(() => 5))).toBe(5);
      expect(() => profile.mark('failed', fail)).toThrow(error);
      await expect(profile.mark('failed', () => Promise.reject(error))).rejects.toBe(error);
    });
    expect(Object.fromEntries(report.marks.map((m) => [m.name, m.count]))).toEqual({
      sync: 1,
      async: 1,
      failed: 2,
    });
    for (const m of report.marks) expect(m.time).toBeLessThanOrEqual(report.duration);
  });
});

describe('the trace', () => {
  async function traced(): Promise<ProfileReport> {
    const x = inMemory(16, 16);
    const w = ones([16, 16], { requiresGrad: true });
    return profile(async () => {
      await profile.mark('outer', async () => {
        profile.mark('inner', () => x.matmul(w).relu().sum().backward());
        await nextMacrotask();
        await w.grad?.data();
      });
    });
  }

  /** Complete events of one row must nest: each ends before the one around it does. */
  function checkNesting(events: readonly TraceEvent[]): void {
    const complete = events.filter((e) => e.ph === 'X').map((e) => ({ ts: e.ts ?? 0, dur: e.dur ?? 0, e }));
    complete.sort((a, b) => a.ts - b.ts || b.dur - a.dur);
    const open: number[] = [];
    for (const { ts, dur, e } of complete) {
      while (open.length > 0 && (open.at(-1) ?? 0) <= ts) open.pop();
      // Times are rounded to nanoseconds.
      if (open.length > 0) expect(ts + dur, e.name).toBeLessThanOrEqual((open.at(-1) ?? 0) + 0.002);
      open.push(ts + dur);
    }
  }

  test('has launches, activities, marks and memory, and nests', async () => {
    const report = await traced();
    const { traceEvents } = report.toChromeTrace();
    checkNesting(traceEvents);
    const launches = traceEvents.filter((e) => e.cat === 'kernel' || e.cat === 'JavaScript op');
    expect(launches.length).toBe(report.launches);
    expect(launches.some((e) => String(e.args?.ops).split(',').includes('dot'))).toBe(true);
    for (const e of launches)
      expect(e.args).toMatchObject({ flops: expect.any(Number), run: expect.any(Number) });
    const engine = new Set(traceEvents.filter((e) => e.cat === 'engine').map((e) => e.name));
    for (const name of ['realise', 'capture', 'binding', 'backward', 'read']) expect(engine).toContain(name);
    for (const name of ['outer', 'inner', 'wait']) {
      const pair = traceEvents.filter((e) => e.name === name).slice(0, 2);
      expect(pair.map((e) => e.ph)).toEqual(['b', 'e']);
      expect(pair[0].id).toBe(pair[1].id);
      expect(pair[0].ts).toBeLessThanOrEqual(pair[1].ts ?? -1);
    }
    const counters = traceEvents.filter((e) => e.ph === 'C');
    expect(counters.length).toBeGreaterThanOrEqual(report.runs);
    for (const e of traceEvents) if (e.ts !== undefined) expect(e.ts).toBeGreaterThanOrEqual(0);
  });

  test('as a file is the same', async () => {
    const report = await traced();
    const folder = mkdtempSync(join(tmpdir(), 'hadal-trace-'));
    try {
      const path = join(folder, 'trace.json');
      await report.saveTrace(path);
      expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(
        JSON.parse(JSON.stringify(report.toChromeTrace())),
      );
      await expect(report.saveTrace(join(folder, 'no', 'trace.json'))).rejects.toThrow(FileError);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('the report is plain data as JSON', async () => {
    const report = await traced();
    const data = JSON.parse(JSON.stringify(report));
    expect(data.kernels.length).toBe(report.kernels.length);
    expect(data.duration).toBe(report.duration);
    expect(data.timeline).toBeUndefined();
  });
});

describe('the table', () => {
  test('shows kernels by time, the rest in a line, and totals', async () => {
    const x = inMemory(4);
    const report = await profile(() => {
      x.add(1).dataSync();
      x.mul(2).dataSync();
      x.exp().dataSync();
    });
    const text = report.table({ rows: 1 });
    expect(text).toMatch(/^[\d.]+ (us|ms|s) in all, 3 graphs run, 3 launches on \w+/);
    expect(text).toContain(report.kernels[0].name);
    expect(text).not.toContain(report.kernels[2].name);
    expect(text).toMatch(/2 more kernels$/m);
    expect(text).toMatch(/all launches$/m);
    expect(text).toMatch(/^memory: 32 B at most in one run/m);
    expect(report.table()).toContain(report.kernels[2].name);
  });

  test('of a lookup counts what is read at most, not the whole table', async () => {
    const weights = inMemory(1000, 8);
    const at = fromTypedArray(BigInt64Array.of(1n, 2n, 999n), [3]);
    const report = await profile(() => F.embedding(at, weights).dataSync());
    expect(kernel(report, 'indexSelect')).toMatchObject({
      bytesRead: 4 * 3 * 8 + 8 * 3,
      bytesWritten: 4 * 3 * 8,
    });
  });
});
