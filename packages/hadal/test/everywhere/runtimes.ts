/** Deno and Bun: where they are kept, and the engine's tests run by them. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { bundleFor } from './bundle.js';
import type { Report } from './programs.js';

/** Beside the installed packages but no part of them: `npm run test:runtimes` installs the runtimes here; git ignores it. */
export const cache = fileURLToPath(
  new URL('../../../../node_modules/.cache/hadal-runtimes/', import.meta.url),
);

export interface Runtime {
  readonly name: string;
  readonly program: string;
  readonly flags: readonly string[];
}

/** The programs lie in packages for each platform, whose install scripts are not needed. */
function installed(scope: string, program: string): string | null {
  const folder = `${cache}node_modules/${scope}`;
  if (!existsSync(folder)) return null;
  const found = readdirSync(folder).flatMap((name) => [
    `${folder}/${name}/${program}`,
    `${folder}/${name}/bin/${program}`,
  ]);
  return found.find((path) => existsSync(path)) ?? null;
}

/** This Node, and what is installed of Deno and Bun. */
export function findRuntimes(): readonly Runtime[] {
  const deno = installed('@deno', 'deno');
  const bun = installed('@oven', 'bun');
  return [
    { name: 'Node', program: process.execPath, flags: [] },
    ...(deno
      ? [{ name: 'Deno', program: deno, flags: ['run', '--allow-all', '--no-config', '--quiet'] }]
      : []),
    ...(bun ? [{ name: 'Bun', program: bun, flags: ['run'] }] : []),
  ];
}

export async function bundleCommand(): Promise<string> {
  mkdirSync(cache, { recursive: true });
  const program = `${cache}everywhere.mjs`;
  writeFileSync(program, await bundleFor('program', fileURLToPath(new URL('./command.ts', import.meta.url))));
  return program;
}

/** @param every runs every how-manieth case. */
export async function runIn({ program, flags }: Runtime, command: string, every: number): Promise<Report> {
  const fixtures = fileURLToPath(new URL('../fixtures', import.meta.url));
  const { stdout } = await promisify(execFile)(program, [...flags, command, fixtures, String(every)], {
    maxBuffer: 2 ** 26,
    timeout: 300_000,
  });
  return JSON.parse(stdout) as Report;
}

export function summary(
  name: string,
  { pytorch, random, threads, workers, relaxed, seconds }: Report,
): string {
  const failed = [pytorch, random, threads].reduce((sum, t) => sum + t.failures.length, 0);
  return (
    `${name}: ${pytorch.run} cases from PyTorch, ${random.run} random programs, ${threads.run} comparisons on ` +
    `${1 + workers} threads${relaxed ? ', fused multiply-add' : ''}, ${seconds.toFixed(1)} s` +
    (failed > 0 ? `, FAILED: ${failed}` : '')
  );
}

export function failuresOf({ pytorch, random, threads }: Report): readonly string[] {
  return [...pytorch.failures, ...random.failures, ...threads.failures];
}
