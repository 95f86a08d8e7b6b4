/**
 * Who wrote a folder. Several processes may write checkpoints into one place, and one may have died half way: what another process may
 * still be using is never removed.
 */
import type { System } from './files.js';

/** A process, as names of folders and manifests tell of it. */
export interface Writer {
  /** A hash of the machine's name; process ids mean something on their own machine only. */
  readonly host: string;
  readonly pid: number;
  /** Tells apart the threads of a process, and processes that were given the same id one after the other. */
  readonly token: string;
}

/** What a writer on another machine has not touched for this long is taken for abandoned. */
const abandonedAfterMs = 24 * 3600 * 1000;

let token: string | undefined;

export function thisWriter(system: System): Writer {
  token ??= system.random(4);
  const hash = system.sha256();
  hash.update(new TextEncoder().encode(system.host));
  return { host: hash.digest('hex').slice(0, 8), pid: system.pid, token };
}

export function showWriter({ host, pid, token }: Writer): string {
  return `${host}-${pid}-${token}`;
}

export function parseWriter(text: string): Writer | undefined {
  const match = /^([0-9a-f]{8})-(\d{1,15})-([0-9a-f]{8})$/.exec(text);
  return match === null ? undefined : { host: match[1], pid: Number(match[2]), token: match[3] };
}

/** Whether another process or thread may still need what `writer` wrote and last touched at `modifiedMs`. */
export function mayBeInUse(system: System, writer: Writer, modifiedMs: number): boolean {
  const own = thisWriter(system);
  if (isOwn(system, writer)) return false;
  if (writer.host !== own.host) return Date.now() - modifiedMs < abandonedAfterMs;
  // Another thread of this process; or an earlier process that had its id, which is gone.
  if (writer.pid === own.pid) return modifiedMs > system.startedMs() - 1000;
  return system.runs(writer.pid);
}

export function isOwn(system: System, writer: Writer): boolean {
  return showWriter(writer) === showWriter(thisWriter(system));
}
