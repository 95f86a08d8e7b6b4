/** Keeps a process on one processor, where the system has `taskset` for it. */
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** Processors of this process, counted before its main thread is kept on one: afterwards there seems to be no other. */
export const processors = availableParallelism();

/** The last processor: interrupts and other programs tend to be on the first. */
const processor = processors - 1;

/** The command line that runs a program with as many processors as threads, or the program itself where that cannot be asked for. */
export function pinned(command: readonly string[], threads: number): readonly string[] {
  if (spawnSync('taskset', ['--version']).status !== 0) return command;
  const first = Math.max(0, processor - threads + 1);
  return ['taskset', '-c', `${first}-${processor}`, ...command];
}

/** Keeps this process's main thread, and no helper thread of V8, on the processor of the peer. Returns whether that worked. */
export function pinMainThread(threads: number): boolean {
  if (process.platform !== 'linux') return false;
  const first = Math.max(0, processor - threads + 1);
  return spawnSync('taskset', ['-c', '-p', `${first}-${processor}`, String(process.pid)]).status === 0;
}
