/**
 * Unpacks zlib data (RFC 1950) to a size known beforehand, through what the platform has: node:zlib, or DecompressionStream in
 * browsers. Data that unpacks to more stops there, so that a small file cannot fill the memory.
 */

/** The reader of a web stream, as far as it is used here. */
interface ByteReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array }>;
  cancel(): Promise<void>;
}

interface ByteTransform {
  readonly writable: {
    getWriter(): { write(bytes: Uint8Array): Promise<void>; close(): Promise<void> };
  };
  readonly readable: { getReader(): ByteReader };
}

/** What there is of the data, at most `expected + 1` bytes; `problem` says why it ended where it did. */
export interface Inflated {
  readonly data: Uint8Array<ArrayBuffer>;
  readonly problem: string | null;
}

/** @param parts the data in pieces. */
export async function inflate(parts: readonly Uint8Array[], expected: number): Promise<Inflated> {
  const packed = join(parts);
  if (typeof process !== 'undefined' && typeof process.getBuiltinModule === 'function')
    return inflateInNode(packed, expected);
  return inflateInBrowser(packed, expected);
}

function inflateInNode(packed: Uint8Array, expected: number): Inflated {
  const zlib = process.getBuiltinModule('node:zlib');
  try {
    const out = zlib.inflateSync(packed, { maxOutputLength: expected + 1, chunkSize: chunkSize(expected) });
    return { data: new Uint8Array(out.buffer as ArrayBuffer, out.byteOffset, out.length), problem: null };
  } catch (error) {
    const tooLong = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
    const problem = tooLong ? `more than ${expected} bytes` : messageOf(error);
    return { data: new Uint8Array(0), problem };
  }
}

/** zlib allocates whole chunks; one for a small image, few for a large one. */
function chunkSize(expected: number): number {
  return Math.max(1024, Math.min(expected + 1, 1 << 20));
}

export async function inflateInBrowser(packed: Uint8Array, expected: number): Promise<Inflated> {
  const { DecompressionStream: Decompression } = globalThis as unknown as {
    readonly DecompressionStream: new (format: 'deflate') => ByteTransform;
  };
  const stream = new Decompression('deflate');
  const writer = stream.writable.getWriter();
  const reader = stream.readable.getReader();
  const pieces: Uint8Array[] = [];
  let length = 0;
  // Failures of the writing side come out at the reading side too.
  const ignore = (): void => {};
  writer.write(packed).catch(ignore);
  writer.close().catch(ignore);
  try {
    while (true) {
      const { done, value } = await reader.read();
      if (done) return { data: join(pieces), problem: null };
      if (value === undefined) continue;
      pieces.push(value);
      length += value.length;
      if (length > expected) {
        await reader.cancel().catch(ignore);
        return { data: new Uint8Array(0), problem: `more than ${expected} bytes` };
      }
    }
  } catch (error) {
    return { data: new Uint8Array(0), problem: messageOf(error) };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
