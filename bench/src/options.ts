/** The command line of the benchmarks. */
import { parseArgs } from 'node:util';
import { UsageError } from './errors.js';
import type { EngineName } from './result.js';

export const suiteNames = ['gemm', 'pointwise', 'train', 'overhead', 'startup', 'memory'] as const;
export type SuiteName = (typeof suiteNames)[number];

export const engineNames = ['native', 'wasm'] as const satisfies readonly EngineName[];

/** Peers get a name here, an entry in peer/open.ts, and a file of their own. */
export const peerNames = ['none', 'torch'] as const;
export type PeerName = (typeof peerNames)[number];

/** Fewer rounds than this say nothing on a busy machine. */
const FEWEST_ROUNDS = 7;

export interface Options {
  readonly suites: readonly SuiteName[];
  readonly engines: readonly EngineName[];
  readonly threads: number;
  readonly peer: PeerName;
  readonly python: string;
  readonly rounds: number;
  /** Only cases whose name contains this. */
  readonly case?: string;
  /** Where to write the results. */
  readonly json?: string;
}

export type Command = { readonly kind: 'help' } | { readonly kind: 'run'; readonly options: Options };

export const help = `Measures hadal against the machine's limits and, if asked, against a peer.

Usage: npm run bench -- [options]

  --suite S     ${suiteNames.join(', ')}; several with commas (default all)
  --engine E    ${engineNames.join(', ')}; several with commas (default both)
  --case C      only cases whose name contains C, such as 1024 or softmax
  --threads N   threads of hadal and of the peer; only 1 for now
  --peer P      ${peerNames.join(', ')} (default none)
  --python PATH the Python that has PyTorch, for --peer torch (default python3)
  --rounds N    measurements of each case, ${FEWEST_ROUNDS} or more (default ${FEWEST_ROUNDS})
  --json FILE   write the results as a JSON array, such as bench/results/today.json
  --help        this text

In each round hadal and the peer take turns on new input values, and their results are compared; a difference ends the run with
exit code 1. Without a peer, results are checked against a formula computed apart, and 'share' says how near the time comes to the
limit: the machine's fused multiply-adds or its copying of memory, as probes find them in the same round. 'first run' is planning
and compiling; it is no part of the other times. 'best' compares the fastest round with the fastest probe.
`;

function oneOf<T extends string>(option: string, names: readonly T[], text: string): T {
  const found = names.find((name) => name === text);
  if (found === undefined)
    throw new UsageError(`--${option}: expected one of ${names.join(', ')}, got '${text}'`);
  return found;
}

function listOf<T extends string>(
  option: string,
  names: readonly T[],
  text: string | undefined,
): readonly T[] {
  if (text === undefined) return names;
  return [...new Set(text.split(',').map((part) => oneOf(option, names, part.trim())))];
}

function integer(option: string, text: string | undefined, least: number): number {
  const value = text === undefined ? least : Number(text);
  if (!Number.isSafeInteger(value) || value < least) {
    throw new UsageError(`--${option}: expected an integer, ${least} or more, got '${text}'`);
  }
  return value;
}

/** @throws UsageError */
export function readOptions(args: readonly string[]): Command {
  const values = parse(args);
  if (values.help === true) return { kind: 'help' };
  const threads = integer('threads', values.threads, 1);
  if (threads > 1)
    throw new UsageError(`--threads: hadal computes on one thread for now, got '${values.threads}'`);
  for (const name of ['json', 'python'] as const) {
    if (values[name] === '') throw new UsageError(`--${name} needs the name of a file`);
  }
  return {
    kind: 'run',
    options: {
      suites: listOf('suite', suiteNames, values.suite),
      engines: listOf('engine', engineNames, values.engine),
      threads,
      peer: oneOf('peer', peerNames, values.peer ?? 'none'),
      python: values.python ?? 'python3',
      rounds: integer('rounds', values.rounds, FEWEST_ROUNDS),
      ...(values.case === undefined ? {} : { case: values.case }),
      ...(values.json === undefined ? {} : { json: values.json }),
    },
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: false,
      options: {
        suite: { type: 'string' },
        engine: { type: 'string' },
        case: { type: 'string' },
        threads: { type: 'string' },
        peer: { type: 'string' },
        python: { type: 'string' },
        rounds: { type: 'string' },
        json: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
