/**
 * Collects garbage between measurements, so that inputs of one round are not cleaned up during the next. The flag is set while
 * running; benchmarks that judge memory never call this.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let collect: (() => void) | null = null;

export async function collectGarbage(): Promise<void> {
  if (collect === null) {
    setFlagsFromString('--expose-gc');
    const gc: unknown = runInNewContext('gc');
    collect = typeof gc === 'function' ? () => gc() : () => {};
  }
  collect();
  // Finalisers run in a task of their own.
  await new Promise((resolve) => setImmediate(resolve));
}
