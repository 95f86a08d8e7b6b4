/** Checkpoints: everything a run goes on from, saved so that a crash, a full disk or a second process never costs an earlier one. */
import { ArgumentError, HadalError } from '../base/errors.js';
import {
  type CheckpointContent,
  candidates,
  inspect,
  type LoadedCheckpoint,
  prune,
  readNewest,
  sweep,
  writeCheckpoint,
} from './checkpoint-folder.js';
import { nodeSystem } from './files.js';

export type { CheckpointContent, LoadedCheckpoint } from './checkpoint-folder.js';

export interface SaveCheckpointOptions {
  /** How many checkpoints to keep, this one included, the newest by step; all if not given. */
  readonly keep?: number;
}

export interface LoadCheckpointOptions {
  /** Told in one line of each checkpoint that was skipped, and why; `console.warn` if not given. */
  readonly warn?: (line: string) => void;
}

/**
 * Saves a checkpoint as a folder `checkpoint-<step>` in `dir`, which is made if it is missing. The folder appears under its name only
 * when all of its files are on the disk; then those beyond `keep` are removed. A step that is there already gets a number
 * (`checkpoint-<step>-2`); nothing is overwritten. Several processes may save into one `dir`: none removes what another that is still
 * running wrote. The tensors are read one by one while they are written: do not change them before the promise is settled.
 *
 * @returns the path of the checkpoint.
 * @throws FileError if it cannot be written (disk full, not allowed); earlier checkpoints are untouched. ArgumentError if `step`,
 * `keep` or `state` are not what they should be.
 *
 * @example
 * ```ts
 * import { loadCheckpoint, saveCheckpoint, tensor } from 'hadal';
 * const model = new Map([['weight', tensor([1, 2])]]);
 * await saveCheckpoint('run', { step: 100, model, state: { epoch: 1 } }, { keep: 3 });
 * const newest = await loadCheckpoint('run');
 * console.log(newest?.step, newest?.model.get('weight')?.tolistSync(), newest?.state); // 100 [ 1, 2 ] { epoch: 1 }
 * ```
 */
export async function saveCheckpoint(
  dir: string,
  content: CheckpointContent,
  options: SaveCheckpointOptions = {},
): Promise<string> {
  const { keep } = options;
  if (keep !== undefined && (!Number.isInteger(keep) || keep < 1))
    throw new ArgumentError(`saveCheckpoint: keep is a positive integer, got ${keep}`);
  const system = nodeSystem('saveCheckpoint');
  const path = await writeCheckpoint(system, dir, content);
  await sweep(system, dir);
  if (keep !== undefined) await prune(system, dir, keep, path);
  return path;
}

/**
 * Loads the newest complete checkpoint of a folder: format version, sizes and SHA-256 of all files are checked, and one that is
 * damaged is skipped with a warning.
 *
 * @returns null if there is no checkpoint, or no such folder.
 * @throws FormatError if there are checkpoints but none is complete; FileError if the folder cannot be read.
 */
export async function loadCheckpoint(
  dir: string,
  options: LoadCheckpointOptions = {},
): Promise<LoadedCheckpoint | null> {
  const system = nodeSystem('loadCheckpoint');
  await sweep(system, dir);
  return readNewest(system, dir, options.warn ?? ((line) => console.warn(line)));
}

/** A checkpoint as `listCheckpoints` tells of it. */
export interface CheckpointInfo {
  readonly path: string;
  readonly step: number;
  /** When it was saved, as ISO 8601; `''` if its manifest cannot be read. */
  readonly savedAt: string;
  /** Bytes of its tensors. */
  readonly bytes: number;
  /** What is wrong with it, or null. Hashes are compared only when it is loaded. */
  readonly problem: string | null;
}

/**
 * The checkpoints of a folder, the newest first; none if the folder does not exist.
 *
 * @throws FileError if the folder cannot be read.
 */
export async function listCheckpoints(dir: string): Promise<CheckpointInfo[]> {
  const system = nodeSystem('listCheckpoints');
  const list: CheckpointInfo[] = [];
  for (const candidate of await candidates(system, dir)) {
    const { path, step } = candidate;
    try {
      const { savedAt, files } = await inspect(system, candidate);
      const bytes = [...files.values()].reduce((sum, file) => sum + file.bytes, 0);
      list.push({ path, step, savedAt, bytes, problem: null });
    } catch (error) {
      if (!(error instanceof HadalError)) throw error;
      list.push({ path, step, savedAt: '', bytes: 0, problem: error.message });
    }
  }
  return list;
}
