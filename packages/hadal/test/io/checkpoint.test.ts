import { spawn } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  promises,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ArgumentError, FileError, FormatError, HadalError } from '../../src/base/errors.js';
import { listCheckpoints, loadCheckpoint, saveCheckpoint } from '../../src/io/checkpoint.js';
import {
  type CheckpointContent,
  prune,
  readNewest,
  sweep,
  writeCheckpoint,
} from '../../src/io/checkpoint-folder.js';
import { type FileHandle, type FilePromises, nodeSystem, type System } from '../../src/io/files.js';
import { showWriter, thisWriter } from '../../src/io/writer.js';
import { setEngine, tensor } from '../../src/tensor/index.js';
import { bundleChild } from '../support/child.js';

const root = mkdtempSync(join(tmpdir(), 'hadal-checkpoint-'));
let count = 0;
let dir = '';
beforeAll(() => setEngine('reference'));
beforeEach(() => {
  dir = join(root, String(count++));
});
afterAll(() => rmSync(root, { recursive: true }));

function content(step: number): CheckpointContent {
  return {
    step,
    model: new Map([['weight', tensor([step, 2])]]),
    optimizer: {
      tensors: new Map([['weight.mean', tensor([-step])]]),
      settings: { lr: 0.1, betas: [0.9, 0.99] },
    },
    state: { epoch: 3, history: [{ loss: Number.NaN, best: Number.NEGATIVE_INFINITY }], name: 'run' },
  };
}

const warnings: string[] = [];
const warn = (line: string): void => void warnings.push(line);
beforeEach(() => {
  warnings.length = 0;
});

/** Steps of the checkpoints of a folder, newest first. */
const steps = async (folder = dir) => (await listCheckpoints(folder)).map(({ step }) => step);

describe('saveCheckpoint and loadCheckpoint', () => {
  test('give back model, optimizer and state', async () => {
    const path = await saveCheckpoint(join(dir, 'deep'), content(7));
    expect(path).toBe(join(dir, 'deep', 'checkpoint-000000000007'));
    const loaded = await loadCheckpoint(join(dir, 'deep'));
    expect(loaded).toMatchObject({ path, step: 7, state: content(7).state });
    expect(loaded?.model.get('weight')?.tolistSync()).toEqual([7, 2]);
    expect(loaded?.optimizer?.tensors.get('weight.mean')?.tolistSync()).toEqual([-7]);
    expect(loaded?.optimizer?.settings).toEqual({ lr: 0.1, betas: [0.9, 0.99] });
    expect(readdirSync(path).sort()).toEqual([
      'checkpoint.json',
      'model.safetensors',
      'optimizer.safetensors',
    ]);
  });

  test('do without an optimizer', async () => {
    await saveCheckpoint(dir, { step: 0, model: new Map(), state: null });
    expect(await loadCheckpoint(dir)).toMatchObject({ step: 0, state: null });
    expect((await loadCheckpoint(dir))?.optimizer).toBeUndefined();
  });

  test('nothing there is null', async () => {
    expect(await loadCheckpoint(dir)).toBeNull();
    mkdirSync(dir);
    expect(await loadCheckpoint(dir)).toBeNull();
    expect(await listCheckpoints(dir)).toEqual([]);
  });

  test('keep the newest by step', async () => {
    for (const step of [1, 2, 10, 9]) await saveCheckpoint(dir, content(step), { keep: 2 });
    expect(await steps()).toEqual([10, 9]);
    expect((await loadCheckpoint(dir))?.step).toBe(10);
    await saveCheckpoint(dir, content(11));
    expect(await steps()).toEqual([11, 10, 9]);
    // The one just saved stays even if it is the oldest.
    await saveCheckpoint(dir, content(3), { keep: 1 });
    expect(await steps()).toEqual([11, 3]);
  });

  test('the same step again does not overwrite', async () => {
    await saveCheckpoint(dir, content(5));
    const second = await saveCheckpoint(dir, { ...content(5), state: 'second' });
    expect(second).toBe(join(dir, 'checkpoint-000000000005-2'));
    expect(await steps()).toEqual([5, 5]);
    expect((await loadCheckpoint(dir))?.state).toBe('second');
  });

  test.each([
    [{ ...content(1), step: -1 }, {}, /step is an integer from 0/],
    [{ ...content(1), step: 1.5 }, {}, /step is an integer/],
    [content(1), { keep: 0 }, /keep is a positive integer/],
    [{ ...content(1), state: { f: (() => 1) as unknown as string } }, {}, /state: "f" is a function/],
  ])('refuses %#', async (bad, options, message) => {
    await saveCheckpoint(dir, content(1));
    await expect(saveCheckpoint(dir, bad, options)).rejects.toThrow(ArgumentError);
    await expect(saveCheckpoint(dir, bad, options)).rejects.toThrow(message);
    expect(readdirSync(dir)).toEqual(['checkpoint-000000000001']);
  });

  // Node's own recursive mkdir never returns there.
  test.runIf(process.platform === 'linux')('a folder that cannot be made is a FileError', async () => {
    await expect(saveCheckpoint('/proc/hadal/deep', content(1))).rejects.toThrow(FileError);
  });

  test('a file in the way is a FileError that says so', async () => {
    writeFileSync(dir, 'x');
    await expect(saveCheckpoint(dir, content(1))).rejects.toThrow(FileError);
    await expect(saveCheckpoint(join(dir, 'a'), content(1))).rejects.toThrow(/a part of the path is a file/);
  });
});

describe('a damaged checkpoint is skipped with its reason', () => {
  const manifest = (path: string, change: (text: string) => string): void => {
    const file = join(path, 'checkpoint.json');
    writeFileSync(file, change(readFileSync(file, 'utf8')));
  };
  test.each<[string, (path: string) => void, RegExp]>([
    ['a file is missing', (p) => rmSync(join(p, 'model.safetensors')), /cannot read .*model.*ENOENT/],
    ['a file is cut', (p) => truncateSync(join(p, 'model.safetensors'), 20), /expected \d+ bytes .*found 20/],
    ['a file grew', (p) => appendFileSync(join(p, 'optimizer.safetensors'), 'x'), /expected \d+ bytes/],
    [
      'a bit flipped',
      (p) => {
        const file = join(p, 'model.safetensors');
        const bytes = readFileSync(file);
        bytes[bytes.length - 1] ^= 1;
        writeFileSync(file, bytes);
      },
      /expected SHA-256 .* it is damaged/,
    ],
    ['the manifest is missing', (p) => rmSync(join(p, 'checkpoint.json')), /ENOENT/],
    ['the manifest is empty', (p) => manifest(p, () => ''), /expected JSON/],
    ['the manifest is another JSON', (p) => manifest(p, () => '[1]'), /expected format "hadal-checkpoint"/],
    [
      'a newer version',
      (p) => manifest(p, (t) => t.replace('"version": 1', '"version": 2')),
      /expected version 1 .*2/,
    ],
    [
      'another step',
      (p) => manifest(p, (t) => t.replace('"step": 2', '"step": 3')),
      /expected step 2, found 3/,
    ],
    [
      'a path in files',
      (p) => manifest(p, (t) => t.replace('"model.safe', '"../model.safe')),
      /found "\.\.\/model/,
    ],
    ['an empty folder', (p) => readdirSync(p).forEach((f) => rmSync(join(p, f))), /ENOENT/],
  ])('%s', async (_, damage, reason) => {
    await saveCheckpoint(dir, content(1));
    damage(await saveCheckpoint(dir, content(2)));
    expect((await loadCheckpoint(dir, { warn }))?.step).toBe(1);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/^hadal: skipped checkpoint .*000000000002: /);
    expect(warnings[0]).toMatch(reason);
    await saveCheckpoint(dir, content(3), { keep: 2 });
    expect(await steps()).toEqual(expect.arrayContaining([3, 2]));
  });

  test('one that lacks a file neither counts towards keep nor is removed', async () => {
    for (const step of [1, 2]) await saveCheckpoint(dir, content(step));
    rmSync(join(dir, 'checkpoint-000000000002', 'model.safetensors'));
    await saveCheckpoint(dir, content(3), { keep: 2 });
    expect(await steps()).toEqual([3, 2, 1]);
  });

  test('if none is complete, that is an error and not a fresh start', async () => {
    rmSync(join(await saveCheckpoint(dir, content(2)), 'model.safetensors'));
    await expect(loadCheckpoint(dir, { warn })).rejects.toThrow(FormatError);
    await expect(loadCheckpoint(dir, { warn })).rejects.toThrow(/none of its 1 checkpoints is complete/);
    expect((await listCheckpoints(dir))[0].problem).toMatch(/ENOENT/);
  });
});

/** A system whose calls are counted; the `fails`-th throws `code`, and so do all that write after it if the disk is full. */
function faulty(fails: number, code: string): { system: System; calls: () => number } {
  let calls = 0;
  const real = nodeSystem('test');
  const fail = (): Error => Object.assign(new Error(`${code}: injected`), { code });
  const counted =
    <A extends readonly unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (++calls === fails) throw fail();
      return call(...args);
    };
  const handle = (h: FileHandle): FileHandle => ({
    read: counted(h.read.bind(h)),
    // A disk that fills up takes a part of the bytes.
    write: counted((from, offset, length) => h.write(from, offset, Math.min(length, 1000))),
    stat: counted(h.stat.bind(h)),
    sync: counted(h.sync.bind(h)),
    close: async () => {
      await h.close();
      if (++calls === fails) throw fail();
    },
  });
  const files: FilePromises = {
    open: counted(async (path, flags) => handle(await promises.open(path, flags))),
    mkdir: counted((path, options) => promises.mkdir(path, options)),
    rename: counted((from, to) => promises.rename(from, to)),
    readdir: counted((path) => promises.readdir(path)),
    rm: counted((path, options) => promises.rm(path, options)),
    stat: counted((path) => promises.stat(path)),
  };
  return { system: { ...real, files }, calls: () => calls };
}

describe('a failure of the disk at any call', () => {
  const save = async (system: System, step: number): Promise<void> => {
    const path = await writeCheckpoint(system, dir, content(step));
    await sweep(system, dir);
    await prune(system, dir, 2, path);
  };

  test.each(['ENOSPC', 'EACCES', 'EIO'])(
    '%s loses no earlier checkpoint and is a typed error',
    async (code) => {
      const base = join(root, `base-${code}`);
      for (const step of [1, 2]) await saveCheckpoint(base, content(step), { keep: 2 });
      const count = faulty(0, code);
      dir = join(root, `${code}-count`);
      cpSync(base, dir, { recursive: true });
      await save(count.system, 3);
      expect(count.calls()).toBeGreaterThan(30);

      for (let n = 1; n <= count.calls(); n++) {
        dir = join(root, `${code}-${n}`);
        cpSync(base, dir, { recursive: true });
        const failure: unknown = await save(faulty(n, code).system, 3).then(
          () => null,
          (error: unknown) => error,
        );
        if (failure !== null) {
          expect(failure, `call ${n}`).toBeInstanceOf(HadalError);
          expect((failure as Error).message, `call ${n}`).toMatch(/^cannot .*\//);
          expect((failure as Error).message, `call ${n}`).toContain(code);
        }
        const loaded = await readNewest(nodeSystem('test'), dir, warn);
        expect(loaded?.step, `call ${n}`).toBeGreaterThanOrEqual(failure === null ? 3 : 2);
        expect(warnings).toEqual([]);
        expect(await steps(), `call ${n}`).toContain(2);
        // The next save goes through and leaves what it should.
        await saveCheckpoint(dir, content(4), { keep: 2 });
        expect((await loadCheckpoint(dir, { warn }))?.step).toBe(4);
        rmSync(dir, { recursive: true });
      }
    },
    120_000,
  );

  test('a read that fails while loading goes on with an older one, with a warning', async () => {
    for (const step of [1, 2]) await saveCheckpoint(dir, content(step));
    const { calls, system } = faulty(0, 'EIO');
    await readNewest(system, dir, warn);
    for (let n = 2; n <= calls(); n++) {
      warnings.length = 0;
      const loaded = await readNewest(faulty(n, 'EIO').system, dir, warn);
      expect(loaded?.step).toBe(1);
      expect(warnings[0]).toContain('the disk failed');
    }
  });
});

describe('what others left', () => {
  const system = nodeSystem('test');
  const own = thisWriter(system);
  const dead = { ...own, pid: 2 ** 30, token: '00000001' };
  const parent = { ...own, pid: process.ppid, token: '00000002' };
  const elsewhere = { ...own, host: '00000000', token: '00000003' };
  const other = { ...own, token: '00000004' };
  const long = new Date(Date.now() - 48 * 3600 * 1000);

  const leave = (name: string, modified?: Date): void => {
    mkdirSync(join(dir, name), { recursive: true });
    writeFileSync(join(dir, name, 'model.safetensors'), 'half');
    if (modified !== undefined) utimesSync(join(dir, name), modified, modified);
  };

  test('is removed where its writer is gone, and only there', async () => {
    const stay = [
      `.writing-${showWriter(own)}-00000000`,
      `.writing-${showWriter(parent)}-00000000`,
      `.writing-${showWriter(elsewhere)}-00000000`,
      `.writing-${showWriter(other)}-00000000`,
      '.writing-by-hand',
      'notes',
    ];
    for (const name of stay) leave(name);
    leave(`.writing-${showWriter(dead)}-00000001`);
    leave(`.removing-${showWriter(dead)}-00000002`);
    leave(`.writing-${showWriter(elsewhere)}-00000003`, long);
    leave(`.writing-${showWriter(other)}-00000003`, long);
    expect(await loadCheckpoint(dir)).toBeNull();
    expect(readdirSync(dir).sort()).toEqual([...stay].sort());
  });

  const disown = (step: number, writer: Parameters<typeof showWriter>[0]): void => {
    const file = join(dir, `checkpoint-${String(step).padStart(12, '0')}`, 'checkpoint.json');
    writeFileSync(file, readFileSync(file, 'utf8').replace(showWriter(own), showWriter(writer)));
  };

  test('checkpoints of a process that runs do not count and stay; those of a dead one do and go', async () => {
    for (const step of [1, 2, 3, 100]) await saveCheckpoint(dir, content(step));
    disown(1, dead);
    disown(2, parent);
    disown(3, dead);
    disown(100, parent);
    await saveCheckpoint(dir, content(4), { keep: 2 });
    expect(await steps()).toEqual([100, 4, 3, 2]);
  });
});

describe('processes', { timeout: 120_000 }, () => {
  let program = '';
  beforeAll(async () => {
    program = await bundleChild(fileURLToPath(new URL('./checkpoint-child.ts', import.meta.url)));
  }, 60_000);

  /** Runs a writer until it has said `lines` lines and `ms` more milliseconds have passed, then kills it; the last step it said. */
  function writeAndKill(first: number, lines: number, ms: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [program, dir, String(first), '2'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let said = '';
      let timer: NodeJS.Timeout | null = null;
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        if (timer === null && said.split('\n').length > lines)
          timer = setTimeout(() => child.kill('SIGKILL'), ms);
      });
      child.on('error', reject);
      child.on('exit', (_, signal) => {
        const last = Number(said.trimEnd().split('\n').at(-1));
        if (signal === 'SIGKILL') resolve(last);
        else reject(new Error(`the child ended by itself after step ${last}`));
      });
    });
  }

  test('killed at random moments leave the last checkpoint that they said was saved, or a later one', async () => {
    let next = 1;
    for (let kill = 0; kill < 12; kill++) {
      const last = await writeAndKill(next, 2, (kill * 7919) % 23);
      const loaded = await loadCheckpoint(dir, { warn });
      expect(warnings).toEqual([]);
      expect(loaded?.step).toBeGreaterThanOrEqual(last);
      expect(loaded?.state).toEqual({ step: loaded?.step });
      expect(loaded?.model.get('weight')?.tolistSync()).toEqual(new Array(1000).fill(loaded?.step));
      // What the killed one left half done is gone.
      expect(readdirSync(dir).filter((name) => name.startsWith('.'))).toEqual([]);
      next = (loaded?.step ?? 0) + 1;
    }
  });

  test('two writers at once keep both of their newest', async () => {
    const start = (first: number) => {
      const child = spawn(process.execPath, [program, dir, String(first), '2'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let said = '';
      const enough = new Promise<void>((resolve) => {
        child.stdout.setEncoding('utf8').on('data', (text: string) => {
          said += text;
          if (said.split('\n').length > 12) resolve();
        });
      });
      return { child, enough, last: () => Number(said.trimEnd().split('\n').at(-1)) };
    };
    const writers = [start(1), start(1_000_000)];
    await Promise.all(writers.map(({ enough }) => enough));
    // Stopped, but alive: neither may be taken for dead by the other.
    for (const { child } of writers) child.kill('SIGSTOP');
    try {
      const found = await steps();
      for (const { last } of writers) {
        const own = found.filter((step) => step > 500_000 === last() > 500_000);
        expect(own[0]).toBeGreaterThanOrEqual(last());
        expect(own.length).toBeGreaterThanOrEqual(2);
      }
      expect((await loadCheckpoint(dir, { warn }))?.step).toBeGreaterThan(1_000_000);
      expect(warnings).toEqual([]);
    } finally {
      for (const { child } of writers) child.kill('SIGKILL');
    }
  });
});
