/** How many threads hadal computes with. */
import { config } from 'hadal';
import { UsageError } from './errors.js';

/** @throws UsageError where an engine computes on one thread only. */
export function setThreads(threads: number): void {
  if ('numThreads' in config) Reflect.set(config, 'numThreads', threads);
  else if (threads > 1)
    throw new UsageError(`--threads: hadal computes on one thread for now, got ${threads}`);
}
