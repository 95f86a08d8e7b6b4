/**
 * Writes x86-64 machine code. Vector instructions come from the table in `instructions.ts` through `op` and `masked`; the few
 * integer instructions have methods of their own. Jumps go to labels and are patched when the label is bound; constants are
 * collected in a pool that `finish` puts behind the code.
 *
 * Encodings are the shortest of each family: VEX where it can express the instruction (two bytes where possible), else EVEX
 * with disp8 scaled by the operand's size. Jumps always take 32 bits: kernels are short and the loops' tops are aligned.
 */
import { InternalError } from '../../base/errors.js';
import { ConstantPool } from './constant-pool.js';
import type { Form, OperandKind, OperandsOf } from './instructions.js';
import { tupleBytes } from './instructions.js';
import type { AluOp, Condition, NarrowSize, Size } from './integer-codes.js';
import { aluOps, checkInt32, conditions, nops, shiftOps, unaryOps } from './integer-codes.js';
import { pointer, showVector } from './listing.js';
import type { Gpr, Mask, Mem, Operand } from './operands.js';
import { showOperand } from './operands.js';

export type { AluOp, Condition, Size } from './integer-codes.js';

export type Label = number;

export class Assembler {
  #code = new Uint8Array(4096);
  #at = 0;
  readonly #labels: number[] = [];
  /** Where jumps have their distance, and to which label. */
  readonly #jumps: number[] = [];
  readonly #targets: Label[] = [];
  readonly #pool = new ConstantPool();
  /** Where a listing goes; null when none is wanted. */
  readonly #trace: ((line: string) => void) | null;

  constructor(trace: ((line: string) => void) | null = null) {
    this.#trace = trace;
  }

  get position(): number {
    return this.#at;
  }

  /** Whether a listing is wanted. */
  get traced(): boolean {
    return this.#trace !== null;
  }

  /** A remark in the listing. */
  note(text: string): void {
    if (this.#trace) this.#trace(`; ${text}`);
  }

  // --- labels ----------------------------------------------------------------------------------------------------------

  label(): Label {
    this.#labels.push(-1);
    return this.#labels.length - 1;
  }

  bind(label: Label): void {
    if (this.#labels[label] !== -1) throw new InternalError(`x86: label ${label} is bound twice`);
    this.#labels[label] = this.#at;
    if (this.#trace) this.#trace(`L${label}:`);
  }

  align(bytes: number): void {
    let pad = -this.#at & (bytes - 1);
    this.#reserve(pad);
    while (pad > 0) {
      const nop = nops[Math.min(pad, 8)];
      for (let i = 0; i < nop.length; i++) this.#code[this.#at + i] = nop[i];
      this.#at += nop.length;
      pad -= nop.length;
    }
  }

  jmp(label: Label): void {
    this.#reserve(16);
    this.#byte(0xe9);
    this.#jump(label);
    if (this.#trace) this.#trace(`jmp L${label}`);
  }

  jcc(condition: Condition, label: Label): void {
    this.#reserve(16);
    this.#byte(0x0f);
    this.#byte(0x80 | conditions[condition]);
    this.#jump(label);
    if (this.#trace) this.#trace(`j${condition} L${label}`);
  }

  // --- constants -------------------------------------------------------------------------------------------------------

  /** The pool constant with these 4 bytes. */
  word(bits: number): number {
    return this.#pool.word(bits);
  }

  /** The pool constant with these bytes; as many as the widest read of it. */
  bytes(key: string, make: () => Uint8Array): number {
    return this.#pool.bytes(key, make);
  }

  /** Patches jumps and constants and returns the code followed by its constants. */
  finish(): Uint8Array {
    const out = this.#pool.appendedTo(this.#code.subarray(0, this.#at));
    const view = new DataView(out.buffer);
    for (let i = 0; i < this.#jumps.length; i++) {
      const at = this.#jumps[i];
      const target = this.#labels[this.#targets[i]];
      if (target === -1) throw new InternalError(`x86: label ${this.#targets[i]} is never bound`);
      view.setInt32(at, target - (at + 4), true);
    }
    return out;
  }

  // --- vector instructions ---------------------------------------------------------------------------------------------

  op<const K extends readonly OperandKind[]>(form: Form<K>, ...operands: OperandsOf<K>): void;
  op(form: Form, a: Operand, b: Operand, c?: Operand, d?: Operand): void {
    this.#vector(form, 0, false, a, b, c, d);
  }

  /** With a write mask; lanes that are off become zero (`zeroing`) or keep what they were. */
  masked<const K extends readonly OperandKind[]>(
    form: Form<K>,
    mask: Mask,
    zeroing: boolean,
    ...operands: OperandsOf<K>
  ): void;
  masked(form: Form, mask: Mask, zeroing: boolean, a: Operand, b: Operand, c?: Operand, d?: Operand): void {
    if (mask.index === 0) throw new InternalError('x86: k0 cannot be a write mask');
    this.#vector(form, mask.index, zeroing, a, b, c, d);
  }

  // --- integer instructions --------------------------------------------------------------------------------------------

  alu(op: AluOp, size: Size, dst: Gpr | Mem, src: Gpr | Mem | number): void {
    const code = aluOps[op] << 3;
    if (typeof src === 'number') {
      checkInt32(src);
      const short = src >= -128 && src < 128;
      this.#legacy(short ? 0x83 : 0x81, size, aluOps[op], dst, short ? 1 : 4);
      this.#immediate(src, short ? 1 : 4);
    } else if (src.kind === 'mem') {
      if (dst.kind === 'mem') throw new InternalError(`x86: ${op} with two memory operands`);
      this.#legacy(code | 3, size, dst.index, src, 0);
    } else {
      this.#legacy(code | 1, size, src.index, dst, 0);
    }
    if (this.#trace) this.#show(op, size, dst, src);
  }

  test(size: Size, a: Gpr, b: Gpr): void {
    this.#legacy(0x85, size, b.index, a, 0);
    if (this.#trace) this.#show('test', size, a, b);
  }

  mov(size: Size, dst: Gpr | Mem, src: Gpr | Mem): void {
    if (src.kind === 'mem') {
      if (dst.kind === 'mem') throw new InternalError('x86: mov with two memory operands');
      this.#legacy(0x8b, size, dst.index, src, 0);
    } else {
      this.#legacy(0x89, size, src.index, dst, 0);
    }
    if (this.#trace) this.#show('mov', size, dst, src);
  }

  /** The shortest way to a 64-bit constant; leaves the flags alone. */
  movImm(dst: Gpr, value: number | bigint): void {
    const small = Number(typeof value === 'number' ? value : BigInt.asIntN(64, value));
    if (small >= 0 && small < 2 ** 32) {
      this.#reserve(16);
      if (dst.index >= 8) this.#byte(0x41);
      this.#byte(0xb8 | (dst.index & 7));
      this.#immediate(small, 4);
      if (this.#trace) this.#show('mov', 32, dst, small);
    } else if (small >= -(2 ** 31) && small < 0) {
      this.#legacy(0xc7, 64, 0, dst, 4);
      this.#immediate(small, 4);
      if (this.#trace) this.#show('mov', 64, dst, small);
    } else {
      const wide = BigInt.asIntN(64, BigInt(value));
      this.#reserve(16);
      this.#byte(dst.index >= 8 ? 0x49 : 0x48);
      this.#byte(0xb8 | (dst.index & 7));
      this.#immediate(Number(wide & 0xffffffffn) | 0, 4);
      this.#immediate(Number(wide >> 32n) | 0, 4);
      if (this.#trace) this.#trace(`movabs ${showOperand(dst, 64)}, ${wide}`);
    }
  }

  /** Stores a constant of 8, 16 or 32 bits, or a sign-extended 32-bit constant of 64. */
  movMemImm(size: NarrowSize | Size, dst: Mem, value: number): void {
    checkInt32(value);
    const bytes = size === 8 ? 1 : size === 16 ? 2 : 4;
    if (size < 32 && (value < -(2 ** (size - 1)) || value >= 2 ** size))
      throw new InternalError(`x86: ${value} does not fit in ${size} bits`);
    if (size === 16) this.#operandSize();
    this.#legacy(size === 8 ? 0xc6 : 0xc7, size === 64 ? 64 : 32, 0, dst, bytes);
    this.#immediate(value, bytes);
    if (this.#trace) this.#trace(`mov ${pointer[size]} ${showOperand(dst, 64)}, ${value}`);
  }

  /** Zero-extends a byte to 64 bits. */
  movzx8(dst: Gpr, src: Gpr | Mem): void {
    this.#extend('movzx', 0xb6, 8, dst, src);
  }
  /** Sign-extends a byte to 32 bits. */
  movsx8(dst: Gpr, src: Gpr | Mem): void {
    this.#extend('movsx', 0xbe, 8, dst, src);
  }
  /** Zero-extends 16 bits to 64. */
  movzx16(dst: Gpr, src: Mem): void {
    this.#extend('movzx', 0xb7, 16, dst, src);
  }
  /** Sign-extends 16 bits to 32. */
  movsx16(dst: Gpr, src: Mem): void {
    this.#extend('movsx', 0xbf, 16, dst, src);
  }
  #extend(name: string, opcode: number, from: NarrowSize, dst: Gpr, src: Gpr | Mem): void {
    this.#legacy(0x0f00 | opcode, 32, dst.index, src, 0, from === 8);
    if (this.#trace)
      this.#trace(
        `${name} ${showOperand(dst, 32)}, ${src.kind === 'mem' ? `${pointer[from]} ` : ''}${showOperand(src, from)}`,
      );
  }

  store8(dst: Mem, src: Gpr): void {
    this.#legacy(0x88, 32, src.index, dst, 0, false, src.index >= 4);
    if (this.#trace) this.#trace(`mov ${showOperand(dst, 64)}, ${showOperand(src, 8)}`);
  }
  store16(dst: Mem, src: Gpr): void {
    this.#operandSize();
    this.#legacy(0x89, 32, src.index, dst, 0);
    if (this.#trace) this.#trace(`mov ${showOperand(dst, 64)}, ${showOperand(src, 16)}`);
  }

  /** Sign-extends 32 bits to 64. */
  movsxd(dst: Gpr, src: Gpr | Mem): void {
    this.#legacy(0x63, 64, dst.index, src, 0);
    if (this.#trace) {
      this.#trace(
        `movsxd ${showOperand(dst, 64)}, ${src.kind === 'mem' ? 'dword ptr ' : ''}${showOperand(src, 32)}`,
      );
    }
  }

  lea(dst: Gpr, src: Mem): void {
    this.#legacy(0x8d, 64, dst.index, src, 0);
    if (this.#trace) this.#show('lea', 64, dst, src);
  }

  imul(size: Size, dst: Gpr, src: Gpr | Mem): void {
    this.#legacy(0x0faf, size, dst.index, src, 0);
    if (this.#trace) this.#show('imul', size, dst, src);
  }

  imulImm(size: Size, dst: Gpr, src: Gpr | Mem, value: number): void {
    checkInt32(value);
    const short = value >= -128 && value < 128;
    this.#legacy(short ? 0x6b : 0x69, size, dst.index, src, short ? 1 : 4);
    this.#immediate(value, short ? 1 : 4);
    if (this.#trace) this.#show('imul', size, dst, src, value);
  }

  /** Fills rdx (edx) with the sign of rax (eax): the dividend of `idiv`. */
  extendDividend(size: Size): void {
    if (size === 64) this.#raw('cqo', [0x48, 0x99]);
    else this.#raw('cdq', [0x99]);
  }

  /** `div` and `idiv` divide rdx:rax (edx:eax), quotient in rax, remainder in rdx. */
  unary(op: keyof typeof unaryOps, size: Size, x: Gpr | Mem): void {
    this.#legacy(0xf7, size, unaryOps[op], x, 0);
    if (this.#trace) this.#show(op, size, x);
  }

  shift(op: keyof typeof shiftOps, size: Size, x: Gpr, amount: number): void {
    if (!Number.isInteger(amount) || amount < 0 || amount >= size)
      throw new InternalError(`x86: shift of ${size} bits by ${amount}`);
    this.#legacy(0xc1, size, shiftOps[op], x, 1);
    this.#immediate(amount, 1);
    if (this.#trace) this.#show(op, size, x, amount);
  }

  setcc(condition: Condition, dst: Gpr): void {
    this.#legacy(0x0f90 | conditions[condition], 32, 0, dst, 0, true);
    if (this.#trace) this.#trace(`set${condition} ${showOperand(dst, 8)}`);
  }

  cmov(condition: Condition, size: Size, dst: Gpr, src: Gpr | Mem): void {
    this.#legacy(0x0f40 | conditions[condition], size, dst.index, src, 0);
    if (this.#trace) this.#show(`cmov${condition}`, size, dst, src);
  }

  prefetch(intent: 'load' | 'store', at: Mem): void {
    this.#legacy(intent === 'load' ? 0x0f18 : 0x0f0d, 32, 1, at, 0);
    if (this.#trace) this.#show(intent === 'load' ? 'prefetcht0' : 'prefetchw', 64, at);
  }
  push(r: Gpr): void {
    const code = 0x50 | (r.index & 7);
    this.#raw(`push ${showOperand(r, 64)}`, r.index >= 8 ? [0x41, code] : [code]);
  }
  pop(r: Gpr): void {
    const code = 0x58 | (r.index & 7);
    this.#raw(`pop ${showOperand(r, 64)}`, r.index >= 8 ? [0x41, code] : [code]);
  }

  /** Calls the function whose address is in memory. */
  call(target: Gpr | Mem): void {
    this.#legacy(0xff, 32, 2, target, 0);
    if (this.#trace)
      this.#trace(`call ${target.kind === 'mem' ? 'qword ptr ' : ''}${showOperand(target, 64)}`);
  }

  ret(): void {
    this.#raw('ret', [0xc3]);
  }
  vzeroupper(): void {
    this.#raw('vzeroupper', [0xc5, 0xf8, 0x77]);
  }
  /** Streamed stores are seen before what follows. */
  sfence(): void {
    this.#raw('sfence', [0x0f, 0xae, 0xf8]);
  }
  cpuid(): void {
    this.#raw('cpuid', [0x0f, 0xa2]);
  }
  xgetbv(): void {
    this.#raw('xgetbv', [0x0f, 0x01, 0xd0]);
  }

  // --- encoding --------------------------------------------------------------------------------------------------------

  #raw(name: string, bytes: readonly number[]): void {
    this.#reserve(16);
    for (const b of bytes) this.#byte(b);
    if (this.#trace) this.#trace(name);
  }

  #show(name: string, size: Size, ...operands: readonly Operand[]): void {
    const anyRegister = operands.some((x) => typeof x !== 'number' && x.kind === 'gpr');
    const text = operands.map((x) => {
      const shown = showOperand(x, size);
      return !anyRegister && typeof x !== 'number' && x.kind === 'mem' ? `${pointer[size]} ${shown}` : shown;
    });
    this.#trace?.(`${name} ${text.join(', ')}`);
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#code.length) return;
    const grown = new Uint8Array(Math.max(this.#code.length * 2, this.#at + bytes));
    grown.set(this.#code);
    this.#code = grown;
  }

  #byte(b: number): void {
    this.#code[this.#at++] = b;
  }

  /** The prefix of 16-bit operands; it comes before REX. */
  #operandSize(): void {
    this.#reserve(24);
    this.#byte(0x66);
  }

  /** Behind an opcode, which has reserved the room. */
  #immediate(value: number, bytes: 1 | 2 | 4): void {
    const code = this.#code;
    const at = this.#at;
    code[at] = value;
    if (bytes > 1) code[at + 1] = value >> 8;
    if (bytes > 2) {
      code[at + 2] = value >> 16;
      code[at + 3] = value >> 24;
    }
    this.#at = at + bytes;
  }

  #jump(label: Label): void {
    this.#jumps.push(this.#at);
    this.#targets.push(label);
    this.#at += 4;
  }

  /**
   * REX, opcode, ModRM and address of an integer instruction. `byteRm`: the rm operand is a byte register, whose numbers 4..7
   * need an empty REX prefix to mean spl..dil; `rex` asks for that prefix for the reg operand.
   */
  #legacy(
    opcode: number,
    size: Size,
    reg: number,
    rm: Gpr | Mem,
    immediateBytes: number,
    byteRm = false,
    rex = false,
  ): void {
    this.#reserve(24);
    const code = this.#code;
    let at = this.#at;
    let prefix = size === 64 ? 0x48 : 0;
    if (reg >= 8) prefix |= 0x44;
    if (rm.kind === 'gpr') {
      const { index } = rm;
      if (index >= 8) prefix |= 0x41;
      if (rex || (byteRm && index >= 4)) prefix |= 0x40;
      if (prefix !== 0) code[at++] = prefix;
      if (opcode > 0xff) code[at++] = 0x0f;
      code[at] = opcode;
      code[at + 1] = 0xc0 | ((reg & 7) << 3) | (index & 7);
      this.#at = at + 2;
      return;
    }
    const { base, index } = rm;
    if (base !== null && base.index >= 8) prefix |= 0x41;
    if (index !== null && index.index >= 8) prefix |= 0x42;
    if (rex) prefix |= 0x40;
    if (prefix !== 0) code[at++] = prefix;
    if (opcode > 0xff) code[at++] = 0x0f;
    code[at] = opcode;
    this.#at = at + 1;
    this.#address(reg, rm, 1, immediateBytes);
  }

  #vector(
    form: Form,
    mask: number,
    zeroing: boolean,
    a: Operand,
    b: Operand,
    c: Operand | undefined,
    d: Operand | undefined,
  ): void {
    const { roles } = form;
    const count = d !== undefined ? 4 : c !== undefined ? 3 : 2;
    if (count !== roles.length) throw new InternalError(`x86: ${form.name} takes ${roles.length} operands`);
    let reg = form.digit < 0 ? 0 : form.digit;
    let vvvv = 0;
    let rm = 0;
    let address: Mem | null = null;
    let immediate = -1;
    let width = 0;
    let high = false;
    for (let i = 0; i < count; i++) {
      const x = i === 0 ? a : i === 1 ? b : i === 2 ? c : d;
      if (x === undefined) continue;
      if (typeof x === 'number') {
        if (x !== (x & 255)) throw new InternalError(`x86: ${form.name}: immediate ${x} is not a byte`);
        immediate = x;
        continue;
      }
      if (x.kind === 'mem') {
        address = x;
        continue;
      }
      const { index } = x;
      if (x.kind === 'vec') {
        if (index >= 16) high = true;
        if (form.sized & (1 << i)) {
          if (width !== 0 && width !== x.width)
            throw new InternalError(`x86: ${form.name} with vectors of two widths`);
          width = x.width;
        }
      }
      const role = roles.charCodeAt(i);
      if (role === 0x72) reg = index;
      else if (role === 0x76) vvvv = index;
      else if (role === 0x62) rm = index;
      else immediate = index << 4;
    }
    const length = form.length === 'v' ? (width === 512 ? 2 : width === 256 ? 1 : 0) : form.length;
    this.#reserve(24);
    const broadcast = address?.broadcast === true;
    let unit = 1;
    if (form.vex && !high && mask === 0 && length < 2 && !broadcast) {
      this.#vex(form, reg, vvvv, rm, address, length);
    } else {
      if (!form.evex) throw new InternalError(`x86: ${form.name} has no EVEX encoding`);
      if (broadcast && form.element === 0)
        throw new InternalError(`x86: ${form.name} takes no broadcast operand`);
      this.#evex(form, reg, vvvv, rm, address, length, mask, zeroing);
      if (address !== null) unit = broadcast ? form.element : tupleBytes(form, length);
    }
    const code = this.#code;
    if (address === null) code[this.#at++] = 0xc0 | ((reg & 7) << 3) | (rm & 7);
    else this.#address(reg, address, unit, immediate >= 0 ? 1 : 0);
    if (immediate >= 0) code[this.#at++] = immediate;
    if (this.#trace) {
      const operands = [a, b, c, d].filter((x) => x !== undefined);
      const evex = high || mask !== 0 || length === 2 || !form.vex;
      this.#trace(showVector(form, operands, mask, zeroing, evex, width));
    }
  }

  /** Prefix and opcode. */
  #vex(form: Form, reg: number, vvvv: number, rm: number, address: Mem | null, length: number): void {
    const code = this.#code;
    const at = this.#at;
    const r = reg >= 8 ? 0 : 0x80;
    let x = 0x40;
    let b = 0x20;
    if (address === null) {
      if (rm >= 8) b = 0;
    } else {
      if (address.index !== null && address.index.index >= 8) x = 0;
      if (address.base !== null && address.base.index >= 8) b = 0;
    }
    const last = ((~vvvv & 15) << 3) | (length << 2) | form.pp;
    if (x !== 0 && b !== 0 && form.vexW === 0 && form.map === 1) {
      code[at] = 0xc5;
      code[at + 1] = r | last;
      code[at + 2] = form.opcode;
      this.#at = at + 3;
    } else {
      code[at] = 0xc4;
      code[at + 1] = r | x | b | form.map;
      code[at + 2] = (form.vexW << 7) | last;
      code[at + 3] = form.opcode;
      this.#at = at + 4;
    }
  }

  /** Prefix and opcode. */
  #evex(
    form: Form,
    reg: number,
    vvvv: number,
    rm: number,
    address: Mem | null,
    length: number,
    mask: number,
    zeroing: boolean,
  ): void {
    const code = this.#code;
    const at = this.#at;
    let p0 = form.map | 0xf0;
    if (reg & 8) p0 ^= 0x80;
    if (reg & 16) p0 ^= 0x10;
    let p2 = (zeroing ? 0x80 : 0) | (length << 5) | (vvvv & 16 ? 0 : 8) | mask;
    if (address === null) {
      if (rm & 16) p0 ^= 0x40;
      if (rm & 8) p0 ^= 0x20;
    } else {
      if (address.index !== null && address.index.index & 8) p0 ^= 0x40;
      if (address.base !== null && address.base.index & 8) p0 ^= 0x20;
      if (address.broadcast) p2 |= 0x10;
    }
    code[at] = 0x62;
    code[at + 1] = p0;
    code[at + 2] = (form.evexW << 7) | ((~vvvv & 15) << 3) | 4 | form.pp;
    code[at + 3] = p2;
    code[at + 4] = form.opcode;
    this.#at = at + 5;
  }

  /** ModRM, SIB and displacement; an 8-bit displacement counts in units of `unit` bytes. */
  #address(reg: number, m: Mem, unit: number, immediateBytes: number): void {
    const code = this.#code;
    let at = this.#at;
    const field = (reg & 7) << 3;
    const { disp, index } = m;
    if (m.base === null) {
      code[at++] = field | 5;
      this.#pool.use(m.pool, at, at + 4 + immediateBytes);
      this.#at = at + 4;
      return;
    }
    const base = m.base.index & 7;
    let steps = disp;
    // Base 5 (rbp, r13) without a displacement would mean RIP or none.
    let mode = 0;
    if (disp !== 0 || base === 5) {
      if (unit !== 1) steps = disp % unit === 0 ? disp / unit : 128;
      mode = steps >= -128 && steps < 128 ? 1 : 2;
    }
    if (index !== null || base === 4) {
      const { scale } = m;
      code[at++] = (mode << 6) | field | 4;
      code[at++] =
        ((scale === 8 ? 3 : scale === 4 ? 2 : scale === 2 ? 1 : 0) << 6) |
        ((index !== null ? index.index & 7 : 4) << 3) |
        base;
    } else {
      code[at++] = (mode << 6) | field | base;
    }
    if (mode === 1) {
      code[at++] = steps;
    } else if (mode === 2) {
      code[at] = disp;
      code[at + 1] = disp >> 8;
      code[at + 2] = disp >> 16;
      code[at + 3] = disp >> 24;
      at += 4;
    }
    this.#at = at;
  }
}
