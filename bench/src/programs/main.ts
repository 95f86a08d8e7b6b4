/** `npm run programs`: short programs of research code beside their twins in PyTorch. */
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { outputOf } from '../children/run.js';
import { ChildError, UsageError } from '../errors.js';
import { integer } from '../options.js';
import { defaultFolder, installed, programs as peers, pythonOf } from '../peer/installation.js';
import { median } from '../statistics.js';
import { disagreement } from './agreement.js';
import { programs } from './index.js';
import { asText, type Outcome, readOutcome } from './outcome.js';
import type { Program, Size } from './program.js';

const help = `Runs short programs as research code is written, here and in PyTorch, and compares what they compute, their time and memory.

Usage: npm run programs -- [options]

  --case C      only programs whose name contains C
  --engine E    native (the default) or wasm
  --threads N   threads of both (default 1)
  --quick       small sizes, as the ordinary tests run them
  --rounds N    processes of each, whose medians count (default 3)
  --peers DIR   where 'npm run bench:setup' installed PyTorch (default bench/.peers)
  --python PATH a Python that has PyTorch, if not that
  --expected DIR  writes what PyTorch computes, for the ordinary tests; with --quick
  --json FILE   writes the figures as a JSON array
  --list        names the programs and ends
  --help        this text

Times are medians of the second half of a program's steps. 'time' is PyTorch's over hadal's: above 1, hadal is ahead. 'memory' is the most
that hadal's process held over PyTorch's: below 1, hadal is ahead.
`;

interface Line {
  readonly program: string;
  readonly threads: number;
  /** Null, or where the two do not agree. */
  readonly disagreement: string | null;
  readonly ms: number;
  readonly peerMs: number;
  readonly time: number;
  readonly memory: number;
}

interface Options {
  readonly programs: readonly Program[];
  readonly engine: string;
  readonly threads: number;
  readonly size: Size;
  readonly rounds: number;
  readonly python: string;
  readonly expected?: string;
  readonly json?: string;
}

async function run(command: readonly string[], threads: number): Promise<Outcome> {
  const environment = { OMP_NUM_THREADS: String(threads), MKL_NUM_THREADS: String(threads) };
  return readOutcome(await outputOf(command, environment));
}

const ownChild = fileURLToPath(new URL('./child.js', import.meta.url));

/** Later steps: earlier ones compile. */
function timeOf({ ms }: Outcome): number {
  return median(ms.slice(ms.length >> 1));
}

async function compare(program: Program, how: 'eager' | 'compile', options: Options): Promise<Line> {
  const { engine, threads, size, rounds, python } = options;
  const own: Outcome[] = [];
  const theirs: Outcome[] = [];
  for (let i = 0; i < rounds; i++) {
    const args = [program.name, engine, String(threads), size, how];
    own.push(await run([process.execPath, ownChild, ...args], threads));
    const peerArgs = [program.name, String(threads), size, String(program.steps[size])];
    theirs.push(await run([python, join(peers, 'programs', 'child.py'), ...peerArgs], threads));
  }
  if (options.expected !== undefined) {
    const text = JSON.stringify(asText(theirs[0].notes));
    writeFileSync(join(options.expected, `${program.name}.json`), `${text}\n`);
  }
  const [ms, peerMs] = [median(own.map(timeOf)), median(theirs.map(timeOf))];
  return {
    program: how === 'compile' ? `${program.name}, compiled` : program.name,
    threads,
    disagreement: disagreement(own[0].notes, theirs[0].notes, program.tolerance ?? 1e-4),
    ms,
    peerMs,
    time: peerMs / ms,
    memory: median(own.map((o) => o.peak)) / median(theirs.map((o) => o.peak)),
  };
}

function show(line: Line): string {
  const figures = `${line.ms.toFixed(2).padStart(9)} ms  time ${line.time.toFixed(2).padStart(6)}  memory ${line.memory.toFixed(2)}`;
  return `${line.program.padEnd(40)} ${figures}  ${line.disagreement ?? 'agrees'}`;
}

function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, x) => sum + Math.log(x), 0) / values.length);
}

function summary(lines: readonly Line[]): string {
  const times = lines.map((line) => line.time);
  const agreeing = lines.filter((line) => line.disagreement === null).length;
  return [
    `${lines.length} programs, ${agreeing} agree`,
    `time: geometric mean ${geometricMean(times).toFixed(2)}, least ${Math.min(...times).toFixed(2)}`,
    `memory: at most ${Math.max(...lines.map((line) => line.memory)).toFixed(2)}`,
  ].join('; ');
}

/** @throws UsageError */
function readOptions(args: readonly string[]): Options | 'help' | 'list' {
  let values: ReturnType<typeof parse>;
  try {
    values = parse(args);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  if (values.help === true) return 'help';
  if (values.list === true) return 'list';
  const chosen = programs.filter((p) => p.name.includes(values.case ?? ''));
  if (chosen.length === 0) throw new UsageError(`no program's name contains '${values.case}'`);
  const folder = resolve(values.peers ?? defaultFolder);
  const { is, note } = installed('torch', folder, values.python);
  if (!is)
    throw new UsageError(
      `PyTorch is not there: ${note}. 'npm run bench:setup' installs it, --python names another`,
    );
  return {
    programs: chosen,
    engine: values.engine ?? 'native',
    threads: integer('threads', values.threads, { least: 1 }),
    size: values.quick === true ? 'quick' : 'full',
    rounds: integer('rounds', values.rounds, { least: 1, usual: 3 }),
    python: pythonOf(folder, values.python),
    ...(values.expected === undefined ? {} : { expected: values.expected }),
    ...(values.json === undefined ? {} : { json: values.json }),
  };
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    options: {
      case: { type: 'string' },
      engine: { type: 'string' },
      threads: { type: 'string' },
      quick: { type: 'boolean' },
      rounds: { type: 'string' },
      peers: { type: 'string' },
      python: { type: 'string' },
      expected: { type: 'string' },
      json: { type: 'string' },
      list: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  }).values;
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (options === 'help') return void process.stdout.write(help);
  if (options === 'list') {
    for (const { name, about } of programs) console.log(`${name.padEnd(36)} ${about}`);
    return;
  }
  const lines: Line[] = [];
  for (const program of options.programs) {
    for (const how of program.compiles === true ? (['eager', 'compile'] as const) : (['eager'] as const)) {
      try {
        const line = await compare(program, how, options);
        lines.push(line);
        console.log(show(line));
      } catch (error) {
        if (!(error instanceof ChildError)) throw error;
        console.log(`${program.name} (${how}) failed:\n${error.message}`);
        process.exitCode = 1;
      }
    }
  }
  if (lines.length > 0) console.log(summary(lines));
  if (lines.some((line) => line.disagreement !== null)) process.exitCode = 1;
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(lines, null, 2)}\n`);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${error.message}\nnpm run programs -- --help lists the options.`);
  process.exitCode = 2;
}
