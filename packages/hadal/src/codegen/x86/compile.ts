/**
 * From an L3 function to x86-64 code: analysis, register allocation, emission. The kernel follows the System V calling
 * convention, or that of Windows, `void kernel(blocks, count)`: it loops over the blocks of arguments itself and does nothing when there are none.
 */
import { InternalError } from '../../base/errors.js';
import { blockBytes, layoutOf } from '../../kernel/abi.js';
import type { Instr, L3Function } from '../../kernel/l3.js';
import { operandsOf } from '../../kernel/l3.js';
import type { Allocation } from './allocate.js';
import { allocate } from './allocate.js';
import type { Analysis } from './analysis.js';
import { analyse } from './analysis.js';
import { Assembler } from './assembler.js';
import { emitIf, emitLoop } from './emit-control.js';
import { bitcast, scalarConvert, vectorConvert } from './emit-convert.js';
import { integerBinary, integerShift, integerUnary, scalarCompare, scalarSelect } from './emit-integer.js';
import { load, store } from './emit-memory.js';
import * as vector from './emit-vector.js';
import { Emitter, frame } from './emitter.js';
import type { X86Features } from './features.js';
import { I } from './instructions.js';
import type { Node } from './node.js';
import { nameOf } from './node.js';
import { gprs, masks, mem, rax, rcx, rdi, rdx, rsi, rsp, showOperand, vec, xmms } from './operands.js';

export interface X86Code {
  readonly code: Uint8Array;
  /** The instructions as text, with the L3 values they come from. Made when it is asked for. */
  readonly listing: string;
}

export function compileX86(fn: L3Function, features: X86Features): X86Code {
  const wide = features.level === 'avx512';
  if (fn.wide && !wide)
    throw new InternalError(`x86: ${fn.name} has vectors of 64-bit elements, which need AVX-512`);
  const lanes = wide && !fn.wide ? 16 : 8;
  if (fn.lanes !== 1 && fn.lanes !== lanes) {
    throw new InternalError(`x86: ${fn.name} has ${fn.lanes} lanes, ${features.level} has ${lanes}`);
  }
  const analysis = analyse(fn, features);
  const allocation = allocate(analysis, features);
  const asm = new Assembler();
  emitFunction(asm, analysis, allocation, features);
  return {
    code: asm.finish(),
    get listing(): string {
      const lines = [`; ${fn.name}, ${features.level}, ${allocation.spills} spills`];
      const again = new Assembler((line) =>
        lines.push(line.startsWith(';') || line.endsWith(':') ? line : `  ${line}`),
      );
      emitFunction(again, analysis, allocation, features);
      return lines.join('\n');
    },
  };
}

const calleeSaved = [3, 5, 12, 13, 14, 15];
/** Registers that a kernel uses in any case, and that are the caller's on Windows. */
const savedOnWindows = [6, 7];
/** xmm6 to xmm15: their low 128 bits are the caller's on Windows, those above are not. */
const vectorsSavedOnWindows = { first: 6, count: 10 } as const;
const PAGE = 4096;

function emitFunction(
  asm: Assembler,
  analysis: Analysis,
  allocation: Allocation,
  features: X86Features,
): void {
  const e = new Emitter(asm, analysis, allocation, features);
  const isWindows = features.convention === 'windows';
  const used = calleeSaved.filter((r) => allocation.used.gpr & (1 << r));
  const saved = isWindows ? [...savedOnWindows, ...used] : used;
  const nothing = asm.label();
  const frameBytes = frame.spills + allocation.frameBytes;
  if (isWindows) asm.test(64, rdx, rdx);
  else asm.test(64, rsi, rsi);
  asm.jcc('e', nothing);
  for (const r of saved) asm.push(gprs[r]);
  if (isWindows) enterFromWindows(asm, frameBytes);
  asm.mov(64, rax, rsp);
  asm.alu('sub', 64, rsp, frameBytes);
  asm.alu('and', 64, rsp, -64);
  asm.mov(64, mem(rsp, frame.callerStack), rax);
  asm.mov(64, mem(rsp, frame.count), rsi);

  const nextBlock = asm.label();
  asm.bind(nextBlock);
  emitBody(e, analysis, analysis.fn.body);
  asm.alu('add', 64, rdi, blockBytes(layoutOf(analysis.fn)));
  asm.alu('sub', 64, mem(rsp, frame.count), 1);
  asm.jcc('ne', nextBlock);

  asm.mov(64, rsp, mem(rsp, frame.callerStack));
  if (isWindows) leaveToWindows(asm);
  for (const r of [...saved].reverse()) asm.pop(gprs[r]);
  if (e.hasStreamed) asm.sfence();
  asm.vzeroupper();
  asm.bind(nothing);
  asm.ret();
}

/** Saves the vector registers that are the caller's, and puts the arguments where kernels look for them. */
function enterFromWindows(asm: Assembler, frameBytes: number): void {
  const { first, count } = vectorsSavedOnWindows;
  asm.alu('sub', 64, rsp, 16 * count);
  for (let i = 0; i < count; i++) asm.op(I.vmovupsStore, mem(rsp, 16 * i), xmms[first + i]);
  // The stack grows by the page below the last that was touched, and the frame is aligned to 64 bytes downwards.
  for (let at = PAGE; at < frameBytes + 64; at += PAGE) asm.mov(64, mem(rsp, -at), rcx);
  asm.mov(64, rdi, rcx);
  asm.mov(64, rsi, rdx);
}

function leaveToWindows(asm: Assembler): void {
  const { first, count } = vectorsSavedOnWindows;
  for (let i = 0; i < count; i++) asm.op(I.vmovups, xmms[first + i], mem(rsp, 16 * i));
  asm.alu('add', 64, rsp, 16 * count);
}

function emitBody(e: Emitter, analysis: Analysis, body: readonly Instr[]): void {
  const { asm } = e;
  const { traced } = asm;
  // Counts as `intervals.ts` numbers.
  let position = 0;

  /** Loops and branches around. Only outside of them are values put into registers ahead of their use. */
  let depth = 0;

  function block(instrs: readonly Instr[]): void {
    for (let i = 0; i < instrs.length; i++) {
      const instr = instrs[i];
      let n: Node | null = null;
      if ('result' in instr) {
        n = e.node(instr.result);
        if (n.dead || n.recompute !== null || n.virtual !== 'no') continue;
      }
      position++;
      if (depth === 0) materialise();
      if (traced) asm.note(describe(e, instr));
      e.begin(instr);
      if (instr.op === 'loop') {
        depth++;
        emitLoop(e, instr, loopBody);
        depth--;
      } else if (instr.op === 'if') {
        depth++;
        emitIf(e, instr, block);
        depth--;
      } else {
        emit(e, instr, n !== null && n.cls === 'gpr');
      }
      e.end();
    }
  }
  function loopBody(instrs: readonly Instr[]): void {
    block(instrs);
    position++;
  }
  function materialise(): void {
    const values = analysis.materialise.get(position);
    if (values === undefined) return;
    for (const n of values) if (n.reg >= 0) vector.materialise(e, n);
  }
  block(body);
}

/** `general`: the result is in a general register. */
function emit(e: Emitter, instr: Exclude<Instr, { op: 'loop' | 'if' }>, general: boolean): void {
  // The most frequent first.
  switch (instr.op) {
    case 'binary':
      if (general) integerBinary(e, instr);
      else vector.vectorBinary(e, instr);
      return;
    case 'load':
      load(e, instr);
      return;
    case 'store':
      store(e, instr);
      return;
    case 'prefetch':
      e.asm.prefetch(instr.intent, e.address(instr));
      return;
    case 'zip':
      vector.zip(e, instr);
      return;
    case 'fma':
      vector.fma(e, instr);
      return;
    case 'dot':
      vector.dot(e, instr);
      return;
    case 'broadcast':
      vector.broadcast(e, instr);
      return;
    case 'select':
      if (instr.mask.type.lanes === 1) scalarSelect(e, instr);
      else vector.vectorSelect(e, instr);
      return;
    case 'compare':
      if (general) scalarCompare(e, instr);
      else vector.vectorCompare(e, instr);
      return;
    case 'shift':
      if (general) integerShift(e, instr);
      else vector.vectorShift(e, instr);
      return;
    case 'convert':
      if (instr.a.type.lanes === 1) scalarConvert(e, instr);
      else vectorConvert(e, instr);
      return;
    case 'tail':
      vector.tail(e, instr);
      return;
    case 'unary':
      if (general) integerUnary(e, instr);
      else vector.vectorUnary(e, instr);
      return;
    case 'bitcast':
      bitcast(e, instr);
      return;
    case 'ramp':
      vector.ramp(e, instr);
      return;
    case 'horizontal':
      vector.horizontal(e, instr);
      return;
    case 'const':
    case 'size':
    case 'scalar':
      return;
  }
}

function place(e: Emitter, n: Node): string {
  if (n.reg < 0) return n.spilled ? `${nameOf(n)}:stack${n.slot}` : nameOf(n);
  const register = n.cls === 'gpr' ? gprs[n.reg] : n.cls === 'vec' ? vec(n.reg, e.widthOf(n)) : masks[n.reg];
  return `${nameOf(n)}:${showOperand(register, n.cls === 'gpr' ? e.sizeOf(n) : 64)}`;
}

/** One L3 instruction with the places of its values. */
function describe(e: Emitter, instr: Instr): string {
  const operands = operandsOf(instr).map((v) => place(e, e.node(v)));
  const kind = 'fn' in instr ? ` ${instr.fn}` : 'half' in instr ? ` ${instr.half}` : '';
  const what = instr.op + kind;
  const at = 'buffer' in instr ? ` b${instr.buffer} + ${instr.offset}` : '';
  const result = 'result' in instr ? `${place(e, e.node(instr.result))} = ` : '';
  const carried =
    instr.op === 'loop'
      ? ` ${place(e, e.node(instr.index))} with ${instr.params.map((p) => place(e, e.node(p))).join(', ')}`
      : '';
  return `${result}${what}${at} ${operands.join(', ')}${carried}`;
}
