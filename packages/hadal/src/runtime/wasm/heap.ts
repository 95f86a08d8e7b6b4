/**
 * Divides one growing address range into slots: two-level segregated fit (Masmano et al. 2004, "TLSF: a new dynamic memory
 * allocator for real-time systems"). Free slots hang in lists by size class, two bitmaps find a class that fits, neighbours
 * coalesce; allocating and freeing take constant time. Knows addresses only and touches no memory.
 */
import { InternalError } from '../../base/errors.js';

/** Addresses and sizes are multiples of this. */
export const ALIGNMENT = 64;

/** Classes between one power of two and the next. */
const SUBCLASS_BITS = 4;
const SUBCLASSES = 1 << SUBCLASS_BITS;
/** Powers of two of sizes in units of 64 bytes; 4 GiB are 2^26. */
const CLASSES = 28;

export class Slot {
  offset: number;
  bytes: number;
  free = true;
  /** Neighbours in the address range. */
  below: Slot | null = null;
  above: Slot | null = null;
  /** Neighbours in the list of a class. */
  previous: Slot | null = null;
  next: Slot | null = null;

  constructor(offset: number, bytes: number) {
    this.offset = offset;
    this.bytes = bytes;
  }
}

export class Heap {
  readonly #lists: (Slot | null)[] = new Array<Slot | null>(CLASSES * SUBCLASSES).fill(null);
  #classMap = 0;
  readonly #subclassMaps = new Int32Array(CLASSES);
  #last: Slot | null = null;
  readonly #start: number;
  #end: number;

  /** An empty heap whose first address will be `start`. */
  constructor(start: number) {
    this.#start = roundUp(start);
    this.#end = this.#start;
  }

  /** The bytes it was given. */
  get bytes(): number {
    return this.#end - this.#start;
  }

  /** Adds the addresses up to `end`. */
  extend(end: number): void {
    const aligned = Math.floor(end / ALIGNMENT) * ALIGNMENT;
    if (aligned <= this.#end) return;
    const slot = new Slot(this.#end, aligned - this.#end);
    slot.below = this.#last;
    if (this.#last) this.#last.above = slot;
    this.#last = slot;
    this.#end = aligned;
    slot.free = false;
    this.free(slot);
  }

  /** A slot of at least `bytes`, or `null` if there is none. */
  allocate(bytes: number): Slot | null {
    const size = roundUp(Math.max(bytes, 1));
    // Sizes beyond the heap may also be beyond what class numbers can express.
    if (size > this.bytes) return null;
    const slot = this.#find(size / ALIGNMENT);
    if (!slot) return null;
    this.#unlink(slot);
    slot.free = false;
    if (slot.bytes > size) {
      const rest = new Slot(slot.offset + size, slot.bytes - size);
      slot.bytes = size;
      rest.below = slot;
      rest.above = slot.above;
      if (rest.above) rest.above.below = rest;
      else this.#last = rest;
      slot.above = rest;
      this.#link(rest);
    }
    return slot;
  }

  free(slot: Slot): void {
    if (slot.free) throw new InternalError(`slot at ${slot.offset} is freed twice`);
    slot.free = true;
    let merged = slot;
    if (slot.below?.free) {
      merged = slot.below;
      this.#unlink(merged);
      this.#absorb(merged, slot);
    }
    if (merged.above?.free) {
      this.#unlink(merged.above);
      this.#absorb(merged, merged.above);
    }
    this.#link(merged);
  }

  /** All slots by address, for tests. */
  slots(): readonly Slot[] {
    const found: Slot[] = [];
    for (let slot = this.#last; slot; slot = slot.below) found.push(slot);
    return found.reverse();
  }

  #absorb(lower: Slot, upper: Slot): void {
    lower.bytes += upper.bytes;
    lower.above = upper.above;
    if (upper.above) upper.above.below = lower;
    else this.#last = lower;
  }

  #link(slot: Slot): void {
    const list = classOf(slot.bytes / ALIGNMENT);
    const head = this.#lists[list];
    slot.previous = null;
    slot.next = head;
    if (head) head.previous = slot;
    this.#lists[list] = slot;
    this.#classMap |= 1 << (list >> SUBCLASS_BITS);
    this.#subclassMaps[list >> SUBCLASS_BITS] |= 1 << (list & (SUBCLASSES - 1));
  }

  #unlink(slot: Slot): void {
    if (slot.next) slot.next.previous = slot.previous;
    if (slot.previous) {
      slot.previous.next = slot.next;
      return;
    }
    const list = classOf(slot.bytes / ALIGNMENT);
    this.#lists[list] = slot.next;
    if (slot.next) return;
    const major = list >> SUBCLASS_BITS;
    this.#subclassMaps[major] &= ~(1 << (list & (SUBCLASSES - 1)));
    if (this.#subclassMaps[major] === 0) this.#classMap &= ~(1 << major);
  }

  /** Sizes of one class differ: a class above holds only slots that fit, the size's own may hold one. */
  #find(units: number): Slot | null {
    const own = classOf(units);
    const exact = this.#lists[own];
    if (exact && exact.bytes >= units * ALIGNMENT) return exact;
    let major = own >> SUBCLASS_BITS;
    let minors = this.#subclassMaps[major] & (-1 << ((own & (SUBCLASSES - 1)) + 1));
    if (minors === 0) {
      const majors = this.#classMap & (-1 << (major + 1));
      if (majors !== 0) {
        major = lowestBit(majors);
        minors = this.#subclassMaps[major];
      }
    }
    if (minors !== 0) return this.#lists[(major << SUBCLASS_BITS) + lowestBit(minors)];
    for (let slot = exact; slot; slot = slot.next) if (slot.bytes >= units * ALIGNMENT) return slot;
    return null;
  }
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

function lowestBit(x: number): number {
  return 31 - Math.clz32(x & -x);
}

function classOf(units: number): number {
  if (units < SUBCLASSES) return units;
  const power = 31 - Math.clz32(units);
  return (
    ((power - SUBCLASS_BITS + 1) << SUBCLASS_BITS) + ((units >> (power - SUBCLASS_BITS)) & (SUBCLASSES - 1))
  );
}
