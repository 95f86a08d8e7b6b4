/**
 * Makes dist what is published: the compiled entries become one file each, with shared ones beside them. Three hundred small modules
 * take Node 150 ms to load, four large ones 30. Runs by itself before `npm pack` and `npm publish`.
 *
 *     node scripts/bundle.mjs [--out FOLDER]
 *
 * The build for development has its modules one by one; the next `tsc -b` makes it anew, since its notes of what is up to date go.
 * With `--out` it stays as it is, and FOLDER becomes the package as it would be installed, but for declarations of types.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'vite';

const { values } = parseArgs({ options: { out: { type: 'string' } } });
const folder = fileURLToPath(new URL('..', import.meta.url));
const out = values.out === undefined ? folder : resolve(values.out);
const root = fileURLToPath(new URL('../../..', import.meta.url));

const manifest = JSON.parse(readFileSync(`${folder}package.json`, 'utf8'));
// An entry that is a string, package.json itself, is no code.
const exported = Object.values(manifest.exports).filter((entry) => typeof entry === 'object');
const entries = Object.fromEntries(
  ['./dist/cli/main.js', ...exported.map(({ default: file }) => file)].map((file) => [
    file.replace(/^\.\/dist\/|\.js$/g, ''),
    `${folder}${file}`,
  ]),
);

if (out === folder) rmSync(`${folder}dist`, { recursive: true, force: true });
execFileSync(process.execPath, [`${root}node_modules/typescript/bin/tsc`, '-b', folder], {
  stdio: 'inherit',
});
const result = await build({
  configFile: false,
  logLevel: 'error',
  build: {
    write: false,
    minify: false,
    target: 'es2023',
    ssr: true,
    rolldownOptions: {
      input: entries,
      external: [/^node:/, ...Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })],
      output: {
        format: 'es',
        entryFileNames: '[name].js',
        chunkFileNames: 'shared/[name].js',
        // Editors show the documentation from the declarations; Node would only have to skip it.
        comments: { legal: true, annotation: true, jsdoc: false },
      },
    },
  },
});
const [output] = Array.isArray(result) ? result : [result];
for (const chunk of output.output) {
  const file = join(out, 'dist', chunk.fileName);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, chunk.code);
}
if (out === folder) rmSync(`${folder}dist/.tsbuildinfo`, { force: true });
else
  for (const part of ['package.json', 'bin'])
    cpSync(join(folder, part), join(out, part), { recursive: true });
