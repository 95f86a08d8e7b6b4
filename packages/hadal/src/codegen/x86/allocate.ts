/**
 * Linear-scan register allocation (Poletto and Sarkar 1999) over the live intervals of `analysis.ts`.
 *
 * An interval has one place for its whole life: a register or a stack slot. Where registers run out, the interval with the
 * lowest use count, each use counted ten times for each loop around it, goes to the stack. Constants and arguments give way
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

interface ClassState {
  readonly order: readonly number[];
  readonly active: (Node | null)[];
  /** Position until which a register is wanted back by a loop parameter. */
  readonly reserved: number[];
  used: number;
}

/**
 * Allocation runs again while it had to take registers back: an interval that loses its register late has kept others out of it all
 * the while, so the next round gives it none from the start.
 */
const MAX_ROUNDS = 5;

export function allocate(analysis: Analysis, features: X86Features): Allocation {
  const file = registerFile(features);
  const intervals = [...analysis.intervals].sort((a, b) => a.start - b.start);
  const forced = new Set<Node>();
  for (let round = 1; ; round++) {
    const make = (cls: RegisterClass): ClassState => ({
      order: file.order[cls],
      active: new Array<Node | null>(32).fill(null),
      reserved: new Array<number>(32).fill(-1),
      used: 0,
    });
    const states = { gpr: make('gpr'), vec: make('vec'), mask: make('mask') };
    const spilled: Node[] = [];
    const before = forced.size;
    for (const n of intervals) {
      n.reg = -1;
      n.spilled = false;
    }
    for (const n of intervals) {
      const state = states[n.cls];
      if (forced.has(n)) {
        spill(n, spilled);
        continue;
      }
      const { active, order } = state;
      for (const r of order) {
        const holder = active[r];
        if (holder && holder.end < n.start) active[r] = null;
      }
      const reg = pick(state, n);
      if (reg >= 0) take(state, n, reg);
      else evict(state, n, spilled, forced);
    }
    if (forced.size > before && round < MAX_ROUNDS) continue;
    const frameBytes = assignSlots(spilled, features);
    return {
      used: { gpr: states.gpr.used, vec: states.vec.used, mask: states.mask.used },
      frameBytes,
      spills: spilled.length,
    };
  }
}

/** Puts a value into memory, if it cannot be had again from there anyway. */
function spill(n: Node, spilled: Node[]): void {
  n.reg = -1;
  if (n.recompute !== null) return;
  n.spilled = true;
  spilled.push(n);
}

function take(state: ClassState, n: Node, reg: number): void {
  n.reg = reg;
  state.active[reg] = n;
  state.used |= 1 << reg;
  if (n.carriedUntil >= 0) state.reserved[reg] = n.carriedUntil;
}

function pick(state: ClassState, n: Node): number {
  const wanted = n.target && n.target.reg >= 0 ? n.target.reg : -1;
  if (wanted >= 0 && state.active[wanted] === null) return wanted;
  const handed = n.hint && n.hint.reg >= 0 ? n.hint.reg : -1;
  if (
    handed >= 0 &&
    state.active[handed] === null &&
    (n.target === null || state.reserved[handed] < n.start || wanted < 0)
  ) {
    return handed;
  }
  let second = -1;
  for (const r of state.order) {
    if (state.active[r] !== null) continue;
    if (state.reserved[r] < n.start) return r;
    if (second < 0) second = r;
  }
  return second;
}

/** How much worse the code gets without the register. */
function cost(n: Node): number {
  if (n.recompute === null) return n.weight;
  return n.recompute.from === 'argument' ? n.weight * 0.3 : n.weight * 0.01;
}

function evict(state: ClassState, n: Node, spilled: Node[], forced: Set<Node>): void {
  let victim = n;
  let least = cost(n);
  let reg = -1;
  for (const r of state.order) {
    const holder = state.active[r];
    if (!holder) continue;
    const c = cost(holder);
    if (c < least) {
      victim = holder;
      least = c;
      reg = r;
    }
  }
  spill(victim, spilled);
  if (victim !== n) {
    forced.add(victim);
    state.reserved[reg] = -1;
    take(state, n, reg);
  }
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
      let slot = slots.find((s) => s.end < n.start);
      if (!slot) {
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
