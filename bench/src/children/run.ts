/** Runs programs in processes of their own and reads what they print. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ChildError } from '../errors.js';
import { pinned, processors } from '../pinning.js';

export type Figures = { readonly [name: string]: number };

type Environment = { readonly [name: string]: string };

/**
 * One of the programs of this folder, in a fresh Node without flags.
 *
 * @param bench the build of this benchmark whose program is run; this one if not given.
 */
export function runChild(
  program: 'startup' | 'memory' | 'peak',
  args: readonly string[],
  bench = fileURLToPath(new URL('..', import.meta.url)),
): Promise<Figures> {
  return runProgram([process.execPath, join(bench, 'children', `${program}.js`), ...args]);
}

/** Runs a program that prints a line of JSON, numbers by name, on all processors that there are. */
export async function runProgram(
  programAndArgs: readonly string[],
  environment: Environment = {},
): Promise<Figures> {
  // This process may be kept on one processor; a program that people start is not.
  const printed = await outputOf(pinned(programAndArgs, processors), environment);
  const figures: unknown = JSON.parse(printed);
  if (typeof figures !== 'object' || figures === null)
    throw new ChildError(`${programAndArgs[0]} printed ${printed}`);
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, Number(value)]));
}

/**
 * What a program prints until it ends.
 *
 * @throws ChildError if it ends with an error, with the last that it said about it.
 */
export async function outputOf(
  [command, ...args]: readonly string[],
  environment: Environment = {},
): Promise<string> {
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  });
  let [out, problems] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    problems += text;
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code === 0) return out;
  const said = problems.trim().split('\n').slice(-12).join('\n');
  throw new ChildError(`${[command, ...args].join(' ')} ended with exit code ${code}: ${said}`);
}
