import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { UsageError } from '../src/errors.js';
import { installed, javascriptSteps, listing, prepareFolder, torchSteps } from '../src/peer/installation.js';
import { openPeer } from '../src/peer/open.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hadal-peers-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function install(name: string, version: string): void {
  const path = join(folder, 'node_modules', name);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'package.json'), JSON.stringify({ name, version }));
}

describe('installed', () => {
  test('names the package that is missing', () =>
    expect(installed('jaxjs-wasm', folder, undefined)).toEqual({
      is: false,
      note: '@jax-js/jax is missing',
    }));

  test('wants the exact version', () => {
    install('@jax-js/jax', '0.1.11');
    expect(installed('jaxjs-wasm', folder, undefined)).toEqual({
      is: false,
      note: '@jax-js/jax is there in version 0.1.11, wanted 0.1.25',
    });
    install('@jax-js/jax', '0.1.25');
    expect(installed('jaxjs-wasm', folder, undefined)).toEqual({ is: true, note: '@jax-js/jax 0.1.25' });
  });

  test('wants every package of a peer', () => {
    install('@tensorflow/tfjs', '4.22.0');
    expect(installed('tfjs-wasm', folder, undefined).note).toBe('@tensorflow/tfjs-backend-wasm is missing');
  });

  test('looks for PyTorch in the Python it is given', () => {
    expect(installed('torch', folder, undefined).note).toBe(`there is no ${join(folder, 'venv/bin/python')}`);
    expect(installed('torch', folder, process.execPath)).toEqual({
      is: false,
      note: `${process.execPath} has no torch`,
    });
  });
});

test('listing has a line for every peer', () => {
  install('@jax-js/jax', '0.1.25');
  const lines = listing(folder, undefined).split('\n');
  expect(lines.map((line) => line.split(/\s+/).slice(0, 2).join(' '))).toEqual([
    'missing torch',
    'missing tfjs-wasm',
    'ready jaxjs-wasm',
    'missing ort-wasm',
    'missing ort-node',
  ]);
});

test('a peer that is not installed is not started, and the message says how to get it', async () => {
  const opening = openPeer('ort-wasm', { peersFolder: folder, torchCompile: false }, 1);
  await expect(opening).rejects.toThrow(UsageError);
  await expect(opening).rejects.toThrow(
    /--peer ort-wasm: onnxruntime-web is missing\. 'npm run bench:setup'/,
  );
});

describe('the steps of setup', () => {
  test('install exact versions, and run no scripts of packages', () => {
    prepareFolder(folder);
    const [{ command, directory }] = javascriptSteps(folder);
    expect(directory).toBe(folder);
    expect(command).toContain('--ignore-scripts');
  });

  test('make an environment for PyTorch, from another index if asked', () => {
    const [environment, torch] = torchSteps(folder, 'https://example.org/cpu');
    expect(environment.ifItFails).toMatch(/python3 with its venv module/);
    expect(torch.command.join(' ')).toMatch(
      /--index-url https:\/\/example\.org\/cpu -r .*requirements\.txt$/,
    );
    expect(torchSteps(folder, undefined)[1].command).not.toContain('--index-url');
  });
});
