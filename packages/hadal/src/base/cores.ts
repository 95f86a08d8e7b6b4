/** How many threads can compute at once in this process. */
import { cpuLimit, type ReadText } from './cpu-limit.js';

interface FileSystem {
  readonly constants: { readonly O_RDONLY: number; readonly O_NONBLOCK: number };
  openSync(path: string, flags: number): number;
  readSync(file: number, into: Uint8Array): number;
  closeSync(file: number): void;
}

interface Host {
  readonly navigator?: { readonly hardwareConcurrency?: number };
  readonly process?: {
    readonly platform?: string;
    readonly versions?: { readonly deno?: string };
    getBuiltinModule?(name: 'node:os'): { availableParallelism?(): number } | undefined;
    getBuiltinModule?(name: 'node:fs'): FileSystem | undefined;
  };
}

/** Longer files than this are not what they should be; their beginning is read. */
const MAX_FILE_BYTES = 16_384;

function textReader(fs: FileSystem): ReadText {
  return (path) => {
    try {
      const file = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
      try {
        const bytes = new Uint8Array(MAX_FILE_BYTES);
        const length = fs.readSync(file, bytes);
        return new TextDecoder('latin1').decode(bytes.subarray(0, length));
      } finally {
        fs.closeSync(file);
      }
    } catch {
      return null;
    }
  };
}

/**
 * Processors that this process may run on, by its affinity and by the limits of its container, at least 1. A limit of 2.5 processors
 * makes 2: three threads would use up the time of all and then stand still together.
 */
export function availableCores(): number {
  const { navigator, process } = globalThis as unknown as Host;
  const cores =
    process?.getBuiltinModule?.('node:os')?.availableParallelism?.() ?? navigator?.hardwareConcurrency ?? 1;
  // Deno would ask people whether these files may be read.
  const hasGroups = process?.platform === 'linux' && process.versions?.deno === undefined;
  const fs = hasGroups ? process.getBuiltinModule?.('node:fs') : undefined;
  const limit = fs ? cpuLimit(textReader(fs)) : Number.POSITIVE_INFINITY;
  return Math.max(1, Math.floor(Math.min(cores, limit)));
}
