/**
 * Says by which names loaded code goes, in the file where Linux's `perf` looks for the code that a process made itself:
 * `/tmp/perf-PID.map`, a line `START SIZE NAME` for each, numbers in hex (tools/perf/Documentation/jit-interface.txt of Linux).
 */
import { config, onPerfMap } from '../../base/config.js';
import { DeviceError } from '../../base/errors.js';

interface LoadedCode {
  readonly name: string;
  readonly address: number;
  readonly bytes: number;
}

/** Code that no file knows of yet. */
const unwritten: LoadedCode[] = [];
let listening = false;

/** Notes code that has been loaded, and writes it down if `config.perfMap` asks for it, now or later. */
export function nameCode(name: string, address: number, bytes: number): void {
  unwritten.push({ name, address, bytes });
  if (!listening) {
    listening = true;
    onPerfMap(write);
  }
  if (config.perfMap) write();
}

/** The file of this process. */
export function perfMapPath(): string {
  return `/tmp/perf-${process.pid}.map`;
}

function write(): void {
  const path = perfMapPath();
  // A name is the rest of its line.
  const lines = unwritten.map(
    ({ name, address, bytes }) =>
      `${address.toString(16)} ${bytes.toString(16)} hadal:${name.replaceAll(/\p{Cc}/gu, ' ')}\n`,
  );
  try {
    append(path, lines.join(''));
  } catch (error) {
    throw new DeviceError(
      `config.perfMap: ${path} cannot be written: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  unwritten.length = 0;
}

function append(path: string, text: string): void {
  const fs = process.getBuiltinModule('node:fs');
  const { O_APPEND, O_CREAT, O_NOFOLLOW, O_TRUNC, O_WRONLY } = fs.constants;
  // Node and other isolates of this process may write there too; what is older is of another process that had this number.
  const { mtimeMs } = fs.statSync(path, { throwIfNoEntry: false }) ?? { mtimeMs: Number.POSITIVE_INFINITY };
  const isStale = mtimeMs < Date.now() - process.uptime() * 1000;
  const file = fs.openSync(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | (isStale ? O_TRUNC : 0), 0o600);
  try {
    fs.writeSync(file, text);
  } finally {
    fs.closeSync(file);
  }
}
