/** Runs one of the programs of this folder in a fresh Node, without flags, and reads the line of JSON that it ends with. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ChildError } from '../errors.js';
import { pinned, processors } from '../pinning.js';

export type Figures = { readonly [name: string]: number };

/** @param bench the build of this benchmark whose program is run; this one if not given. */
export function runChild(
  program: 'startup' | 'memory' | 'peak',
  args: readonly string[],
  bench = fileURLToPath(new URL('..', import.meta.url)),
): Promise<Figures> {
  return runProgram([process.execPath, join(bench, 'children', `${program}.js`), ...args]);
}

/** Runs a program that ends with a line of JSON: numbers by name. */
export async function runProgram(
  programAndArgs: readonly string[],
  environment: { readonly [name: string]: string } = {},
): Promise<Figures> {
  // This process may be kept on one processor; a program that people start is not.
  const [command, ...rest] = pinned(programAndArgs, processors);
  const child = spawn(command, rest, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...environment },
  });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code !== 0) throw new ChildError(`${programAndArgs.join(' ')} ended with exit code ${code}`);
  const figures: unknown = JSON.parse(out);
  if (typeof figures !== 'object' || figures === null)
    throw new ChildError(`${programAndArgs[0]} printed ${out}`);
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, Number(value)]));
}
