/** checkpoint.json: what a checkpoint's folder holds, with sizes and hashes, and the state of the run as JSON. */
import { FormatError } from '../base/errors.js';
import { isObject, type Json, jsonText, parseJson } from './json.js';
import { parseWriter, showWriter, type Writer } from './writer.js';

export const manifestFile = 'checkpoint.json';
export const modelFile = 'model.safetensors';
export const optimizerFile = 'optimizer.safetensors';

/** A history of a million entries is some 100 MB. */
export const maxManifestBytes = 1 << 29;

const format = 'hadal-checkpoint';
const version = 1;

export interface FileFacts {
  readonly bytes: number;
  readonly sha256: string;
}

export interface Manifest {
  readonly step: number;
  /** ISO 8601. */
  readonly savedAt: string;
  readonly writer: Writer;
  readonly files: ReadonlyMap<string, FileFacts>;
  readonly optimizer?: { readonly settings: Json };
  readonly state: Json;
}

export function encodeManifest(manifest: Manifest): Uint8Array {
  const { step, savedAt, writer, files, optimizer, state } = manifest;
  const content = {
    format,
    version,
    step,
    savedAt,
    writer: showWriter(writer),
    files: Object.fromEntries(files),
    ...(optimizer === undefined ? {} : { optimizer }),
    state,
  };
  return new TextEncoder().encode(jsonText(content, 'saveCheckpoint: state'));
}

/** @throws FormatError naming the file and the member that is wrong. */
export function decodeManifest(bytes: Uint8Array, name: string): Manifest {
  const fail = (expected: string, found: unknown): FormatError =>
    new FormatError(`${name}: expected ${expected}, found ${show(found)}`);
  const content = decodeJson(bytes, name);
  if (!isObject(content) || content.format !== format)
    throw fail(`format ${show(format)}`, isObject(content) ? content.format : content);
  if (content.version !== version) {
    throw fail(`version ${version} (a newer hadal may read others)`, content.version);
  }
  const { step, savedAt, state } = content;
  if (typeof step !== 'number' || !Number.isSafeInteger(step) || step < 0)
    throw fail('step to be an integer, 0 or more', step);
  if (typeof savedAt !== 'string') throw fail('savedAt to be a time', savedAt);
  const writer = typeof content.writer === 'string' ? parseWriter(content.writer) : undefined;
  if (writer === undefined) throw fail('writer to name a process', content.writer);
  if (!isObject(content.files)) throw fail('files to be an object', content.files);
  const files = new Map<string, FileFacts>();
  for (const [file, facts] of Object.entries(content.files)) {
    // No other names: what stands here becomes a path.
    if (file !== modelFile && file !== optimizerFile)
      throw fail(`files to be ${modelFile} and ${optimizerFile}`, file);
    if (!isObject(facts) || typeof facts.bytes !== 'number' || typeof facts.sha256 !== 'string')
      throw fail(`bytes and sha256 of ${file}`, facts);
    files.set(file, { bytes: facts.bytes, sha256: facts.sha256 });
  }
  if (!files.has(modelFile)) throw fail(`files to have ${modelFile}`, [...files.keys()]);
  const optimizer = isObject(content.optimizer) ? content.optimizer : undefined;
  if ((optimizer !== undefined) !== files.has(optimizerFile))
    throw fail(`optimizer and ${optimizerFile} together`, [...files.keys()]);
  return {
    step,
    savedAt,
    writer,
    files,
    ...(optimizer === undefined ? {} : { optimizer: { settings: (optimizer.settings ?? null) as Json } }),
    state: (state ?? null) as Json,
  };
}

/** JSON from a file. */
export function decodeJson(bytes: Uint8Array, name: string): Json {
  try {
    return parseJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new FormatError(`${name}: expected JSON, found something else: ${reason}`, { cause });
  }
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 120 ? `${text.slice(0, 120)}...` : text;
}
