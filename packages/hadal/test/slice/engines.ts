/** Every engine that runs here, each in a workspace of its own. */
import { describe } from 'vitest';
import { Engine } from '../../src/engine/engine.js';
import { ReferenceBackend } from '../../src/engine/reference.js';
import { nativeBackend, wasmBackend } from '../../src/engine/select.js';
import { Workspace, withWorkspace } from '../../src/tensor/workspace.js';

const opened = [
  { name: 'reference', opened: { ok: true as const, backend: new ReferenceBackend() } },
  { name: 'wasm', opened: wasmBackend() },
  { name: 'native AVX-512', opened: nativeBackend('avx512') },
  { name: 'native AVX2', opened: nativeBackend('avx2') },
];

export interface Bench {
  readonly name: string;
  readonly space: Workspace;
  /** Runs a test body with this engine as the current one. */
  run<T>(body: () => T): T;
}

/** `describe` once per engine; engines that cannot run here are named as skipped. */
export function onEveryEngine(title: string, body: (bench: Bench) => void): void {
  for (const { name, opened: o } of opened) {
    if (!o.ok) {
      describe.skip(`${title} (${name}: ${o.reason})`, () => {});
      continue;
    }
    const space = new Workspace(new Engine(o.backend));
    describe(`${title} on ${name}`, () => body({ name, space, run: (f) => withWorkspace(space, f) }));
  }
}
