/** Ctrl-C while a model trains, in a process of its own. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { interruptSignal, loadCheckpoint } from '../../src/index.js';
import { buildProgram } from './kill-runs.js';

let program = '';
let base = '';

beforeAll(async () => {
  program = await buildProgram(fileURLToPath(new URL('./interrupt-child.ts', import.meta.url)));
  base = mkdtempSync(join(tmpdir(), 'hadal-interrupt-'));
});

afterAll(() => {
  rmSync(base, { recursive: true, force: true });
  rmSync(program, { force: true });
});

interface Ended {
  readonly code: number | null;
  readonly by: string | null;
  readonly output: string;
}

/** Sends signals one after the other to a child that trains. */
function interrupted(dir: string, signals: readonly NodeJS.Signals[]): Promise<Ended> {
  mkdirSync(dir);
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, dir], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stderr.once('data', () => {
      signals.forEach((signal, i) => setTimeout(() => child.kill(signal), 200 * (i + 1)));
    });
    child.on('error', reject);
    child.on('exit', (code, by) => resolve({ code, by, output }));
  });
}

describe('interruptSignal', () => {
  test.each<NodeJS.Signals>(['SIGINT', 'SIGTERM'])(
    '%s ends the training with a checkpoint',
    async (signal) => {
      const dir = join(base, signal);
      const { code, output } = await interrupted(dir, [signal]);
      expect(code).toBe(0);
      const lines = output.trimEnd().split('\n');
      const result = JSON.parse(lines.at(-2) ?? '') as {
        interrupted: boolean;
        steps: number;
        reason: string;
      };
      expect(result.interrupted).toBe(true);
      expect(result.reason).toMatch(
        /^interrupted .*epoch \d+ of 100000.*; to go on, call fit with the same options and resume: true/,
      );
      // The bar's line was ended, and the reason stands on one of its own.
      expect(lines.at(-3)).toBe(result.reason);
      expect(lines.at(-1)).toBe('[0,0]');
      expect((await loadCheckpoint(dir))?.step).toBe(result.steps);
    },
  );

  test('a second one ends the process at once', async () => {
    const { by } = await interrupted(join(base, 'twice'), ['SIGINT', 'SIGINT']);
    expect(by).toBe('SIGINT');
  });

  test('catches nothing where nothing trains', () => {
    const before = process.listenerCount('SIGINT');
    expect(interruptSignal().aborted).toBe(false);
    expect(process.listenerCount('SIGINT')).toBe(before);
  });
});
