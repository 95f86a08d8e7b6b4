/**
 * A workspace is what tensors of one engine have in common: the engine and the ops that build its pending graph. The current one is
 * where new tensors are made.
 */
import { AutogradOps } from '../autograd/ops.js';
import type { EngineName } from '../engine/backend.js';
import { Engine } from '../engine/engine.js';
import { fastestBackend, openBackend } from '../engine/select.js';

export class Workspace {
  readonly engine: Engine;
  readonly ops: AutogradOps;

  constructor(engine: Engine) {
    this.engine = engine;
    this.ops = new AutogradOps(engine.pending);
  }
}

const open = new Map<EngineName, Workspace>();
let current: Workspace | null = null;

/** The workspace in which new tensors are made; the fastest engine's unless `setEngine` chose another. */
export function workspace(): Workspace {
  if (current === null) {
    const backend = fastestBackend();
    current = open.get(backend.name) ?? new Workspace(new Engine(backend));
    open.set(backend.name, current);
  }
  return current;
}

/**
 * Chooses the engine on which new tensors are made: `'native'` (machine code), `'wasm'` (WebAssembly SIMD) or `'reference'`. Tensors
 * stay on the engine they were made on.
 *
 * @throws DeviceError if the engine cannot run here; the message says why.
 * @example
 * ```ts
 * import { engine, setEngine } from 'hadal';
 * await setEngine('wasm');
 * console.log(engine().name); // wasm
 * ```
 */
export async function setEngine(name: EngineName): Promise<void> {
  let chosen = open.get(name);
  if (chosen === undefined) {
    chosen = new Workspace(new Engine(openBackend(name)));
    open.set(name, chosen);
  }
  current = chosen;
}

/** The engine that new tensors are made on: its name, a description, and counts of what it has run. */
export function engine(): Engine {
  return workspace().engine;
}

/** Runs a function with another workspace as the current one; for several engines of one kind, as tests have them. */
export function withWorkspace<T>(space: Workspace, body: () => T): T {
  const before = current;
  current = space;
  const restore = (): void => {
    current = before;
  };
  let result: T;
  try {
    result = body();
  } catch (error) {
    restore();
    throw error;
  }
  if (result instanceof Promise) return result.finally(restore) as T;
  restore();
  return result;
}
