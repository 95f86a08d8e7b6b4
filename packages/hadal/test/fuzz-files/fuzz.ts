/** Reads damaged files of every format: each must give a `FormatError` or load. */
import { FormatError } from '../../src/base/errors.js';
import { setEngine } from '../../src/tensor/index.js';
import { formats } from './formats.js';
import { Random } from './mutate.js';

export interface FuzzOptions {
  /** Files of each format. */
  readonly files: number;
  readonly seed: number;
  /** The folder test/fixtures. */
  readonly fixtures: string;
}

export interface FormatReport {
  readonly format: string;
  readonly loaded: number;
  readonly refused: number;
  /** The longest read in milliseconds. */
  readonly slowest: number;
  /** Files that gave another error: number, error, and the bytes in base64 if they are few. */
  readonly failures: readonly string[];
}

export async function fuzzFiles({ files, seed, fixtures }: FuzzOptions): Promise<FormatReport[]> {
  await setEngine('reference');
  const reports: FormatReport[] = [];
  for (const { name, seeds, mutate, read } of formats(fixtures)) {
    let [loaded, refused, slowest] = [0, 0, 0];
    const failures: string[] = [];
    for (const [i, bytes] of seeds.entries()) {
      // The files themselves must load, but for the bomb.
      await Promise.resolve(read(bytes)).catch((error) => {
        if (!String(error).includes('found more than')) failures.push(`whole file ${i}: ${error}`);
      });
    }
    for (let i = 0; i < files; i++) {
      const random = new Random(seed * 1_000_003 + i);
      const bytes = mutate(random.pick(seeds), random);
      const begun = performance.now();
      try {
        await read(bytes);
        loaded++;
      } catch (error) {
        if (error instanceof FormatError && error.message.startsWith('file')) refused++;
        else {
          const text = bytes.length < 2000 ? Buffer.from(bytes).toString('base64') : `${bytes.length} bytes`;
          failures.push(`file ${i}: ${error instanceof Error ? error.stack : String(error)}\n${text}`);
        }
      }
      slowest = Math.max(slowest, performance.now() - begun);
    }
    reports.push({ format: name, loaded, refused, slowest, failures });
  }
  return reports;
}
