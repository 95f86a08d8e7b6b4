/** What accompanies training. */
export type { Metrics, ProgressOptions, ProgressOutput } from './progress.js';
export { ProgressLine } from './progress.js';
