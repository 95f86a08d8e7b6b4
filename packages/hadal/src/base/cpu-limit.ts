/**
 * How many processors' worth of time the control groups of Linux let this process have (cgroups(7), the kernel's sched-bwc and
 * cgroup-v2): containers are limited this way, and neither the number of processors nor a thread's affinity shows it. What the files
 * say is not trusted: whatever is no limit counts as none.
 */

/** Reads a small file as text; null where it cannot be read. */
export type ReadText = (path: string) => string | null;

const ROOT = '/sys/fs/cgroup';
/** Groups lie in groups; deeper ones than this are not looked at. */
const MAX_DEPTH = 64;
/** Groups of version 1 that a process is in, and then some. */
const MAX_LINES = 64;

/** Processors by a quota and a period in microseconds; infinite where these say no limit, or nothing that makes sense. */
function processors(quota: string | undefined, period: string | undefined): number {
  const number = /^\d{1,15}$/;
  if (!quota || !period || !number.test(quota) || !number.test(period)) return Number.POSITIVE_INFINITY;
  const limit = Number(quota) / Number(period);
  return limit > 0 ? limit : Number.POSITIVE_INFINITY;
}

function fields(text: string | null): readonly string[] {
  return (text ?? '').trim().split(/\s+/);
}

/** A group and those it lies in, up to the root, which containers show in place of their own; only that for a path that leads outside. */
function withAncestors(path: string): readonly string[] {
  const parts = path.split('/').filter((part) => part !== '');
  if (parts.length > MAX_DEPTH || parts.some((p) => p === '.' || p === '..' || p.includes('\0'))) return [''];
  return Array.from({ length: parts.length + 1 }, (_, i) =>
    parts
      .slice(0, parts.length - i)
      .map((p) => `/${p}`)
      .join(''),
  );
}

/** The process's group of the first kind that a line of /proc/self/cgroup names, and those around it. */
function groupsOf(lines: readonly string[], isKind: (controllers: string) => boolean): readonly string[] {
  for (const line of lines) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path === undefined || !isKind(controllers)) continue;
    const folder = controllers === '' ? ROOT : `${ROOT}/${controllers}`;
    return withAncestors(path).map((group) => `${folder}${group}`);
  }
  return [];
}

/** The least limit of any of the process's groups, in processors, which need not be whole; infinite where there is none. */
export function cpuLimit(read: ReadText): number {
  const lines = (read('/proc/self/cgroup') ?? '').split('\n').slice(0, MAX_LINES);
  const limits = [Number.POSITIVE_INFINITY];
  for (const group of groupsOf(lines, (controllers) => controllers === '')) {
    const [quota, period] = fields(read(`${group}/cpu.max`));
    limits.push(processors(quota, period));
  }
  const hasTime = (controllers: string): boolean =>
    controllers.split(',').includes('cpu') && !/[/\0]/.test(controllers);
  for (const group of groupsOf(lines, hasTime)) {
    const [quota] = fields(read(`${group}/cpu.cfs_quota_us`));
    if (quota === '') continue;
    const [period] = fields(read(`${group}/cpu.cfs_period_us`));
    limits.push(processors(quota, period));
  }
  return Math.min(...limits);
}
