/**
 * The operands of x86-64 instructions as types, so that an instruction written with the wrong kind of operand does not
 * compile. Registers are shared constants; memory operands are made where they are used.
 */
import { InternalError } from '../../base/errors.js';

export type Width = 128 | 256 | 512;
export type Scale = 1 | 2 | 4 | 8;

export interface Gpr {
  readonly kind: 'gpr';
  readonly index: number;
}

export interface Vec {
  readonly kind: 'vec';
  readonly index: number;
  readonly width: Width;
}

export interface Mask {
  readonly kind: 'mask';
  readonly index: number;
}

/** [base + index * scale + disp], or a constant of the pool behind the code (addressed from the instruction pointer). */
export interface Mem {
  readonly kind: 'mem';
  readonly base: Gpr | null;
  readonly index: Gpr | null;
  readonly scale: Scale;
  readonly disp: number;
  /** Number of a pool constant, or -1. */
  readonly pool: number;
  /** The element at this address is every lane of the operand (EVEX only). */
  readonly broadcast: boolean;
}

export type Operand = Gpr | Vec | Mask | Mem | number;

function registers<T>(count: number, make: (index: number) => T): readonly T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

export const gprs: readonly Gpr[] = registers(16, (index) => ({ kind: 'gpr', index }));
export const xmms: readonly Vec[] = registers(32, (index) => ({ kind: 'vec', index, width: 128 }));
export const ymms: readonly Vec[] = registers(32, (index) => ({ kind: 'vec', index, width: 256 }));
export const zmms: readonly Vec[] = registers(32, (index) => ({ kind: 'vec', index, width: 512 }));
export const masks: readonly Mask[] = registers(8, (index) => ({ kind: 'mask', index }));

export const [rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15] = gprs;
export const k0 = masks[0];

export function vec(index: number, width: Width): Vec {
  return (width === 512 ? zmms : width === 256 ? ymms : xmms)[index];
}

export function mem(base: Gpr, disp = 0, index: Gpr | null = null, scale: Scale = 1): Mem {
  if (disp !== (disp | 0)) throw new InternalError(`x86: displacement ${disp} does not fit in 32 bits`);
  if (index !== null && index.index === 4) throw new InternalError('x86: rsp cannot be an index register');
  return { kind: 'mem', base, index, scale, disp, pool: -1, broadcast: false };
}

export function poolMem(pool: number): Mem {
  return { kind: 'mem', base: null, index: null, scale: 1, disp: 0, pool, broadcast: false };
}

/** The same address, its element spread over all lanes. */
export function broadcastMem(m: Mem): Mem {
  return { ...m, broadcast: true };
}

const names64 = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');
const names32 = 'eax ecx edx ebx esp ebp esi edi r8d r9d r10d r11d r12d r13d r14d r15d'.split(' ');
const names16 = 'ax cx dx bx sp bp si di r8w r9w r10w r11w r12w r13w r14w r15w'.split(' ');
const names8 = 'al cl dl bl spl bpl sil dil r8b r9b r10b r11b r12b r13b r14b r15b'.split(' ');

export function gprName(r: Gpr, size: 8 | 16 | 32 | 64): string {
  return (size === 64 ? names64 : size === 32 ? names32 : size === 16 ? names16 : names8)[r.index];
}

function showMem(m: Mem): string {
  if (m.base === null) return `[rip + pool${m.pool}]`;
  const index = m.index ? ` + ${gprName(m.index, 64)}*${m.scale}` : '';
  const disp = m.disp === 0 ? '' : m.disp > 0 ? ` + ${m.disp}` : ` - ${-m.disp}`;
  return `[${gprName(m.base, 64)}${index}${disp}]`;
}

/** An operand in GNU assembler's Intel syntax. */
export function showOperand(x: Operand, size: 8 | 16 | 32 | 64, lanes = 0): string {
  if (typeof x === 'number') return String(x);
  switch (x.kind) {
    case 'gpr':
      return gprName(x, size);
    case 'vec':
      return `${x.width === 512 ? 'z' : x.width === 256 ? 'y' : 'x'}mm${x.index}`;
    case 'mask':
      return `k${x.index}`;
    case 'mem':
      return showMem(x) + (x.broadcast ? `{1to${lanes}}` : '');
  }
}
