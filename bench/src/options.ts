/** The command line of the benchmarks. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { UsageError } from './errors.js';
import { defaultFolder } from './peer/installation.js';
import { type PeerName, peerNames } from './peer/peer.js';
import type { EngineName } from './result.js';

export const suiteNames = [
  'gemm',
  'conv',
  'pointwise',
  'attention',
  'train',
  'inference',
  'overhead',
  'startup',
  'memory',
] as const;
export type SuiteName = (typeof suiteNames)[number];

export const engineNames = ['native', 'wasm'] as const satisfies readonly EngineName[];

/** Fewer rounds than this say nothing on a busy machine. */
const FEWEST_ROUNDS = 7;

export interface Options {
  readonly suites: readonly SuiteName[];
  readonly engines: readonly EngineName[];
  readonly threads: number;
  /** None, or those to compare with one after the other. */
  readonly peers: readonly PeerName[];
  /** Where `npm run bench:setup` put them. */
  readonly peersFolder: string;
  /** A Python that has PyTorch, if not that of the folder. */
  readonly python?: string;
  /** Whether `torch.compile` is tried, which takes minutes for large models. */
  readonly torchCompile: boolean;
  readonly rounds: number;
  /** Only cases whose name contains this. */
  readonly case?: string;
  /** Where to write the results. */
  readonly json?: string;
}

export type Command =
  | { readonly kind: 'help' }
  | { readonly kind: 'peers'; readonly peersFolder: string; readonly python?: string }
  | { readonly kind: 'run'; readonly options: Options };

export const help = `Measures hadal against the machine's limits and, if asked, against other frameworks.

Usage: npm run bench -- [options]

  --suite S     ${suiteNames.join(', ')}; several with commas (default all)
  --engine E    ${engineNames.join(', ')}; several with commas (default both)
  --case C      only cases whose name contains C, such as 1024 or softmax
  --threads N   threads of hadal and of the peer (default 1)
  --peer P      ${peerNames.join(', ')}; several with commas, 'none' (the default),
                or 'list', which says what is installed and ends
  --peers DIR   where 'npm run bench:setup' installed them (default bench/.peers)
  --python PATH a Python that has PyTorch, for --peer torch (default the one that setup made)
  --no-compile  leaves torch.compile out of PyTorch's forms: it compiles for minutes
  --rounds N    measurements of each case, ${FEWEST_ROUNDS} or more (default ${FEWEST_ROUNDS})
  --json FILE   write the results as a JSON array, such as bench/results/today.json
  --help        this text

Examples: npm run bench -- --suite gemm --engine native --case 1024
          npm run bench -- --suite train --case mlp --peer torch,jaxjs-wasm --json bench/results/train.json

In each round hadal and the peer take turns on new input values, and their results are compared; a difference ends the run with
exit code 1. 'ratio' is the peer's time over hadal's, the median of pairs with least and most: above 1, hadal is ahead. 'share'
says how near the time comes to the limit: the machine's fused multiply-adds or its copying of memory, as probes find them in the
same round; 'best' is the same of the fastest round and the fastest probe. 'first run' is planning and compiling; it is no part of
the other times. Results are also checked against a formula computed apart.
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

/** @throws UsageError */
export function integer(
  option: string,
  text: string | undefined,
  { least, usual = least }: { readonly least: number; readonly usual?: number },
): number {
  const value = text === undefined ? usual : Number(text);
  if (!Number.isSafeInteger(value) || value < least) {
    throw new UsageError(`--${option}: expected an integer, ${least} or more, got '${text}'`);
  }
  return value;
}

/** @throws UsageError */
export function readOptions(args: readonly string[]): Command {
  const values = parse(args);
  if (values.help === true) return { kind: 'help' };
  const threads = integer('threads', values.threads, { least: 1 });
  for (const name of ['json', 'python', 'peers'] as const) {
    if (values[name] === '') throw new UsageError(`--${name} needs the name of a file`);
  }
  const where = {
    peersFolder: resolve(values.peers ?? defaultFolder),
    ...(values.python === undefined ? {} : { python: values.python }),
  };
  if (values.peer === 'list') return { kind: 'peers', ...where };
  return {
    kind: 'run',
    options: {
      suites: listOf('suite', suiteNames, values.suite),
      engines: listOf('engine', engineNames, values.engine),
      threads,
      peers:
        values.peer === undefined || values.peer === 'none' ? [] : listOf('peer', peerNames, values.peer),
      ...where,
      torchCompile: values['no-compile'] !== true,
      rounds: integer('rounds', values.rounds, { least: FEWEST_ROUNDS }),
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
        peers: { type: 'string' },
        python: { type: 'string' },
        rounds: { type: 'string' },
        json: { type: 'string' },
        'no-compile': { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
