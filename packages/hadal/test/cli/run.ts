/** Runs the command line in this process. */
import { main } from '../../src/cli/main.js';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export async function hadal(...args: readonly string[]): Promise<Ran> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await main(args, {
    line: (text) => void out.push(text),
    error: (text) => void err.push(text),
    columns: 80,
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}
