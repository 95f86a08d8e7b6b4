/** Every engine that can run here, each with a workspace of its own, the two instruction sets of native among them. */
import type { Backend } from '../../src/engine/backend.js';
import { Engine } from '../../src/engine/engine.js';
import type { PlanPolicy } from '../../src/engine/novelty.js';
import { ReferenceBackend } from '../../src/engine/reference.js';
import { nativeBackend, wasmBackend } from '../../src/engine/select.js';
import { Workspace } from '../../src/tensor/workspace.js';

type Opened =
  | { readonly ok: true; readonly backend: Backend }
  | { readonly ok: false; readonly reason: string };

const openers = {
  reference: (): Opened => ({ ok: true, backend: new ReferenceBackend() }),
  wasm: (): Opened => wasmBackend(),
  'native AVX-512': (): Opened => nativeBackend({ level: 'avx512' }),
  'native AVX2': (): Opened => nativeBackend({ level: 'avx2' }),
} as const;

export type TestEngine = keyof typeof openers;

export const testEngines = Object.keys(openers) as readonly TestEngine[];

export type OpenedWorkspace =
  | { readonly ok: true; readonly space: Workspace }
  | { readonly ok: false; readonly reason: string };

/** As if every graph were new and no other like it. */
const inPieces: PlanPolicy = {
  wantsSteps: () => true,
  stepped: () => {},
  planned: () => {},
  repeated: () => {},
};

/** A new workspace on an engine, with empty caches, whose graphs run in pieces if they are to; or why the engine cannot run here. */
export function openWorkspace(name: TestEngine, pieces = false): OpenedWorkspace {
  const opened = openers[name]();
  if (!opened.ok) return opened;
  return { ok: true, space: new Workspace(new Engine(opened.backend, pieces ? inPieces : undefined)) };
}
