/** Tensors by name in one file: safetensors, the format that models are exchanged in. Files and bytes. */
import { ArgumentError, FormatError } from '../base/errors.js';
import { fromBytes, Tensor } from '../tensor/index.js';
import type { Hash, System } from './files.js';
import { nodeSystem, readingFile, replaceFile } from './files.js';
import { quoted } from './json-cursor.js';
import type { SafetensorsHeader, TensorEntry } from './safetensors-header.js';
import {
  headerLength,
  inFileOrder,
  parseHeader,
  planSafetensors,
  prefixBytes,
} from './safetensors-header.js';

/** Tensors by name: a Map, as `load` gives it, or a plain object. */
export type NamedTensors = ReadonlyMap<string, Tensor> | { readonly [name: string]: Tensor };

/** Texts by name, for what belongs to the tensors but is none of them. */
export type Metadata = ReadonlyMap<string, string> | { readonly [name: string]: string };

export interface Safetensors {
  /** In the order of the file's header. */
  readonly tensors: Map<string, Tensor>;
  readonly metadata: ReadonlyMap<string, string>;
}

export interface DecodeOptions {
  /** What error messages call the bytes; usually the path of their file. */
  readonly name?: string;
}

/**
 * Tensors as the bytes of a safetensors file. Equal tensors in equal order give equal bytes.
 *
 * @throws ArgumentError if a value is not a tensor, a metadata value is not a string, or a name is `__metadata__` or `__proto__`.
 *
 * @see https://github.com/huggingface/safetensors#format
 *
 * @example
 * ```ts
 * import { decodeSafetensors, encodeSafetensors, tensor } from 'hadal';
 * const bytes = encodeSafetensors({ weight: tensor([[1, 2], [3, 4]]) }, { author: 'me' });
 * const { tensors, metadata } = decodeSafetensors(bytes);
 * console.log(tensors.get('weight')?.tolistSync(), metadata.get('author')); // [ [ 1, 2 ], [ 3, 4 ] ] me
 * ```
 */
export function encodeSafetensors(tensors: NamedTensors, metadata: Metadata = {}): Uint8Array<ArrayBuffer> {
  const parts = [...safetensorsParts('encodeSafetensors', tensors, metadata)];
  const out = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/**
 * The tensors and the metadata of a safetensors file in memory. Tensors are made on the current engine.
 *
 * @throws FormatError with the name and the byte offset if anything is not as the format says; sizes in the file are checked before
 * anything is allocated for them.
 *
 * @example
 * ```ts
 * import { decodeSafetensors } from 'hadal';
 * const text = '{"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}   ';
 * const bytes = Uint8Array.of(text.length, 0, 0, 0, 0, 0, 0, 0, ...new TextEncoder().encode(text), 7, 9);
 * console.log(decodeSafetensors(bytes, { name: 'x.safetensors' }).tensors.get('x')?.tolistSync()); // [ 7, 9 ]
 * ```
 */
export function decodeSafetensors(bytes: Uint8Array, options: DecodeOptions = {}): Safetensors {
  const name = options.name ?? 'safetensors';
  const length = headerLength(bytes.subarray(0, prefixBytes), bytes.length, name);
  const header = parseHeader(bytes.subarray(prefixBytes, prefixBytes + length), bytes.length, name);
  const made = new Map<TensorEntry, Tensor>();
  for (const entry of header.entries)
    made.set(entry, makeTensor(entry, bytes.subarray(entry.begin, entry.end), name));
  return inHeaderOrder(header, made);
}

/**
 * Writes a safetensors file. A file of that name is replaced in one step: after a crash there is either the old one or the new one.
 * Tensors are read one by one while they are written: do not change them before the promise is settled.
 *
 * @throws FileError if it cannot be written; what was there before is untouched. ArgumentError as `encodeSafetensors`.
 *
 * @example
 * ```ts
 * import { loadSafetensors, ones, saveSafetensors } from 'hadal';
 * await saveSafetensors('weights.safetensors', { weight: ones([2, 3]) }, { task: 'example' });
 * const { tensors, metadata } = await loadSafetensors('weights.safetensors');
 * console.log(tensors.get('weight')?.shape, metadata.get('task')); // [ 2, 3 ] example
 * ```
 */
export async function saveSafetensors(
  path: string,
  tensors: NamedTensors,
  metadata: Metadata = {},
): Promise<void> {
  await replaceFile(
    nodeSystem('saveSafetensors'),
    path,
    safetensorsParts('saveSafetensors', tensors, metadata),
  );
}

/**
 * Reads a safetensors file, tensor by tensor: beside the tensors themselves it needs memory for the largest of them only.
 *
 * @throws FileError if it cannot be read; FormatError with path and byte offset if it is damaged.
 */
export async function loadSafetensors(path: string): Promise<Safetensors> {
  return readSafetensors(nodeSystem('loadSafetensors'), path, null);
}

/**
 * Saves tensors under their names, such as a module's `stateDict()`, in one safetensors file.
 *
 * @throws FileError if it cannot be written; what was there before is untouched.
 *
 * @example
 * ```ts
 * import { load, save, tensor } from 'hadal';
 * await save('state.safetensors', { bias: tensor([1, 2]) });
 * console.log((await load('state.safetensors')).get('bias')?.tolistSync()); // [ 1, 2 ]
 * ```
 */
export async function save(path: string, tensors: NamedTensors): Promise<void> {
  await replaceFile(nodeSystem('save'), path, safetensorsParts('save', tensors, {}));
}

/**
 * The tensors of a safetensors file by name, for a module's `loadStateDict`.
 *
 * @throws FileError if it cannot be read; FormatError with path and byte offset if it is damaged.
 */
export async function load(path: string): Promise<Map<string, Tensor>> {
  return (await readSafetensors(nodeSystem('load'), path, null)).tensors;
}

/** The header of a safetensors file alone: what it holds, without reading it. */
export async function readSafetensorsHeader(
  system: System,
  path: string,
): Promise<SafetensorsHeader & { readonly bytes: number }> {
  return readingFile(system, path, null, async (source) => {
    const length = headerLength(
      await source.next(Math.min(prefixBytes, source.bytes)),
      source.bytes,
      source.name,
    );
    return { ...parseHeader(await source.next(length), source.bytes, source.name), bytes: source.bytes };
  });
}

/** Reads a file from front to back; all of its bytes go through `hash`. */
export async function readSafetensors(
  system: System,
  path: string,
  hash: Hash | null,
): Promise<Safetensors & { readonly bytes: number }> {
  return readingFile(system, path, hash, async (source) => {
    const { name, bytes } = source;
    const length = headerLength(await source.next(Math.min(prefixBytes, bytes)), bytes, name);
    const header = parseHeader(await source.next(length), bytes, name);
    const made = new Map<TensorEntry, Tensor>();
    for (const entry of inFileOrder(header.entries))
      made.set(entry, makeTensor(entry, await source.next(entry.end - entry.begin), name));
    return { ...inHeaderOrder(header, made), bytes };
  });
}

/** The bytes of a file in pieces: the head, then one tensor after the other, each fetched when it is asked for. */
export function safetensorsParts(
  op: string,
  tensors: NamedTensors,
  metadata: Metadata,
): Iterable<Uint8Array> {
  const named = new Map<string, Tensor>(entriesOf(op, tensors));
  const texts = new Map<string, string>(entriesOf(op, metadata));
  for (const [name, value] of named) {
    if (!(value instanceof Tensor)) throw new ArgumentError(`${op}: ${quoted(name)} is not a tensor`);
    if (name === '__metadata__') throw new ArgumentError(`${op}: the name __metadata__ is the format's own`);
  }
  for (const [key, value] of texts) {
    if (typeof value !== 'string')
      throw new ArgumentError(`${op}: metadata ${quoted(key)} must be a string, got ${typeof value}`);
  }
  if (named.has('__proto__') || texts.has('__proto__'))
    throw new ArgumentError(`${op}: nothing can be called __proto__`);
  const facts = [...named].map(([name, t]) => ({ name, dtype: t.dtype, shape: t.shape }));
  const { head, order } = planSafetensors(facts, texts);
  return (function* () {
    yield head;
    for (const { name } of order) {
      const t = named.get(name);
      if (t !== undefined) yield t.bytesSync();
    }
  })();
}

function entriesOf<T>(
  op: string,
  from: ReadonlyMap<string, T> | { readonly [name: string]: T },
): Iterable<readonly [string, T]> {
  if (from instanceof Map) return from;
  if (typeof from === 'object' && from !== null) return Object.entries(from);
  throw new ArgumentError(`${op}: expected a Map or an object of names, got ${typeof from}`);
}

function makeTensor(entry: TensorEntry, bytes: Uint8Array, file: string): Tensor {
  if (entry.dtype === 'bool') checkBool(bytes, entry, file);
  return fromBytes(bytes, entry.shape, entry.dtype);
}

/** Kernels take it that a bool is 0 or 1. */
function checkBool(bytes: Uint8Array, entry: TensorEntry, file: string): void {
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] > 1) {
      throw new FormatError(
        `${file}, byte ${entry.begin + i}: expected 0 or 1 (an element of the bool tensor ${quoted(entry.name)}), found ${bytes[i]}`,
      );
    }
  }
}

function inHeaderOrder(header: SafetensorsHeader, made: ReadonlyMap<TensorEntry, Tensor>): Safetensors {
  const tensors = new Map<string, Tensor>();
  for (const entry of header.entries) {
    const t = made.get(entry);
    if (t !== undefined) tensors.set(entry.name, t);
  }
  return { tensors, metadata: header.metadata };
}
