/** Kills a training at random moments, starts it again each time, and compares its end with that of a run that was left alone. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const entry = fileURLToPath(new URL('./resume-child.ts', import.meta.url));
/** Beside the installed packages, so that koffi is found from there; git ignores it. */
const cache = fileURLToPath(new URL('../../../../node_modules/.cache/hadal/', import.meta.url));

/** Puts a program with all it imports into one file that Node runs. */
export async function buildProgram(source: string): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: 'silent',
    build: { write: false, ssr: source, target: 'node20', rolldownOptions: { external: ['koffi'] } },
  });
  const [output] = Array.isArray(result) ? result : [result];
  if (!('output' in output)) throw new Error('nothing was built');
  const program = join(cache, `${basename(source, '.ts')}-${process.pid}.mjs`);
  mkdirSync(cache, { recursive: true });
  writeFileSync(program, output.output.map((o) => (o.type === 'chunk' ? o.code : '')).join('\n'));
  return program;
}

interface Life {
  readonly killed: boolean;
  readonly milliseconds: number;
}

/** One process, killed after a while if it still runs then. */
function live(program: string, dir: string, everySteps: number, killAfter: number): Promise<Life> {
  return new Promise((resolve, reject) => {
    const begun = performance.now();
    const child = spawn(process.execPath, [program, 'child', dir, String(everySteps)], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    const timer = Number.isFinite(killAfter) ? setTimeout(() => child.kill('SIGKILL'), killAfter) : undefined;
    child.on('error', reject);
    child.on('exit', (code, by) => {
      clearTimeout(timer);
      const milliseconds = performance.now() - begun;
      if (by !== null) resolve({ killed: true, milliseconds });
      else if (code === 0) resolve({ killed: false, milliseconds });
      else reject(new Error(`the child ended with ${code}: ${errors}`));
    });
  });
}

export interface KillResult {
  readonly kills: number;
  readonly runs: number;
  /** What of a run's end was not that of the run that was left alone; empty if all is well. */
  readonly differences: readonly string[];
}

export interface KillOptions {
  readonly kills: number;
  /** A number from 0 to 1 at each call. */
  readonly random: () => number;
  readonly print?: (line: string) => void;
}

/** Goes on until so many kills have hit; each run that comes to its end is compared. */
export async function killRuns({ kills, random, print = () => {} }: KillOptions): Promise<KillResult> {
  const program = await buildProgram(entry);
  const base = mkdtempSync(join(tmpdir(), 'hadal-kill-'));
  const read = (dir: string) => ({
    result: readFileSync(join(dir, 'result.json'), 'utf8'),
    log: readFileSync(join(dir, 'log.csv'), 'utf8'),
  });
  const fresh = (name: string): string => {
    const dir = join(base, name);
    mkdirSync(dir);
    return dir;
  };
  try {
    const alone = fresh('alone');
    const whole = await live(program, alone, 7, Number.POSITIVE_INFINITY);
    const expected = read(alone);
    print(`left alone: ${Math.round(whole.milliseconds)} ms`);
    const differences: string[] = [];
    let [hits, runs] = [0, 0];
    while (hits < kills) {
      runs++;
      const everySteps = 1 + Math.floor(random() * 7);
      const dir = fresh(`run-${runs}`);
      for (;;) {
        const killAfter =
          hits < kills ? whole.milliseconds * (0.15 + 0.6 * random()) : Number.POSITIVE_INFINITY;
        const { killed, milliseconds } = await live(program, dir, everySteps, killAfter);
        if (killed) {
          hits++;
          print(
            `run ${runs}, a checkpoint every ${everySteps} steps: kill ${hits} after ${Math.round(milliseconds)} ms`,
          );
          continue;
        }
        const found = read(dir);
        for (const part of ['result', 'log'] as const) {
          if (found[part] !== expected[part])
            differences.push(`run ${runs}: ${part}: ${found[part]} is not ${expected[part]}`);
        }
        print(`run ${runs} has come to its end, ${differences.length === 0 ? 'the same' : 'another'}`);
        break;
      }
    }
    return { kills: hits, runs, differences };
  } finally {
    rmSync(base, { recursive: true, force: true });
    rmSync(program, { force: true });
  }
}
