/** `forEachEngine` with the workspace already current: the form in which the slice's tests are written. */
import type { Workspace } from '../../src/tensor/workspace.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';

export interface Bench {
  readonly name: string;
  readonly space: Workspace;
  /** Runs a test body with this engine as the current one. */
  run<T>(body: () => T): T;
}

export function onEveryEngine(title: string, body: (bench: Bench) => void): void {
  forEachEngine(title, (space, name) => body({ name, space, run: (f) => withWorkspace(space, f) }));
}
