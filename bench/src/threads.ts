/** How many threads hadal computes with. */
import { availableParallelism } from 'node:os';
import { config } from 'hadal';
import { UsageError } from './errors.js';

/** @throws UsageError when there are not as many processors: threads would wait for one another. */
export function setThreads(threads: number): void {
  if (threads > availableParallelism())
    throw new UsageError(`--threads: there are ${availableParallelism()} processors, got ${threads}`);
  config.numThreads = threads;
}
