/**
 * hadal as people install it, in a folder of its own with this benchmark beside it: the clone's build has three hundred modules, which
 * take Node several times as long to load as the four that are published.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const hadal = join(root, 'packages/hadal');

let made: string | null = null;

/** The folder of the benchmark's programs beside the published package. It is made once, and removed when this process ends. */
export function publishedPrograms(): string {
  if (made !== null) return made;
  const folder = mkdtempSync(join(tmpdir(), 'hadal-published-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const modules = join(folder, 'node_modules');
  execFileSync(process.execPath, [join(hadal, 'scripts/bundle.mjs'), '--out', join(modules, 'hadal')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  for (const name of dependencies()) {
    const link = join(modules, name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), link, 'junction');
  }
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  cpSync(join(root, 'bench/dist'), join(folder, 'bench'), { recursive: true });
  made = join(folder, 'bench');
  return made;
}

/** Packages that hadal wants installed beside it. */
function dependencies(): string[] {
  const manifest: unknown = JSON.parse(readFileSync(join(hadal, 'package.json'), 'utf8'));
  const { dependencies: needed, optionalDependencies: wanted } = manifest as {
    readonly [kind: string]: object | undefined;
  };
  return Object.keys({ ...needed, ...wanted });
}
