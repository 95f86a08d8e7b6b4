/** Where peers are installed, which are there, and what it takes to install them. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type PeerName, peerNames } from './peer.js';

/** What the peers' programs and the lists of their versions lie in. */
export const programs = fileURLToPath(new URL('../../peers/', import.meta.url));

/** Ignored by git, and no part of the workspaces. */
export const defaultFolder = fileURLToPath(new URL('../../.peers', import.meta.url));

const packages: { readonly [K in PeerName]: readonly string[] } = {
  torch: [],
  'tfjs-wasm': ['@tensorflow/tfjs', '@tensorflow/tfjs-backend-wasm'],
  'jaxjs-wasm': ['@jax-js/jax'],
  'ort-wasm': ['onnxruntime-web', 'protobufjs'],
  'ort-node': ['onnxruntime-node', 'protobufjs'],
};

/** What runs PyTorch: the one asked for, or the one that setup made. */
export function pythonOf(folder: string, asked: string | undefined): string {
  return asked ?? join(folder, 'venv', 'bin', 'python');
}

function versionAt(path: string): string | null {
  if (!existsSync(path)) return null;
  const found: unknown = JSON.parse(readFileSync(path, 'utf8'));
  return typeof found === 'object' && found !== null && 'version' in found ? String(found.version) : null;
}

function pinned(): ReadonlyMap<string, string> {
  const found: unknown = JSON.parse(readFileSync(join(programs, 'package.json'), 'utf8'));
  if (typeof found !== 'object' || found === null || !('dependencies' in found)) return new Map();
  return new Map(Object.entries(found.dependencies ?? {}).map(([name, version]) => [name, String(version)]));
}

export interface Installed {
  readonly is: boolean;
  /** The versions, or what is missing. */
  readonly note: string;
}

/** Whether a peer can be started, without starting it. */
export function installed(name: PeerName, folder: string, python: string | undefined): Installed {
  if (name === 'torch') return installedTorch(pythonOf(folder, python));
  const wanted = pinned();
  const notes: string[] = [];
  for (const packageName of packages[name]) {
    const version = versionAt(join(folder, 'node_modules', packageName, 'package.json'));
    if (version === null) return { is: false, note: `${packageName} is missing` };
    const want = wanted.get(packageName);
    if (version !== want)
      return { is: false, note: `${packageName} is there in version ${version}, wanted ${want}` };
    notes.push(`${packageName} ${version}`);
  }
  return { is: true, note: notes.join(', ') };
}

function installedTorch(python: string): Installed {
  const { status, stdout, error } = spawnSync(
    python,
    ['-c', 'from importlib.metadata import version; print(version("torch"))'],
    { encoding: 'utf8' },
  );
  if (error !== undefined) return { is: false, note: `there is no ${python}` };
  if (status !== 0) return { is: false, note: `${python} has no torch` };
  return { is: true, note: `torch ${stdout.trim()} in ${python}` };
}

/** A step of the installation, as a command with what to say if it fails. */
export interface Step {
  readonly title: string;
  readonly command: readonly string[];
  readonly directory: string;
  readonly ifItFails: string;
}

export function javascriptSteps(folder: string): readonly Step[] {
  return [
    {
      title: 'JavaScript peers',
      // Nothing of the peers needs their install scripts, which only print.
      command: [
        process.platform === 'win32' ? 'npm.cmd' : 'npm',
        'install',
        '--no-audit',
        '--no-fund',
        '--ignore-scripts',
      ],
      directory: folder,
      ifItFails: `npm could not install the packages of ${join(programs, 'package.json')}; is its registry to be had?`,
    },
  ];
}

export function torchSteps(folder: string, index: string | undefined): readonly Step[] {
  const venv = join(folder, 'venv');
  return [
    {
      title: 'a Python environment',
      command: ['python3', '-m', 'venv', venv],
      directory: folder,
      ifItFails: 'PyTorch needs python3 with its venv module.',
    },
    {
      title: 'PyTorch',
      command: [
        join(venv, 'bin', 'pip'),
        'install',
        '--quiet',
        ...(index === undefined ? [] : ['--index-url', index]),
        '-r',
        join(programs, 'requirements.txt'),
      ],
      directory: folder,
      ifItFails:
        'pip could not install PyTorch; --torch-index URL names an index that has it, such as one of CPU builds.',
    },
  ];
}

/** Makes the folder, and puts the list of packages there. */
export function prepareFolder(folder: string): void {
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(programs, 'package.json'), join(folder, 'package.json'));
}

/** What can be measured against, a line a peer. */
export function listing(folder: string, python: string | undefined): string {
  return peerNames
    .map((name) => {
      const { is, note } = installed(name, folder, python);
      return `${is ? 'ready  ' : 'missing'} ${name.padEnd(10)} ${note}`;
    })
    .join('\n');
}
