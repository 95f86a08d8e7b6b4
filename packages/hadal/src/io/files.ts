/**
 * Files, as far as hadal needs them: whole writes that are on the disk when they say so, reads in pieces, and errors that name the path
 * and what to do.
 *
 * The interfaces below are the part of Node's modules that is used. They are written out so that published types do not need Node's,
 * and so that tests can put a failing disk in their place.
 */
import { FileError, FormatError, HadalError } from '../base/errors.js';

export interface FileHandle {
  read(into: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesRead: number }>;
  write(from: Uint8Array, offset: number, length: number): Promise<{ bytesWritten: number }>;
  stat(): Promise<{ readonly size: number; isFile(): boolean }>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** Of `node:fs/promises`. */
export interface FilePromises {
  open(path: string, flags: 'r' | 'r+' | 'wx'): Promise<FileHandle>;
  mkdir(path: string, options: { recursive: boolean }): Promise<unknown>;
  rename(from: string, to: string): Promise<void>;
  readdir(path: string): Promise<string[]>;
  rm(path: string, options: { recursive: boolean; force: boolean }): Promise<void>;
  stat(
    path: string,
  ): Promise<{ readonly size: number; readonly mtimeMs: number; isFile(): boolean; isDirectory(): boolean }>;
}

/** Of `node:path`. */
export interface Paths {
  join(...parts: string[]): string;
  dirname(path: string): string;
  basename(path: string): string;
  resolve(path: string): string;
}

export interface Hash {
  update(bytes: Uint8Array): unknown;
  digest(encoding: 'hex'): string;
}

/** Everything of the system that files need. */
export interface System {
  readonly files: FilePromises;
  readonly paths: Paths;
  readonly platform: string;
  readonly pid: number;
  readonly host: string;
  /** When this process began, in milliseconds since 1970. */
  startedMs(): number;
  sha256(): Hash;
  /** Unguessable hexadecimal digits. */
  random(bytes: number): string;
  /** Whether a process of this machine runs. */
  runs(pid: number): boolean;
}

/**
 * Node's system, looked up by a call that bundlers leave alone.
 *
 * @throws HadalError where there is no Node.
 */
export function nodeSystem(op: string): System {
  if (typeof process === 'undefined' || typeof process.getBuiltinModule !== 'function') {
    throw new HadalError(
      `${op}: files need Node; elsewhere use encodeSafetensors and decodeSafetensors on bytes`,
    );
  }
  const crypto = process.getBuiltinModule('node:crypto');
  return {
    files: process.getBuiltinModule('node:fs').promises,
    paths: process.getBuiltinModule('node:path'),
    platform: process.platform,
    pid: process.pid,
    host: process.getBuiltinModule('node:os').hostname(),
    startedMs: () => Date.now() - process.uptime() * 1000,
    sha256: () => crypto.createHash('sha256'),
    random: (bytes) => crypto.randomBytes(bytes).toString('hex'),
    runs: (pid) => {
      try {
        process.kill(pid, 0);
        return true;
      } catch (error) {
        // EPERM: it runs as somebody else.
        return errorCode(error) !== 'ESRCH';
      }
    },
  };
}

export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

const reasons: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'it does not exist; check the path'],
  ['EEXIST', 'it exists already'],
  ['ENOTDIR', 'a part of the path is a file, not a folder'],
  ['EISDIR', 'it is a folder, not a file'],
  ['EACCES', 'permission denied; check its owner and mode, or take another path'],
  ['EPERM', 'the system does not allow it; check its owner and mode, or take another path'],
  ['EROFS', 'the file system is read-only; take another path'],
  ['ENOSPC', 'the disk is full; free some space, or take another path'],
  ['EDQUOT', 'the disk quota is used up; free some space, or take another path'],
  ['EMFILE', 'this process has too many files open'],
  ['ENFILE', 'the system has too many files open'],
  ['ENAMETOOLONG', 'its name is too long'],
  ['EIO', 'the disk failed; check the disk'],
]);

/** A failure of the system as an error of ours; errors that are ours already stay as they are. */
export function fileError(action: string, path: string, cause: unknown): HadalError {
  if (cause instanceof HadalError) return cause;
  const code = errorCode(cause);
  const reason = reasons.get(code) ?? (cause instanceof Error ? cause.message : String(cause));
  return new FileError(`cannot ${action} ${path}: ${reason}${code === '' ? '' : ` (${code})`}`, path, code, {
    cause,
  });
}

/** Runs calls of the system with their failures made ours, memory that cannot be had among them; other errors stay as they are. */
export async function attempt<T>(action: string, path: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    throw errorCode(error) !== '' || error instanceof RangeError ? fileError(action, path, error) : error;
  }
}

/** Node's reads and writes take at most 2^31 - 1 bytes. */
const maxChunk = 1 << 30;

export interface Written {
  readonly bytes: number;
  readonly sha256: string;
}

/** Writes a new file, which a power cut may take away until `syncFile` has returned. */
export async function writeUnsynced(
  system: System,
  path: string,
  parts: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<Written> {
  return attempt('write', path, async () => {
    const handle = await system.files.open(path, 'wx');
    const hash = system.sha256();
    let bytes = 0;
    try {
      for await (const part of parts) {
        hash.update(part);
        for (let at = 0; at < part.length; ) {
          const { bytesWritten } = await handle.write(part, at, Math.min(maxChunk, part.length - at));
          at += bytesWritten;
        }
        bytes += part.length;
      }
    } finally {
      await handle.close();
    }
    return { bytes, sha256: hash.digest('hex') };
  });
}

/** Waits until what was written to a file is on the disk. */
export async function syncFile(system: System, path: string): Promise<void> {
  // Windows syncs only what may be written.
  await syncHandle(system, 'write', path, 'r+');
}

async function syncHandle(system: System, action: string, path: string, flags: 'r' | 'r+'): Promise<void> {
  await attempt(action, path, async () => {
    const handle = await system.files.open(path, flags);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
}

/** Puts a folder's entries on the disk: without it a renamed file may be gone after a power cut. */
export async function syncFolder(system: System, path: string): Promise<void> {
  // Windows has no handle of a folder that can be synced.
  if (system.platform === 'win32') return;
  await syncHandle(system, 'sync', path, 'r');
}

/**
 * Makes a folder and those above it that are missing. One at a time: Node's recursive `mkdir` tries for ever where a file system has the
 * parent and says of every name in it that it does not exist, as /proc does.
 */
export async function makeFolder(system: System, path: string): Promise<void> {
  await attempt('make folder', path, () => makeMissing(system, system.paths.resolve(path)));
}

async function makeMissing({ files, paths }: System, path: string): Promise<void> {
  const missing: string[] = [];
  for (let at = path; !(await isFolder(files, at)); at = paths.dirname(at)) {
    missing.push(at);
    if (at === paths.dirname(at)) break;
  }
  for (const folder of missing.reverse()) {
    try {
      await files.mkdir(folder, { recursive: false });
    } catch (error) {
      // Another process may have been faster.
      if (errorCode(error) !== 'EEXIST' || !(await isFolder(files, folder))) throw error;
    }
  }
}

/** @throws the system's error if it cannot be told. */
async function isFolder(files: FilePromises, path: string): Promise<boolean> {
  try {
    return (await files.stat(path)).isDirectory();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Removes what is there, if anything is; a failure is not reported, for what follows another failure or a success. */
export async function removeQuietly(system: System, path: string): Promise<void> {
  await system.files.rm(path, { recursive: true, force: true }).catch(() => {});
}

/** Replaces a file, or makes it: after a crash at any moment there is either the old one or the new one, complete. */
export async function replaceFile(
  system: System,
  path: string,
  parts: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<Written> {
  const { paths } = system;
  const temporary = paths.join(
    paths.dirname(path),
    `.${paths.basename(path)}.tmp-${system.pid}-${system.random(4)}`,
  );
  try {
    const written = await writeUnsynced(system, temporary, parts);
    await syncFile(system, temporary);
    await attempt('write', path, () => system.files.rename(temporary, path));
    await syncFolder(system, paths.dirname(path));
    return written;
  } catch (error) {
    await removeQuietly(system, temporary);
    // The path that people gave says more than the temporary one.
    throw error instanceof FileError ? fileError('write', path, error.cause ?? error) : error;
  }
}

/** A file open for reading. */
export interface Source {
  readonly name: string;
  readonly bytes: number;
  /** The next `length` bytes. */
  next(length: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** Opens a file, hands it to `body` and closes it. Every byte that is read also goes into `hash`. */
export async function readingFile<T>(
  system: System,
  path: string,
  hash: Hash | null,
  body: (source: Source) => Promise<T>,
): Promise<T> {
  return attempt('read', path, async () => {
    // Before it is opened: to open a pipe is to wait for somebody who writes.
    const found = await system.files.stat(path);
    if (found.isDirectory()) throw Object.assign(new Error('a folder'), { code: 'EISDIR' });
    if (!found.isFile())
      throw new FileError(`cannot read ${path}: it is no file but a pipe, a socket or a device`, path, '');
    const handle = await system.files.open(path, 'r');
    try {
      const status = await handle.stat();
      let position = 0;
      const next = async (length: number): Promise<Uint8Array<ArrayBuffer>> => {
        // The caller asks within the size of the file; it may have been cut since.
        const out = new Uint8Array(length);
        for (let at = 0; at < length; ) {
          const { bytesRead } = await handle.read(out, at, Math.min(maxChunk, length - at), position);
          if (bytesRead === 0) {
            throw new FormatError(
              `${path}, byte ${position}: expected ${length - at} more bytes, found the end of the file`,
            );
          }
          at += bytesRead;
          position += bytesRead;
        }
        hash?.update(out);
        return out;
      };
      return await body({ name: path, bytes: status.size, next });
    } finally {
      await handle.close();
    }
  });
}

/** A whole file of at most `limit` bytes. */
export async function readWhole(
  system: System,
  path: string,
  limit: number,
): Promise<Uint8Array<ArrayBuffer>> {
  return readingFile(system, path, null, (source) => {
    if (source.bytes > limit) {
      throw new FormatError(`${path}: expected a file of at most ${limit} bytes, found ${source.bytes}`);
    }
    return source.next(source.bytes);
  });
}
