/**
 * The folder of a run's checkpoints:
 *
 *     checkpoint-000000001200/      complete: it got this name by one rename, after all of its files were on the disk
 *     checkpoint-000000001200-2/    the same step once more; the number keeps two writers apart
 *     .writing-HOST-PID-TOKEN-...   being written, or left by a process that died
 *     .removing-HOST-PID-TOKEN-...  being removed
 *
 * So a name that begins with `checkpoint-` is never half written by hadal, and a crash at any moment costs at most the checkpoint that
 * was being saved.
 */
import { ArgumentError, FileError, FormatError, HadalError } from '../base/errors.js';
import type { Tensor } from '../tensor/index.js';
import {
  decodeManifest,
  encodeManifest,
  type FileFacts,
  type Manifest,
  manifestFile,
  maxManifestBytes,
  modelFile,
  optimizerFile,
} from './checkpoint-manifest.js';
import {
  attempt,
  errorCode,
  fileError,
  makeFolder,
  readingFile,
  readWhole,
  removeQuietly,
  type System,
  syncFile,
  syncFolder,
  writeUnsynced,
} from './files.js';
import type { Json } from './json.js';
import { readSafetensors, safetensorsParts } from './safetensors.js';
import { isOwn, mayBeInUse, parseWriter, showWriter, thisWriter } from './writer.js';

/** What a checkpoint holds. */
export interface CheckpointContent {
  /** Optimizer steps done so far. */
  readonly step: number;
  /** A module's `stateDict()`. */
  readonly model: ReadonlyMap<string, Tensor>;
  readonly optimizer?: { readonly tensors: ReadonlyMap<string, Tensor>; readonly settings: Json };
  /** All the rest that a run goes on from: epoch, schedule, generator, position in the data, history. */
  readonly state: Json;
}

export interface LoadedCheckpoint {
  /** Its folder. */
  readonly path: string;
  /** When it was saved, as ISO 8601. */
  readonly savedAt: string;
  readonly step: number;
  readonly model: Map<string, Tensor>;
  readonly optimizer?: { readonly tensors: Map<string, Tensor>; readonly settings: Json };
  readonly state: Json;
}

/** A folder that has a checkpoint's name. */
export interface Candidate {
  readonly path: string;
  readonly step: number;
  readonly copy: number;
}

const digits = 12;
const maxStep = 10 ** digits - 1;

/** Checkpoints by their names, the newest first. */
export async function candidates(system: System, dir: string): Promise<Candidate[]> {
  let names: string[];
  try {
    names = await system.files.readdir(dir);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw fileError('list', dir, error);
  }
  const found: Candidate[] = [];
  for (const name of names) {
    const match = /^checkpoint-(\d{12})(?:-(\d{1,9}))?$/.exec(name);
    if (match === null) continue;
    found.push({
      path: system.paths.join(dir, name),
      step: Number(match[1]),
      copy: Number(match[2] ?? '1'),
    });
  }
  return found.sort((a, b) => b.step - a.step || b.copy - a.copy);
}

/** The manifest of a checkpoint whose files are all there with the sizes they should have; their contents are not read. */
export async function inspect(system: System, candidate: Candidate): Promise<Manifest> {
  const path = system.paths.join(candidate.path, manifestFile);
  const manifest = decodeManifest(await readWhole(system, path, maxManifestBytes), path);
  if (manifest.step !== candidate.step)
    throw new FormatError(`${path}: expected step ${candidate.step}, found ${manifest.step}`);
  for (const [name, facts] of manifest.files) {
    const file = system.paths.join(candidate.path, name);
    checkSize(file, facts, (await attempt('read', file, () => system.files.stat(file))).size);
  }
  return manifest;
}

function checkSize(file: string, facts: FileFacts, bytes: number): void {
  if (bytes !== facts.bytes) {
    throw new FormatError(`${file}: expected ${facts.bytes} bytes (as ${manifestFile} says), found ${bytes}`);
  }
}

/** Reads a checkpoint and compares every file with its hash. */
async function readCheckpoint(system: System, candidate: Candidate): Promise<LoadedCheckpoint> {
  const manifest = await inspect(system, candidate);
  const tensors = new Map<string, Map<string, Tensor>>();
  for (const [name, facts] of manifest.files) {
    const file = system.paths.join(candidate.path, name);
    await verifyFile(system, file, facts);
    tensors.set(name, (await readSafetensors(system, file, null)).tensors);
  }
  const optimizer = tensors.get(optimizerFile);
  return {
    path: candidate.path,
    savedAt: manifest.savedAt,
    step: manifest.step,
    model: tensors.get(modelFile) ?? new Map(),
    ...(optimizer === undefined || manifest.optimizer === undefined
      ? {}
      : { optimizer: { tensors: optimizer, settings: manifest.optimizer.settings } }),
    state: manifest.state,
  };
}

const pieceBytes = 1 << 24;

async function verifyFile(system: System, file: string, facts: FileFacts): Promise<void> {
  const hash = system.sha256();
  await readingFile(system, file, hash, async (source) => {
    checkSize(file, facts, source.bytes);
    for (let left = source.bytes; left > 0; left -= pieceBytes) await source.next(Math.min(left, pieceBytes));
  });
  const found = hash.digest('hex');
  if (found !== facts.sha256)
    throw new FormatError(`${file}: expected SHA-256 ${facts.sha256}, found ${found}: it is damaged`);
}

/** Writes a checkpoint and gives its path. */
export async function writeCheckpoint(
  system: System,
  dir: string,
  content: CheckpointContent,
): Promise<string> {
  const { step, model, optimizer, state } = content;
  if (!Number.isInteger(step) || step < 0 || step > maxStep)
    throw new ArgumentError(`saveCheckpoint: step is an integer from 0 to ${maxStep}, got ${step}`);
  const { join } = system.paths;
  await makeFolder(system, dir);
  const temporary = join(dir, `.writing-${showWriter(thisWriter(system))}-${system.random(4)}`);
  try {
    await makeFolder(system, temporary);
    const files = new Map<string, FileFacts>();
    const add = async (name: string, tensors: ReadonlyMap<string, Tensor>): Promise<void> => {
      const parts = safetensorsParts('saveCheckpoint', tensors, {});
      files.set(name, await writeUnsynced(system, join(temporary, name), parts));
    };
    await add(modelFile, model);
    if (optimizer !== undefined) await add(optimizerFile, optimizer.tensors);
    const manifest = encodeManifest({
      step,
      savedAt: new Date().toISOString(),
      writer: thisWriter(system),
      files,
      ...(optimizer === undefined ? {} : { optimizer: { settings: optimizer.settings } }),
      state,
    });
    await writeUnsynced(system, join(temporary, manifestFile), [manifest]);
    // At once: the disk is waited for once, not once a file. All of them, as what goes on may not see its folder removed.
    const synced = await Promise.allSettled([
      ...[...files.keys(), manifestFile].map((name) => syncFile(system, join(temporary, name))),
      syncFolder(system, temporary),
    ]);
    for (const outcome of synced) if (outcome.status === 'rejected') throw outcome.reason;
    const path = await publish(
      system,
      temporary,
      join(dir, `checkpoint-${String(step).padStart(digits, '0')}`),
    );
    await syncFolder(system, dir);
    return path;
  } catch (error) {
    await removeQuietly(system, temporary);
    // The folder that people gave says more than the temporary one.
    throw error instanceof FileError ? fileError('save a checkpoint in', dir, error.cause ?? error) : error;
  }
}

/** Gives a finished folder its name, or that name with a number if somebody has it already. */
async function publish(system: System, temporary: string, name: string): Promise<string> {
  for (let copy = 1; ; copy++) {
    const path = copy === 1 ? name : `${name}-${copy}`;
    try {
      // A folder does not replace one that has files in it, so nobody's checkpoint is lost here.
      await system.files.rename(temporary, path);
      return path;
    } catch (error) {
      const taken = ['EEXIST', 'ENOTEMPTY', 'EPERM'].includes(errorCode(error));
      if (!taken || copy >= 1000 || !(await exists(system, path))) throw fileError('write', path, error);
    }
  }
}

async function exists(system: System, path: string): Promise<boolean> {
  return system.files.stat(path).then(
    () => true,
    () => false,
  );
}

/**
 * Removes checkpoints beyond the newest `keep`, and what dead processes left. `saved` stays, and so does what another process that may
 * be alive wrote: it counts its own.
 */
export async function prune(system: System, dir: string, keep: number, saved: string): Promise<void> {
  let kept = 0;
  for (const candidate of await candidates(system, dir)) {
    try {
      const { writer } = await inspect(system, candidate);
      const { mtimeMs } = await system.files.stat(candidate.path);
      if (mayBeInUse(system, writer, mtimeMs)) continue;
    } catch {
      // Damaged, or gone meanwhile: it counts for nothing, and what is left of it may be of use to its owner.
      continue;
    }
    if (candidate.path === saved || kept < keep) {
      kept++;
      continue;
    }
    await removeFolder(system, dir, candidate.path);
  }
}

/** Takes the name away first, so that nobody meets a checkpoint half removed. */
async function removeFolder(system: System, dir: string, path: string): Promise<void> {
  const doomed = system.paths.join(dir, `.removing-${showWriter(thisWriter(system))}-${system.random(4)}`);
  await attempt('remove', path, () => system.files.rename(path, doomed));
  await removeQuietly(system, doomed);
}

/** Removes what processes that died left half written or half removed; failures do not matter. */
export async function sweep(system: System, dir: string): Promise<void> {
  const names = await system.files.readdir(dir).catch((): string[] => []);
  for (const name of names) {
    const match = /^\.(?:writing|removing)-(.+)-[0-9a-f]{8}$/.exec(name);
    const writer = match === null ? undefined : parseWriter(match[1]);
    // This process may be writing another checkpoint at this moment.
    if (writer === undefined || isOwn(system, writer)) continue;
    const path = system.paths.join(dir, name);
    const modified = await system.files.stat(path).then(
      ({ mtimeMs }) => mtimeMs,
      () => Number.POSITIVE_INFINITY,
    );
    if (!mayBeInUse(system, writer, modified)) await removeQuietly(system, path);
  }
}

/** The newest checkpoint that is complete; each newer one that is not is told to `warn`. */
export async function readNewest(
  system: System,
  dir: string,
  warn: (line: string) => void,
): Promise<LoadedCheckpoint | null> {
  const problems: string[] = [];
  const found = await candidates(system, dir);
  for (const candidate of found) {
    try {
      return await readCheckpoint(system, candidate);
    } catch (error) {
      if (!(error instanceof HadalError)) throw error;
      problems.push(error.message);
      warn(`hadal: skipped checkpoint ${candidate.path}: ${error.message}`);
    }
  }
  if (found.length === 0) return null;
  throw new FormatError(
    `${dir}: none of its ${found.length} checkpoints is complete: ${problems.join('; ')}`,
  );
}
