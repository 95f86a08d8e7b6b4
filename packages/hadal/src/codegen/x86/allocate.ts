/**
 * Linear-scan register allocation (Poletto and Sarkar 1999) over the live intervals of `analysis.ts`.
 *
 * An interval has one place for its whole life: a register or a stack slot. Where registers run out, the interval with the
 * lowest use count, each use counted for each round that loops around it are thought to take, goes to the stack. Constants and arguments give way
 * before anything else, since they can be read again from memory.
 *
 * Registers are handed on: a value asks first for the register of the loop parameter it becomes, then for that of the operand
 * it goes on from. While a loop runs, other values avoid its parameters' registers if they can, so that an accumulator stays
 * where it is from round to round.
 */
import { InternalError } from '../../base/errors.js';
import type { Analysis } from './analysis.js';
import type { X86Features } from './features.js';
import type { Node, RegisterClass } from './node.js';

export interface RegisterFile {
  /** Registers to hand out, the preferred first. */
  readonly order: { readonly [C in RegisterClass]: readonly number[] };
  /** Registers that each instruction may use for itself. */
  readonly scratch: { readonly [C in RegisterClass]: readonly number[] };
}

function upTo(first: number, last: number): readonly number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

// rdi holds the argument block, rsp the frame; rax and rdx are what division needs. Callee-saved registers come last.
const gprOrder = [1, 6, 8, 9, 10, 11, 3, 5, 12, 13, 14, 15];

const files: { readonly [L in X86Features['level']]: RegisterFile } = {
  avx512: {
    order: { gpr: gprOrder, vec: upTo(0, 29), mask: upTo(1, 6) },
    scratch: { gpr: [0, 2], vec: [31, 30], mask: [7] },
  },
  avx2: {
    order: { gpr: gprOrder, vec: upTo(0, 14), mask: [] },
    scratch: { gpr: [0, 2], vec: [15], mask: [] },
  },
};

export function registerFile(features: X86Features): RegisterFile {
  return files[features.level];
}

export interface Allocation {
  /** Registers that hold any value at any time, as bits. */
  readonly used: { readonly [C in RegisterClass]: number };
  /** Bytes of spill slots. */
  readonly frameBytes: number;
  readonly spills: number;
}

/**
 * The registers of one class while intervals go by. Sets of registers are bits by rank, that is by place in the order of
 * preference, so that the best of a set is its lowest bit.
 */
class ClassState {
  readonly order: readonly number[];
  /** Rank of each register. */
  readonly ranks: Int8Array;
  readonly holders: (Node | null)[] = [];
  /** What each holder's register is worth. */
  readonly costs: Float64Array;
  /** Position until which a register is wanted back by a loop parameter, and the least of those of `reserved`. */
  readonly until: Int32Array;
  leastUntil = 0;
  reserved = 0;
  free = 0;
  /** Registers that held a value at any time, by their own numbers. */
  used = 0;

  constructor(order: readonly number[]) {
    this.order = order;
    this.ranks = new Int8Array(32);
    for (let rank = 0; rank < order.length; rank++) this.ranks[order[rank]] = rank;
    this.costs = new Float64Array(order.length);
    this.until = new Int32Array(order.length);
  }

  reset(): void {
    this.leastUntil = Number.MAX_SAFE_INTEGER;
    this.reserved = 0;
    this.free = 2 ** this.order.length - 1;
    this.used = 0;
  }
}

/**
 * Allocation runs again while it had to take registers back: an interval that loses its register late has kept others out of it all
 * the while, so the next round gives it none from the start.
 */
const MAX_ROUNDS = 5;

export function allocate(analysis: Analysis, features: X86Features): Allocation {
  const { order } = registerFile(features);
  const { intervals } = analysis;
  const count = intervals.length;
  const starts = new Float64Array(count);
  const ends = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    starts[i] = intervals[i].start * count + i;
    ends[i] = intervals[i].end * count + i;
  }
  const starting = inOrder(intervals, starts);
  const ending = inOrder(intervals, ends);
  const gpr = new ClassState(order.gpr);
  const vec = new ClassState(order.vec);
  const mask = new ClassState(order.mask);
  let forced = 0;
  for (let round = 1; ; round++) {
    gpr.reset();
    vec.reset();
    mask.reset();
    const spilled: Node[] = [];
    const before = forced;
    let ended = 0;
    for (let i = 0; i < count; i++) {
      const n = starting[i];
      const { start } = n;
      for (let gone = ending[ended]; gone.end < start; gone = ending[++ended]) {
        if (gone.reg < 0) continue;
        const its = gone.cls === 'gpr' ? gpr : gone.cls === 'vec' ? vec : mask;
        its.free |= 1 << its.ranks[gone.reg];
      }
      n.spilled = false;
      if (n.forced) {
        spill(n, spilled);
        continue;
      }
      const state = n.cls === 'gpr' ? gpr : n.cls === 'vec' ? vec : mask;
      const rank = pick(state, n, start);
      if (rank >= 0) take(state, n, rank);
      else if (evict(state, n, spilled)) forced++;
    }
    if (forced > before && round < MAX_ROUNDS) continue;
    const frameBytes = assignSlots(spilled, features);
    return {
      used: { gpr: gpr.used, vec: vec.used, mask: mask.used },
      frameBytes,
      spills: spilled.length,
    };
  }
}

/**
 * Sorted by a position; where that is the same, as they were. A key is position * count + place: sorting numbers takes no call
 * for each comparison, and V8 has no cheaper way while code is cold.
 */
function inOrder(intervals: readonly Node[], keys: Float64Array): readonly Node[] {
  keys.sort();
  const out: Node[] = [];
  for (let i = 0; i < keys.length; i++) out.push(intervals[keys[i] % keys.length]);
  return out;
}

/** Puts a value into memory, if it cannot be had again from there anyway. */
function spill(n: Node, spilled: Node[]): void {
  n.reg = -1;
  if (n.recompute !== null) return;
  n.spilled = true;
  spilled.push(n);
}

function take(state: ClassState, n: Node, rank: number): void {
  const bit = 1 << rank;
  const reg = state.order[rank];
  n.reg = reg;
  state.free &= ~bit;
  state.used |= 1 << reg;
  state.holders[rank] = n;
  state.costs[rank] = n.weight;
  const until = n.carriedUntil;
  if (until >= 0) {
    state.until[rank] = until;
    state.reserved |= bit;
    if (until < state.leastUntil) state.leastUntil = until;
  }
}

/** Registers that loop parameters want back at this position or later, where some are no longer. */
function reservedAt(state: ClassState, position: number): number {
  let reserved = 0;
  state.leastUntil = Number.MAX_SAFE_INTEGER;
  for (let left = state.reserved; left !== 0; left &= left - 1) {
    const rank = 31 - Math.clz32(left & -left);
    const until = state.until[rank];
    if (until < position) continue;
    reserved |= 1 << rank;
    if (until < state.leastUntil) state.leastUntil = until;
  }
  state.reserved = reserved;
  return reserved;
}

/** The rank of a free register, or -1. */
function pick(state: ClassState, n: Node, start: number): number {
  const { free } = state;
  if (free === 0) return -1;
  const { target, hint } = n;
  const reserved = state.leastUntil >= start ? state.reserved : reservedAt(state, start);
  const wanted = target === null ? -1 : target.reg;
  if (wanted >= 0) {
    const rank = state.ranks[wanted];
    if (free & (1 << rank)) return rank;
  }
  if (hint !== null && hint.reg >= 0) {
    const rank = state.ranks[hint.reg];
    const bit = 1 << rank;
    if (free & bit && (wanted < 0 || (reserved & bit) === 0)) return rank;
  }
  const best = free & ~reserved || free;
  return 31 - Math.clz32(best & -best);
}

/** Takes the register of the value that is worth least, unless that is this one; whether it did. */
function evict(state: ClassState, n: Node, spilled: Node[]): boolean {
  const { costs } = state;
  let least = n.weight;
  let rank = -1;
  for (let i = 0; i < costs.length; i++) {
    if (costs[i] < least) {
      least = costs[i];
      rank = i;
    }
  }
  const victim = rank < 0 ? null : state.holders[rank];
  if (victim === null) {
    spill(n, spilled);
    return false;
  }
  spill(victim, spilled);
  victim.forced = true;
  state.reserved &= ~(1 << rank);
  take(state, n, rank);
  return true;
}

/** Slots are shared by intervals that do not overlap. Scalars take 8 bytes, vectors their width; wide slots come first. */
function assignSlots(spilled: Node[], features: X86Features): number {
  const wide = features.level === 'avx512' ? 64 : 32;
  let bytes = 0;
  for (const size of [wide, 8]) {
    const slots: { end: number; readonly offset: number }[] = [];
    const members = spilled
      .filter((n) => (n.cls === 'vec' && n.lanes > 1 ? wide : 8) === size)
      .sort((a, b) => a.start - b.start);
    for (const n of members) {
      let slot: (typeof slots)[number] | undefined;
      for (let i = 0; i < slots.length && slot === undefined; i++)
        if (slots[i].end < n.start) slot = slots[i];
      if (slot === undefined) {
        slot = { end: n.end, offset: bytes };
        bytes += size;
        slots.push(slot);
      }
      slot.end = n.end;
      n.slot = slot.offset;
    }
  }
  if (bytes > 1 << 20) throw new InternalError(`x86: ${bytes} bytes of spilled values`);
  return bytes;
}
