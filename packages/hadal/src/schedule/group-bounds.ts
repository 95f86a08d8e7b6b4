/** How large one kernel may become: ops, tensors that it reads, and numbers. */
import type { Group } from './groups.js';

/** More ops than this are not put into one kernel: registers and compile time are finite. */
export const MAX_MEMBERS = 96;
/**
 * Nor more tensors than this: a sum of 24 read in one go takes longer than in two, one of 90 seven times as long (AVX-512), for there
 * are more streams than a processor follows.
 */
export const MAX_READS = 16;
/** Nor more numbers: each holds a register, and beyond a few they are loaded again for every point. */
export const MAX_NUMBERS = 16;

/** What a node reads, through everything that is read through. */
export interface Operands {
  /** Values and leaves. */
  readonly reads: readonly number[];
  readonly numbers: readonly number[];
}

/** What one kernel of two groups would read. */
export function readsOfBoth(a: Group, b: Group): Set<number> {
  const reads = new Set<number>();
  for (const [own, other] of [
    [a, b],
    [b, a],
  ])
    for (const i of own.reads) if (!other.members.has(i)) reads.add(i);
  return reads;
}

/** Which bound a kernel of two groups would exceed, in words; null if none. */
export function excess(a: Group, b: Group): string | null {
  const members = a.members.size + b.members.size;
  if (members > MAX_MEMBERS) return `${members} ops, more than ${MAX_MEMBERS}`;
  const reads = readsOfBoth(a, b).size;
  if (reads > MAX_READS) return `a kernel that reads ${reads} tensors, more than ${MAX_READS}`;
  const numbers = new Set([...a.numbers, ...b.numbers]).size;
  if (numbers > MAX_NUMBERS) return `a kernel of ${numbers} numbers, more than ${MAX_NUMBERS}`;
  return null;
}
