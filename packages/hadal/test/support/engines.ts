/** One group of tests for every engine that can run here. */
import { describe } from 'vitest';
import { Engine } from '../../src/engine/engine.js';
import { ReferenceBackend } from '../../src/engine/reference.js';
import { Workspace, withWorkspace } from '../../src/tensor/workspace.js';
import { openWorkspace, type TestEngine, testEngines } from './open-engines.js';

export { type OpenedWorkspace, openWorkspace, type TestEngine, testEngines } from './open-engines.js';

/**
 * One `describe` an engine with a workspace for its tests. Where an engine cannot run, its tests are skipped and the name says why.
 * Make tensors inside of `withWorkspace(space, ...)`.
 */
export function forEachEngine(
  name: string,
  body: (space: Workspace, engine: TestEngine) => void,
  engines: readonly TestEngine[] = testEngines,
): void {
  for (const engine of engines) {
    const opened = openWorkspace(engine);
    if (opened.ok) describe(`${name} on ${engine}`, () => body(opened.space, engine));
    else
      describe.skip(`${name} on ${engine} (cannot run here: ${opened.reason})`, () =>
        body(newReference(), engine));
  }
}

export interface Bench {
  readonly name: string;
  readonly space: Workspace;
  /** Runs a test body with this engine as the current one. */
  run<T>(body: () => T): T;
}

/** `forEachEngine` with a `run` that makes the engine's workspace the current one. */
export function onEveryEngine(title: string, body: (bench: Bench) => void): void {
  forEachEngine(title, (space, name) => body({ name, space, run: (f) => withWorkspace(space, f) }));
}

/** Skipped tests are still collected, which wants a workspace that nothing runs on. */
function newReference(): Workspace {
  return new Workspace(new Engine(new ReferenceBackend()));
}
