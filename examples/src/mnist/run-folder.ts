/**
 * The folder of a run:
 *
 *     run.json            what the run was started with
 *     model.json          the network, for `hadal predict`
 *     checkpoint-.../     the newest checkpoints
 *     metrics.jsonl       loss and accuracy as they went
 *     report.html         how it went and what the network does not recognise, for a browser
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { listCheckpoints } from 'hadal';
import type { EngineName, Hyperparameters, ResumeOptions } from './options.js';

/** A mistake of the user, whose message is all there is to say. */
export class UsageError extends Error {}

/** run.json */
export interface RunRecord {
  readonly format: 'hadal-mnist-run';
  readonly version: 1;
  /** ISO 8601 */
  readonly started: string;
  /** The engine that it began on: another rounds otherwise. */
  readonly engine: EngineName;
  readonly options: Hyperparameters;
}

export interface RunFolder {
  readonly dir: string;
  readonly metrics: string;
  readonly report: string;
}

function filesOf(dir: string): RunFolder {
  return { dir, metrics: join(dir, 'metrics.jsonl'), report: join(dir, 'report.html') };
}

const recordName = 'run.json';

/** `2026-11-23T04-15-00`, local time: a name that every file system takes. */
export function timeName(time: Date): string {
  const two = (n: number) => String(n).padStart(2, '0');
  const date = [time.getFullYear(), time.getMonth() + 1, time.getDate()].map(two).join('-');
  return `${date}T${[time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join('-')}`;
}

/**
 * Makes the folder of a new run.
 *
 * @param out its path; one under `runs/mnist`, named for the time, if not given.
 * @throws UsageError if it cannot be written, or holds a run that can be gone on with.
 */
export function createRunFolder(
  out: string | undefined,
  start: { readonly engine: EngineName; readonly options: Hyperparameters },
): RunFolder {
  const now = new Date();
  const dir = out ?? unusedFolder(join('runs', 'mnist', timeName(now)));
  const record: RunRecord = {
    format: 'hadal-mnist-run',
    version: 1,
    started: now.toISOString(),
    ...start,
  };
  try {
    makeFolders(dir);
    if (readdirSync(dir).some((name) => name.startsWith('checkpoint-'))) {
      throw new UsageError(
        `${dir} holds a run already; go on with it (npm start -- --resume ${dir}) or take another folder`,
      );
    }
    const temporary = join(dir, `${recordName}.new`);
    writeFileSync(temporary, `${JSON.stringify(record, null, 2)}\n`);
    renameSync(temporary, join(dir, recordName));
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`the run's folder ${dir} cannot be written: ${messageOf(error)}`);
  }
  return filesOf(dir);
}

/** With Node's own `recursive` (20.20), a folder that cannot be made for ENOENT, as in /proc, is tried for ever. */
function makeFolders(dir: string): void {
  if (existsSync(dir)) return;
  makeFolders(dirname(dir));
  mkdirSync(dir);
}

/** Two runs may begin in one second. */
function unusedFolder(dir: string): string {
  for (let copy = 1; ; copy++) {
    const name = copy === 1 ? dir : `${dir}-${copy}`;
    if (!existsSync(name)) return name;
  }
}

/**
 * Finds a run to go on with.
 *
 * @throws UsageError if there is none, it has no checkpoint, or other options were given than it has.
 */
export async function openRunFolder({
  dir,
  given,
}: ResumeOptions): Promise<{ readonly folder: RunFolder; readonly record: RunRecord }> {
  const record = readRecord(dir);
  const checkpoints = await listCheckpoints(dir);
  if (!checkpoints.some(({ problem }) => problem === null)) {
    throw new UsageError(
      `${dir} has no complete checkpoint${checkpoints.length === 0 ? ' yet' : `: ${checkpoints[0].problem}`}; ` +
        `start anew: npm start -- --out ${dir}`,
    );
  }
  const saved: { readonly [name: string]: unknown } = { ...record.options, engine: record.engine };
  for (const [name, value] of Object.entries(given)) {
    if (saved[name] === value) continue;
    const option = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const has = saved[name] === undefined ? 'has none' : `has ${saved[name]}`;
    throw new UsageError(
      `--resume goes on with the options of the run: ${dir} ${has} for --${option}, got ${value}; leave it out`,
    );
  }
  return { folder: filesOf(dir), record };
}

function readRecord(dir: string): RunRecord {
  const file = join(dir, recordName);
  let record: Partial<RunRecord> | null;
  try {
    record = JSON.parse(readFileSync(file, 'utf8')) as Partial<RunRecord> | null;
  } catch (error) {
    throw new UsageError(`${dir} is not the folder of a run of this program: ${messageOf(error)}`);
  }
  if (record?.format !== 'hadal-mnist-run' || record.version !== 1) {
    throw new UsageError(`${dir} is not the folder of a run of this program: ${file} is of something else`);
  }
  return record as RunRecord;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
