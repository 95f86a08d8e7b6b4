/** Worker threads of the native engine: every share runs once, results have the same bits, and processes end as they should. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { compileX86 } from '../../src/codegen/x86/compile.js';
import { nativeBackend } from '../../src/engine/select.js';
import { config } from '../../src/index.js';
import { layoutOf } from '../../src/kernel/abi.js';
import { L3Builder } from '../../src/kernel/l3-builder.js';
import type { Executable, LaunchSpec } from '../../src/runtime/device.js';
import { openNative } from '../../src/runtime/native/index.js';
import { type Koffi, loadKoffi } from '../../src/runtime/native/koffi.js';
import { Machine } from '../../src/runtime/native/machine.js';
import { LAYOUT_VERSION, layout, POOL_BYTES } from '../../src/runtime/native/threads/layout.js';
import { type PoolMachine, ThreadPool } from '../../src/runtime/native/threads/pool.js';
import { isWritable } from '../../src/runtime/native/threads/system.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { bundleChild } from '../support/child.js';
import { compareOutcomes, sameBits } from '../support/compare.js';
import { printProgram, runProgram } from '../support/program.js';
import { programs } from '../support/random-program.js';
import { openThreadedNative, workerThreads } from '../support/threaded-native.js';
import { bitsOf, cases } from './cases.js';

const here = openNative();
const why = here.ok ? '' : ` (${here.reason})`;
const levels = (['avx512', 'avx2'] as const).filter((level) => openNative({ level }).ok);

function koffi(): Koffi {
  const loaded = loadKoffi();
  if (!loaded.ok) throw new Error(loaded.reason);
  return loaded.koffi;
}

function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** A kernel that adds 1 to an element so often, one addition after another. */
function counter(device: ReturnType<typeof openThreadedNative>['device']) {
  if (!here.ok) throw new Error(here.reason);
  const b = new L3Builder('counter', 1);
  const out = b.buffer('i32', 'readwrite');
  const at = b.size();
  b.forEach(b.index(0), b.size(), 1, () => b.store(out, at, b.add(b.load(out, at), b.constant('i32', 1))));
  const fn = b.finish();
  const executable = device.load(fn.name, compileX86(fn, here.features).code);
  return { executable, layout: layoutOf(fn) };
}

interface Counter {
  readonly executable: Executable;
  readonly layout: LaunchSpec['layout'];
}

/** A launch of so many shares; share s of launch l counts so many additions on an element of its own. */
function launch(kernel: Counter, l: number, shares: number, times: number): LaunchSpec {
  const blocks = Array.from({ length: shares }, (_, s) => [
    { buffers: [{ buffer: 0, byteOffset: 0 }], sizes: [8 * l + s, times + s], scalars: [] },
  ]);
  return { ...kernel, blocks: blocks[0], others: blocks.slice(1) };
}

/** Whatever a pool asks of the machine, but that threads are started by `start`. */
function machineWith(
  start: PoolMachine['threads']['start'],
  memoryOfProcess?: PoolMachine['threads']['memoryOfProcess'],
): PoolMachine {
  const machine = new Machine(koffi());
  const memory = new ArrayBuffer(POOL_BYTES);
  return {
    compareExchange: machine.compareExchange,
    pauses: machine.pauses,
    worker: machine.worker,
    threads: {
      start,
      // Memory of its own for each test: the process's workers stay out of it.
      memoryOfProcess: memoryOfProcess ?? (() => ({ ok: true, value: machine.address(memory) })),
    } as PoolMachine['threads'],
  };
}

describe.skipIf(!here.ok)(`workers of the native engine${why}`, () => {
  it.each([0, 1, 2, 7])('run every share once: %i of them', (workers) => {
    const notices: string[] = [];
    const pool = new ThreadPool(new Machine(koffi()), { notice: (line) => notices.push(line) });
    const none = new ThreadPool(
      machineWith(() => ({ ok: false, reason: 'not today' })),
      { notice: () => {} },
    );
    const { device } = openThreadedNative(8, { threads: workers === 0 ? none : pool });
    pool.ensure(workers);
    const kernel = counter(device);
    const shares = [1, 2, 1, 1, 8, 3, 2, 1];
    const program = device.program(shares.map((n, l) => launch(kernel, l, n, 1)));
    const memory = device.allocate(4 * 64);
    device.write(memory, 0, new Uint8Array(256));
    const rounds = 3000;
    for (let i = 0; i < rounds; i++) {
      program.run([memory], []);
      if (i % 500 === 0) sleep(2);
    }
    const counted = new Int32Array(device.read(memory, 0, 256).buffer);
    const wanted = shares.flatMap((n) => Array.from({ length: 8 }, (_, s) => (s < n ? rounds * (1 + s) : 0)));
    expect([...counted].slice(0, 64)).toEqual(wanted.slice(0, 64));
    expect(workers === 0 ? none.workers : pool.workers).toBeGreaterThanOrEqual(workers);
    expect(notices).toEqual([]);
  });

  it('take shares that last, from asleep and while they look', () => {
    const { device } = openThreadedNative(3);
    const kernel = counter(device);
    const program = device.program([launch(kernel, 0, 3, 10_000_000)]);
    const memory = device.allocate(256);
    sleep(5);
    program.run([memory], []);
    const ticks = (): number => workerThreads().reduce((sum, t) => sum + t.ticks, 0);
    const before = ticks();
    // A busy machine may let workers begin only what has been taken back by then.
    const until = performance.now() + 10_000;
    while (ticks() - before <= 3 && performance.now() < until) program.run([memory], []);
    expect(ticks() - before).toBeGreaterThan(3);
  });

  it('are as many as the largest launch has use for, sleep when nothing is to be done, and get no signals', async () => {
    const { device } = openThreadedNative(4);
    const kernel = counter(device);
    device.program([launch(kernel, 0, 4, 1)]).run([device.allocate(256)], []);
    const threads = workerThreads();
    expect(threads.length).toBe(device.workers);
    expect(threads.length).toBeGreaterThanOrEqual(3);
    const resting = await vi.waitFor(
      () => {
        const now = workerThreads();
        expect(now.map((t) => t.state)).toEqual(threads.map(() => 'S'));
        return now;
      },
      { timeout: 5000 },
    );
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(workerThreads().map((t) => t.ticks)).toEqual(resting.map((t) => t.ticks));
    // SIGHUP, SIGINT, SIGUSR1, SIGALRM, SIGTERM, SIGCHLD, SIGPROF
    for (const { blocked } of resting)
      for (const signal of [1, 2, 10, 14, 15, 17, 27]) expect((blocked >> BigInt(signal - 1)) & 1n).toBe(1n);
  });

  it('are none before a launch has shares for them', () => {
    const started: number[] = [];
    const pool = new ThreadPool(
      machineWith((_, seat) => {
        started.push(seat);
        return { ok: true, value: null };
      }),
    );
    const { device } = openThreadedNative(4, { threads: pool });
    const kernel = counter(device);
    const alone = device.program([launch(kernel, 0, 1, 1)]);
    const memory = device.allocate(256);
    device.write(memory, 0, new Uint8Array(256));
    alone.run([memory], []);
    expect(started.length).toBe(0);
    expect(pool.address).toBe(0);
    // Threads that never come: their shares are taken back.
    device.program([launch(kernel, 0, 4, 1)]).run([memory], []);
    expect(started.length).toBe(3);
    expect([...new Int32Array(device.read(memory, 0, 16).buffer)]).toEqual([2, 2, 3, 4]);
  });
});

describe.skipIf(!here.ok)(`the native engine on threads${why}`, () => {
  describe.each(levels)('%s', (level) => {
    const one = openThreadedNative(1, { level }).space;
    const many = [2, 3, 8].map((count) => openThreadedNative(count, { level }).space);

    it.each(Object.entries(cases))('gives the same bits for %s', (_, make) => {
      const whole = withWorkspace(one, () => bitsOf(make));
      for (const space of many) expect(withWorkspace(space, () => bitsOf(make))).toEqual(whole);
    });

    it('gives the same bits for random programs', () => {
      fc.assert(
        fc.property(
          programs(12).map((program) => ({ program, toString: () => printProgram(program) })),
          ({ program }) => {
            const whole = runProgram(one, program);
            for (const space of many)
              expect(compareOutcomes(whole, runProgram(space, program), sameBits)).toBeNull();
          },
        ),
        { numRuns: 40, seed: 20261125, endOnFailure: false, interruptAfterTimeLimit: 12_000 },
      );
    }, 40_000);
  });

  it('counts threads by config.numThreads, from the next run on', () => {
    const opened = nativeBackend();
    if (!opened.ok) throw new Error(opened.reason);
    const before = config.numThreads;
    try {
      for (const count of [1, 4, 2]) {
        config.numThreads = count;
        expect(opened.backend.threads.count).toBe(count);
      }
    } finally {
      config.numThreads = before;
    }
  });
});

describe.skipIf(!here.ok)(`where threads cannot be had${why}`, () => {
  const sums = (options: { threads: ThreadPool }): unknown => {
    const { space } = openThreadedNative(4, options);
    return withWorkspace(space, () => bitsOf(cases['a product of odd sizes']));
  };
  const wanted = (): unknown =>
    withWorkspace(openThreadedNative(1).space, () => bitsOf(cases['a product of odd sizes']));

  it.each([
    ['the first', 0, 'one thread'],
    ['the third', 2, '3 threads'],
  ])('says so once and goes on: %s cannot be started', (_, most, threads) => {
    const notices: string[] = [];
    let started = 0;
    const machine = machineWith(() =>
      started++ < most
        ? { ok: true, value: null }
        : { ok: false, reason: 'the system starts no thread (error 11)' },
    );
    const pool = new ThreadPool(machine, { notice: (line) => notices.push(line) });
    for (let i = 0; i < 3; i++) expect(sums({ threads: pool })).toEqual(wanted());
    expect(notices).toEqual([
      `hadal: the native engine goes on with ${threads}: the system starts no thread (error 11)`,
    ]);
    expect(pool.limit).toBe(most);
    const opened = openNative({ threads: pool });
    const before = config.numThreads;
    config.numThreads = 8;
    expect(opened.ok && opened.device.threads.count).toBe(most + 1);
    config.numThreads = before;
  });

  it('says so where the system refuses', () => {
    const notices: string[] = [];
    const { threads } = new Machine(koffi());
    // No system has room for such a stack.
    const machine = machineWith((entry, seat, _, name) => threads.start(entry, seat, 2 ** 47, name));
    const pool = new ThreadPool(machine, { notice: (line) => notices.push(line) });
    expect(sums({ threads: pool })).toEqual(wanted());
    expect(notices).toEqual([
      expect.stringMatching(
        /^hadal: the native engine goes on with one thread: the system starts no thread \(error \d+\)$/,
      ),
    ]);
    expect([pool.workers, pool.limit]).toEqual([0, 0]);
  });

  it('says so where the pool finds no memory, or that of another version', () => {
    const notices: string[] = [];
    const notice = (line: string): number => notices.push(line);
    const machine = new Machine(koffi());
    const memory = new ArrayBuffer(POOL_BYTES);
    new Uint32Array(memory)[layout.version / 4] = LAYOUT_VERSION + 1;
    for (const found of [
      { ok: false, reason: 'something else lies there' } as const,
      { ok: true, value: machine.address(memory) } as const,
    ]) {
      const pool = new ThreadPool(
        machineWith(
          () => ({ ok: true, value: null }),
          () => found,
        ),
        { notice },
      );
      expect(sums({ threads: pool })).toEqual(wanted());
      expect(pool.limit).toBe(0);
    }
    expect(notices).toEqual([
      'hadal: the native engine goes on with one thread: something else lies there',
      'hadal: the native engine goes on with one thread: another version of hadal has the threads of this process',
    ]);
  });

  it('tells its memory from other memory by the map of the process', () => {
    const maps = [
      '686164000000-686164003000 rw-p 00000000 00:00 0 ',
      '686165000000-686165003000 r--p 00000000 00:00 0 ',
      '686166000000-686166001000 rw-p 00000000 00:00 0 [heap]',
    ].join('\n');
    expect(isWritable(maps, 0x686164000000, 0x3000)).toBe(true);
    expect(isWritable(maps, 0x686164000000, 0x3001)).toBe(false);
    expect(isWritable(maps, 0x686164001000, 0x1000)).toBe(false);
    expect(isWritable(maps, 0x686165000000, 0x1000)).toBe(false);
    expect(isWritable('', 0x686164000000, 1)).toBe(false);
    expect(isWritable('686164000000', 0x686164000000, 1)).toBe(false);
  });

  it('finds memory of the process once', () => {
    const { threads } = new Machine(koffi());
    const address = 0x6861_6500_0000;
    const first = threads.memoryOfProcess(address, 8192);
    expect(first).toEqual({ ok: true, value: address });
    expect(new Machine(koffi()).threads.memoryOfProcess(address, 8192)).toEqual(first);
    expect(threads.memoryOfProcess(address, 1 << 20)).toEqual({
      ok: false,
      reason: 'something else lies at address 0x686165000000',
    });
  });
});

describe.skipIf(!here.ok)(`a process with native workers${why}`, () => {
  let program = '';
  beforeAll(async () => {
    program = await bundleChild(fileURLToPath(new URL('./native-child.ts', import.meta.url)));
  });

  interface Ended {
    readonly code: number | null;
    readonly signal: string | null;
    readonly lines: readonly string[];
    readonly afterMs: number;
  }

  /** Runs the child; `act` is called when it has said that it is ready, and `afterMs` counts from then. */
  async function run(how: string, act: (child: ChildProcess) => void = () => {}): Promise<Ended> {
    const child = spawn(process.execPath, [program, how], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let readyAt = 0;
    child.stdout.on('data', (data: Buffer) => {
      output += data.toString();
      if (readyAt === 0 && output.includes('ready\n')) {
        readyAt = performance.now();
        act(child);
      }
    });
    child.stderr.on('data', (data: Buffer) => {
      output += data.toString();
    });
    const late = setTimeout(() => child.kill('SIGKILL'), 30_000);
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
    clearTimeout(late);
    return { code, signal, lines: output.trim().split('\n'), afterMs: performance.now() - readyAt };
  }

  it.each(['by itself', 'exit', 'exit while isolates compute', 'terminate'])(
    'ends in time and without a word: %s',
    async (how) => {
      const ended = await run(how);
      expect(ended).toMatchObject({ code: 0, signal: null, lines: ['ready'] });
      expect(ended.afterMs).toBeLessThan(20_000);
    },
    40_000,
  );

  it('ends by a signal, or handles it, while it computes', async () => {
    const killed = await run('forever', (child) => child.kill('SIGINT'));
    expect(killed).toMatchObject({ code: null, signal: 'SIGINT', lines: ['ready'] });
    const handled = await run('until SIGINT', (child) => child.kill('SIGINT'));
    expect(handled).toMatchObject({ code: 0, signal: null, lines: ['ready', 'SIGINT', 'same'] });
  }, 60_000);

  it('has one pool for all isolates, whose results are the same bits', async () => {
    expect(await run('isolates')).toMatchObject({
      code: 0,
      lines: ['ready', 'same', 'same', 'same', 'workers 2'],
    });
  }, 40_000);
});
