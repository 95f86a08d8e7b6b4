/**
 * A buffer is device memory that graph nodes refer to, with a version that every write in place moves on. A node remembers the
 * version it was written as; when the two differ, the node's value is gone.
 */
import type { Memory } from '../runtime/device.js';

export class Buffer {
  readonly memory: Memory;
  version = 0;
  /** Where the last write in place was asked for, for error messages. */
  overwrittenAt: Error | null = null;

  constructor(memory: Memory) {
    this.memory = memory;
  }
}
