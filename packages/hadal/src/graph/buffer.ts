/**
 * A buffer is device memory that graph nodes refer to, with a version that every write in place moves on. A node remembers the
 * version it was written as; when the two differ, the node's value is gone.
 */
import type { Memory } from '../runtime/device.js';

/** A matrix as a product wants it, in panels, kept beside the memory that it was made of. */
export interface PackedForm {
  /** Which matrix of the memory, and how it is packed. */
  readonly key: string;
  /** The version that it was made of. */
  readonly version: number;
  readonly memory: Memory;
}

export class Buffer {
  readonly memory: Memory;
  version = 0;
  /** Where the last write in place was asked for, for error messages. */
  overwrittenAt: Error | null = null;
  /** At most one: as much memory again as the matrix takes. */
  packed: PackedForm | null = null;
  /** How many products in a row have read this version and would have liked to find another form, or one at all. */
  wanted = 0;
  wantedVersion = -1;

  constructor(memory: Memory) {
    this.memory = memory;
  }
}
