/** Worker threads of the wasm engine: the same bits as on one thread, and what happens when a worker is lost. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { ArgumentError, DeviceError } from '../../src/base/errors.js';
import { FunctionWriter } from '../../src/codegen/wasm/function-writer.js';
import { writeModule } from '../../src/codegen/wasm/module-writer.js';
import { Engine } from '../../src/engine/engine.js';
import { wasmBackend } from '../../src/engine/select.js';
import { config } from '../../src/index.js';
import { openWasm } from '../../src/runtime/wasm/index.js';
import {
  openPool,
  type PoolOptions,
  type SharedKernel,
  type ThreadPool,
} from '../../src/runtime/wasm/threads/pool.js';
import { hostSpawn, type Spawn, type WorkerHandle } from '../../src/runtime/wasm/threads/spawn.js';
import { webAssembly } from '../../src/runtime/wasm/webassembly.js';
import { Workspace, withWorkspace } from '../../src/tensor/workspace.js';
import { bundleChild } from '../support/child.js';
import { compareOutcomes, sameBits } from '../support/compare.js';
import { printProgram, runProgram } from '../support/program.js';
import { programs } from '../support/random-program.js';
import { openThreadedWasm } from '../support/threaded-wasm.js';
import { bitsOf, cases, some } from './cases.js';

const spawn: Spawn = (source, start) => {
  const host = hostSpawn();
  if (!host) throw new Error('this host has no threads');
  return host(source, start);
};

/** A workspace on the wasm engine whose launches are cut into so many shares, however small they are. */
function threaded(count: number, pool: Partial<PoolOptions> = {}): Workspace {
  const opened = wasmBackend({ shares: { count, leastShareNs: 0 }, pool });
  if (!opened.ok) throw new Error(opened.reason);
  return new Workspace(new Engine(opened.backend));
}

/** Workers whose `nth` share runs `body` before anything else. */
function faulty(body: string, nth: number, handles: WorkerHandle[] = []): Spawn {
  const fault = `
    const Real = WebAssembly.Instance;
    let left = ${nth};
    WebAssembly.Instance = function (module, imports) {
      const { run } = new Real(module, imports).exports;
      return { exports: { run: (blocks, count) => { if (--left === 0) { ${body} } run(blocks, count); } } };
    };`;
  return (source, start) => {
    const handle = spawn(`${fault}\n${source}`, start);
    handles.push(handle);
    return handle;
  };
}

const sleeper = new Int32Array(new SharedArrayBuffer(4));
function sleep(ms: number): void {
  Atomics.wait(sleeper, 0, 0, ms);
}

/** What there is to run at the level of the pool: run(at, by) adds to a number in memory. */
function increment(): Uint8Array {
  const writer = new FunctionWriter(['i32', 'i32']);
  const { code } = writer;
  code.get(0);
  code.get(0);
  code.memory('i32.load', 4, 0);
  code.get(1);
  code.op('i32.add');
  code.memory('i32.store', 4, 0);
  return writeModule({ shared: true }, [{ params: writer.params, body: writer.finish() }], 'run');
}

const INCREMENT = increment();

interface Small {
  readonly pool: ThreadPool;
  readonly words: Int32Array;
  readonly notices: string[];
  kernel(before?: () => void): SharedKernel;
}

const opened: ThreadPool[] = [];
afterEach(() => {
  for (const pool of opened.splice(0)) pool.close();
});

function small(options: Partial<PoolOptions> = {}): Small {
  const api = webAssembly();
  if (!api) throw new Error('no WebAssembly');
  const memory = new api.Memory({ initial: 1, maximum: 65535, shared: true });
  const notices: string[] = [];
  const pool = openPool(memory, { workers: 3, notice: (line) => notices.push(line), ...options });
  if (!pool) throw new Error('no pool');
  opened.push(pool);
  const { run } = new api.Instance(new api.Module(INCREMENT), { env: { memory } }).exports as unknown as {
    readonly run: (at: number, by: number) => void;
  };
  return {
    pool,
    words: new Int32Array(memory.buffer),
    notices,
    kernel: (before = () => {}) => ({
      name: 'increment',
      id: 0,
      code: INCREMENT,
      run: (at, by) => {
        before();
        run(at, by);
      },
    }),
  };
}

const own = { blocks: 64, count: 1 };
const others = [1, 2, 3].map((i) => ({ blocks: 64 + 64 * i, count: 10 * i }));
const at = (words: Int32Array): number[] => [16, 32, 48, 64].map((i) => words[i]);

/** Runs launches until the workers wait for work. */
function warm({ pool, kernel }: Small, workers: number): void {
  const until = performance.now() + 10_000;
  while (pool.ready < workers) {
    if (performance.now() > until) throw new Error('the workers do not start');
    pool.run(
      kernel(),
      { blocks: 1024, count: 0 },
      others.slice(0, workers).map(() => ({ blocks: 1024, count: 0 })),
    );
    sleep(1);
  }
}

describe('a pool', () => {
  it('runs every share once, whether workers are ready or not', () => {
    const s = small();
    for (let i = 0; i < 3; i++) s.pool.run(s.kernel(), own, others);
    expect(at(s.words)).toEqual([3, 30, 60, 90]);
    warm(s, 3);
    for (let i = 0; i < 1000; i++) s.pool.run(s.kernel(), own, others);
    expect(at(s.words)).toEqual([1003, 10030, 20060, 30090]);
    expect(s.pool.usable).toBe(true);
    expect(s.notices).toEqual([]);
  });

  it('leaves shares to workers that are ready', () => {
    const s = small();
    warm(s, 3);
    let mine = 0;
    s.pool.run(
      s.kernel(() => {
        mine++;
        sleep(300);
      }),
      own,
      others,
    );
    expect(mine).toBe(1);
    expect(at(s.words)).toEqual([1, 10, 20, 30]);
  });

  it('hands an error in a worker to the caller, and goes on', () => {
    const s = small({ spawn: faulty("throw new WebAssembly.RuntimeError('unreachable')", 3), workers: 1 });
    warm(s, 1);
    const run = (): void =>
      s.pool.run(
        s.kernel(() => sleep(30)),
        own,
        others.slice(0, 1),
      );
    const errors: unknown[] = [];
    for (let i = 0; i < 4; i++) {
      try {
        run();
      } catch (error) {
        errors.push(error);
      }
    }
    expect(errors.map(String)).toEqual([
      expect.stringMatching(/DeviceError: kernel increment failed in a worker thread: .*unreachable/),
    ]);
    expect(s.pool.usable).toBe(true);
  });

  it('hands an error of its own share to the caller after all others have run', () => {
    const s = small();
    warm(s, 3);
    const broken = s.kernel(() => {
      sleep(200);
      throw new Error('memory access out of bounds');
    });
    expect(() => s.pool.run(broken, own, others)).toThrow(
      /kernel increment failed: memory access out of bounds/,
    );
    expect(at(s.words)).toEqual([0, 10, 20, 30]);
  });

  it.each([
    ['ends itself', 'process.exit(3)', /has ended itself|does not exist|code 3/, 10_000],
    [
      'throws outside of a kernel',
      "Atomics.store = () => { throw new Error('broken') }",
      /does not exist|broken/,
      10_000,
    ],
    ['hangs', 'for (;;);', /has not answered for \d/, 300],
  ])(
    'reports a worker that %s in the middle of a share, and goes on with one thread',
    (_, body, reason, patienceMs) => {
      const s = small({ spawn: faulty(body, 1), workers: 1, patienceMs });
      // The first share begins the fault, so nothing may be run to wait for the worker.
      s.pool.run(s.kernel(), own, [{ blocks: 1024, count: 0 }]);
      while (s.pool.ready < 1) sleep(1);
      const begun = performance.now();
      const run = (): void =>
        s.pool.run(
          s.kernel(() => sleep(100)),
          own,
          others.slice(0, 1),
        );
      expect(run).toThrow(DeviceError);
      expect(performance.now() - begun).toBeLessThan(5000);
      expect(s.pool.usable).toBe(false);
      expect(s.notices).toEqual([
        expect.stringMatching(/^hadal: the wasm engine goes on with one thread, a worker thread was lost/),
      ]);
      expect(s.notices[0]).toMatch(reason);
      s.words.fill(0);
      run();
      expect(at(s.words).slice(0, 2)).toEqual([1, 10]);
      expect(s.notices.length).toBe(1);
    },
  );

  it('reports a worker that is terminated in the middle of a share', () => {
    const handles: WorkerHandle[] = [];
    const s = small({ spawn: faulty('for (;;);', 1, handles), workers: 1 });
    s.pool.run(s.kernel(), own, [{ blocks: 1024, count: 0 }]);
    while (s.pool.ready < 1) sleep(1);
    const kill = s.kernel(() => {
      sleep(200);
      handles[0].terminate();
    });
    expect(() => s.pool.run(kill, own, others.slice(0, 1))).toThrow(/lost in the middle of kernel increment/);
  });

  it('loses nothing when a worker is terminated between launches', async () => {
    const handles: WorkerHandle[] = [];
    const s = small({
      spawn: (source, start) => {
        const handle = spawn(source, start);
        handles.push(handle);
        return handle;
      },
    });
    warm(s, 3);
    handles[1].terminate();
    for (let i = 0; i < 20; i++) {
      s.pool.run(
        s.kernel(() => sleep(2)),
        own,
        others,
      );
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(at(s.words)).toEqual([20, 200, 400, 600]);
    expect(s.pool.usable).toBe(false);
    expect(s.notices.length).toBe(1);
  });

  it('goes on with one thread where none can be started', () => {
    const s = small({
      spawn: () => {
        throw new Error('not allowed here');
      },
    });
    s.pool.run(s.kernel(), own, others);
    expect(at(s.words)).toEqual([1, 10, 20, 30]);
    expect(s.notices).toEqual([
      'hadal: the wasm engine goes on with one thread, no worker thread can be started: not allowed here',
    ]);
  });
});

describe('the engine on threads', () => {
  const one = threaded(1);
  const three = threaded(3);

  it('shares its memory, and starts no worker before there is a share for one', () => {
    const device = openWasm({ threaded: true });
    expect(device).toMatchObject({ ok: true, device: { shared: true, readyWorkers: 0 } });
  });

  it.each(Object.entries(cases))('gives the same bits for %s', (_, make) => {
    const whole = withWorkspace(one, () => bitsOf(make));
    for (let i = 0; i < 3; i++) expect(withWorkspace(three, () => bitsOf(make))).toEqual(whole);
  });

  it('gives the same bits for random programs', () => {
    fc.assert(
      fc.property(
        programs(12).map((program) => ({ program, toString: () => printProgram(program) })),
        ({ program }) => {
          expect(compareOutcomes(runProgram(one, program), runProgram(three, program), sameBits)).toBeNull();
        },
      ),
      { numRuns: 80, seed: 20261124, endOnFailure: false, interruptAfterTimeLimit: 12_000 },
    );
  }, 40_000);

  it('grows its memory under running workers', () => {
    withWorkspace(three, () => {
      const kept = [some(1, 1000, 50)];
      for (let i = 0; i < 40; i++) kept.push(kept[0].add(some(i, 1000, 50).mul(i)).mul(1));
      const sums = kept.map((t) => t.sum().itemSync());
      const again = withWorkspace(one, () => {
        const first = some(1, 1000, 50);
        return [
          first,
          ...Array.from({ length: 40 }, (_, i) => first.add(some(i, 1000, 50).mul(i)).mul(1)),
        ].map((t) => t.sum().itemSync());
      });
      expect(sums).toEqual(again);
    });
  });

  it('loses the run in which a worker dies, and is right afterwards', () => {
    const notices: string[] = [];
    const space = threaded(2, { spawn: faulty('process.exit(1)', 5), notice: (line) => notices.push(line) });
    withWorkspace(space, () => {
      const failures: unknown[] = [];
      const wanted = withWorkspace(one, () => bitsOf(cases['a product of odd sizes']));
      for (let i = 0; i < 40; i++) {
        try {
          expect(bitsOf(cases['a product of odd sizes'])).toEqual(wanted);
        } catch (error) {
          if (!(error instanceof DeviceError)) throw error;
          failures.push(error);
        }
        sleep(5);
      }
      expect(failures.map(String)).toEqual([
        expect.stringMatching(/^DeviceError: a worker thread of the wasm engine was lost/),
      ]);
      expect(notices.length).toBe(1);
    });
  });

  it.each([
    ['half as much where the maximum cannot be reserved', 5000, true, /beyond 255\.9 MiB/],
    ['its own memory where none can be shared', -1, false, /beyond 4095\.9 MiB/],
  ])('has %s', (_, mostPages, shared, message) => {
    const api = (globalThis as unknown as { WebAssembly: { Memory: unknown } }).WebAssembly;
    const Real = api.Memory as new (limits: { maximum?: number; shared?: boolean }) => object;
    api.Memory = function Memory(limits: { maximum?: number; shared?: boolean }): object {
      if (limits.shared && (limits.maximum ?? 0) > mostPages)
        throw new RangeError('could not allocate memory');
      return new Real(limits);
    };
    try {
      const { device } = openThreadedWasm();
      expect(device.shared).toBe(shared);
      expect(() => device.allocate(5 * 2 ** 30)).toThrow(message);
    } finally {
      api.Memory = Real;
    }
  });

  it('counts threads by config.numThreads, from the next run on', () => {
    const opened = wasmBackend();
    if (!opened.ok) throw new Error(opened.reason);
    const before = config.numThreads;
    try {
      config.numThreads = 1;
      expect(opened.backend.threads.count).toBe(1);
      config.numThreads = 4;
      expect(opened.backend.threads.count).toBe(4);
      for (const wrong of [0, -1, 1.5, Number.NaN, 65, '2' as unknown as number]) {
        expect(() => {
          config.numThreads = wrong;
        }).toThrow(ArgumentError);
        expect(opened.backend.threads.count).toBe(4);
      }
    } finally {
      config.numThreads = before;
    }
  });
});

describe('a process with workers', () => {
  it('ends by itself, in time and without a word', async () => {
    const program = await bundleChild(fileURLToPath(new URL('./exit-child.ts', import.meta.url)));
    for (const how of ['by itself', 'exit', 'busy']) {
      const begun = performance.now();
      const output = execFileSync(process.execPath, [program, how], { encoding: 'utf8', timeout: 20_000 });
      const { readyAt, workers } = JSON.parse(output) as { readyAt: number; workers: number };
      expect(workers).toBe(2);
      expect(performance.now() - begun).toBeLessThan(readyAt + 5000);
    }
  }, 60_000);
});
