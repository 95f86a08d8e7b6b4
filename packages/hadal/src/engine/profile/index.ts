export type { TraceEvent } from './chrome-trace.js';
export { type ProfileOptions, profile } from './profile.js';
export {
  type ActivityName,
  type ActivityProfile,
  type KernelProfile,
  type MarkProfile,
  type MemoryProfile,
  ProfileReport,
  type TableOptions,
} from './report.js';
export type { MemorySample, TimelineEvent } from './session.js';
