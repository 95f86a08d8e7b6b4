/** Emits the L3 instructions that compute: each pushes its result. Loads and stores are in `memory-emitter.ts`. */
import { InternalError } from '../../base/errors.js';
import type { Instr, ShiftOp, Value } from '../../kernel/l3.js';
import { isShift } from '../../kernel/l3.js';
import { emitSignedDivision } from './division-emitter.js';
import type { FunctionEmitter } from './function-emitter.js';
import { emitLoad, emitStore } from './memory-emitter.js';
import {
  scalarBinary,
  scalarBitcast,
  scalarChoice,
  scalarCompare,
  scalarConvert,
  scalarShift,
  scalarUnary,
  type Table,
  vectorBinary,
  vectorCompare,
  vectorShift,
  vectorSwapped,
  vectorUnary,
} from './op-tables.js';
import type { Opcode } from './opcodes.js';
import { float32Bits } from './plan.js';

type InstrOf<Op extends Instr['op']> = Extract<Instr, { op: Op }>;

/** The upper half of the lanes where the lower was, for vectors of four and of two. */
const UPPER_HALF = [
  [8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15],
  [4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7],
];

/** Lanes of 4 bytes in turn from two vectors: bytes from 16 up are the second's. */
const ZIP = {
  low: [0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23],
  high: [8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31],
  even: [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27],
  odd: [4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31],
} as const;

export function emitOperation(emitter: FunctionEmitter, instr: Instr): void {
  const { code } = emitter.writer;
  // The frequent ones first: cases are compared one by one until V8 has compiled this.
  switch (instr.op) {
    case 'load':
      emitLoad(emitter, instr);
      return;
    case 'store':
      emitStore(emitter, instr);
      return;
    case 'binary':
      emitBinary(emitter, instr);
      return;
    case 'fma':
      emitFma(emitter, instr);
      return;
    case 'unary':
      emitUnary(emitter, instr);
      return;
    case 'compare':
      emitter.push(instr.a);
      emitter.push(instr.b);
      code.op(entry(isVector(instr.a) ? vectorCompare : scalarCompare, instr.fn, instr.a));
      return;
    case 'select':
      emitter.push(instr.a);
      emitter.push(instr.b);
      emitter.push(instr.mask);
      code.op(isVector(instr.a) ? 'v128.bitselect' : 'select');
      return;
    case 'shift': {
      if (instr.fn === 'rol' && isVector(instr.a)) {
        emitTurnedVector(emitter, instr);
        return;
      }
      emitter.push(instr.a);
      if (instr.a.type.kind === 'i64') code.i64(BigInt(instr.amount));
      else code.i32(instr.amount);
      code.op(entry(isVector(instr.a) ? vectorShift : scalarShift, instr.fn, instr.a));
      return;
    }
    case 'convert':
      emitConvert(emitter, instr);
      return;
    case 'bitcast': {
      emitter.push(instr.a);
      const op = isVector(instr.a) ? undefined : scalarBitcast[instr.a.type.kind]?.[instr.result.type.kind];
      if (op) code.op(op);
      return;
    }
    case 'broadcast':
      emitBroadcast(emitter, instr);
      return;
    case 'ramp':
      emitter.push(instr.base);
      if (!isVector(instr.result)) return;
      code.op('i32x4.splat');
      code.v128(new Uint8Array(new Int32Array([0, 1, 2, 3]).buffer));
      code.op('i32x4.add');
      return;
    case 'horizontal':
      emitHorizontal(emitter, instr);
      return;
    case 'zip':
      emitter.push(instr.a);
      emitter.push(instr.b);
      code.shuffle(ZIP[instr.half]);
      return;
    case 'tail':
      throw new InternalError(`L3 ${emitter.context.fn.name}: tail is for targets with masks`);
    case 'const':
    case 'size':
    case 'scalar':
    case 'loop':
    case 'if':
      throw new InternalError(`L3 ${emitter.context.fn.name}: ${instr.op} is not an operation`);
  }
}

function isVector(v: Value): boolean {
  return v.type.lanes > 1;
}

function entry(table: Table, fn: string, v: Value): Opcode {
  const op = table[v.type.kind]?.[fn];
  if (op === undefined)
    throw new InternalError(`wasm has no ${fn} of ${v.type.kind} on ${v.type.lanes} lanes`);
  return op;
}

function emitUnary(emitter: FunctionEmitter, { fn, a }: InstrOf<'unary'>): void {
  const { code } = emitter.writer;
  const op = (isVector(a) ? vectorUnary : scalarUnary)[a.type.kind]?.[fn];
  if (op) {
    emitter.push(a);
    code.op(op);
    return;
  }
  const wide = a.type.kind === 'i64';
  const push = (value: number) => (wide ? code.i64(BigInt(value)) : code.i32(value));
  switch (fn) {
    case 'half':
      throw new InternalError('wasm: half is for targets that have float16');
    case 'not':
      emitter.push(a);
      push(-1);
      code.op(wide ? 'i64.xor' : 'i32.xor');
      return;
    case 'neg':
      push(0);
      emitter.push(a);
      code.op(wide ? 'i64.sub' : 'i32.sub');
      return;
    case 'abs': {
      // 0 < a ? a : 0 - a
      const kept = emitter.pushAndKeep(a);
      push(0);
      code.get(kept.local);
      code.op(wide ? 'i64.sub' : 'i32.sub');
      push(0);
      code.get(kept.local);
      code.op(wide ? 'i64.lt_s' : 'i32.lt_s');
      code.op('select');
      kept.done();
      return;
    }
    default:
      entry(scalarUnary, fn, a);
  }
}

function emitBinary(emitter: FunctionEmitter, { fn, a, b }: InstrOf<'binary'>): void {
  const { code } = emitter.writer;
  const swapped = isVector(a) ? vectorSwapped[a.type.kind]?.[fn] : undefined;
  if (swapped) {
    emitter.push(b);
    emitter.push(a);
    code.op(swapped);
    return;
  }
  const choice = isVector(a) ? undefined : scalarChoice[a.type.kind]?.[fn];
  if (choice) {
    const x = emitter.pushAndKeep(a);
    const y = emitter.pushAndKeep(b);
    code.get(x.local);
    code.get(y.local);
    code.op(choice);
    code.op('select');
    x.done();
    y.done();
    return;
  }
  if ((fn === 'div' || fn === 'rem') && (a.type.kind === 'i32' || a.type.kind === 'i64')) {
    emitSignedDivision(emitter, fn, a, b);
    return;
  }
  if (isShift(fn) && isVector(a)) {
    emitVectorShift(emitter, fn, a, b);
    return;
  }
  emitter.push(a);
  if ((fn === 'div' || fn === 'rem') && a.type.kind === 'index') {
    const divisor = Number(emitter.constant(b) ?? 0);
    if (Number.isInteger(Math.log2(divisor))) {
      code.i32(fn === 'div' ? Math.log2(divisor) : divisor - 1);
      code.op(fn === 'div' ? 'i32.shr_u' : 'i32.and');
      return;
    }
  }
  emitter.push(b);
  code.op(entry(isVector(a) ? vectorBinary : scalarBinary, fn, a));
}

/** There is no rotation of lanes: both parts of the bits are moved by themselves. */
function emitTurnedVector(emitter: FunctionEmitter, { a, amount }: InstrOf<'shift'>): void {
  const { code } = emitter.writer;
  const x = emitter.pushAndKeep(a);
  code.i32(amount);
  code.op('i32x4.shl');
  code.get(x.local);
  code.i32(32 - amount);
  code.op('i32x4.shr_u');
  code.op('v128.or');
  x.done();
}

/** Vectors are shifted by one amount for all lanes, or lane by lane. */
function emitVectorShift(emitter: FunctionEmitter, fn: ShiftOp, a: Value, b: Value): void {
  const { writer } = emitter;
  const { code } = writer;
  const { plan } = emitter.context;
  const amount = plan.splatBits(b);
  if (amount !== undefined || plan.definition(b)?.op === 'broadcast') {
    emitter.push(a);
    if (amount !== undefined) {
      code.i32(amount);
    } else {
      emitter.push(b);
      code.lane('i32x4.extract_lane', 0);
    }
    code.op(entry(vectorShift, fn, a));
    return;
  }
  const x = emitter.pushAndKeep(a);
  emitter.push(b);
  const amounts = writer.local('v128');
  code.set(amounts);
  for (let lane = 0; lane < a.type.lanes; lane++) {
    code.get(x.local);
    code.lane('i32x4.extract_lane', lane);
    code.get(amounts);
    code.lane('i32x4.extract_lane', lane);
    code.op(entry(scalarShift, fn, a));
    code.lane('i32x4.replace_lane', lane);
  }
  x.done();
  writer.release(amounts);
}

/** Scalars go through a vector where the host fuses, so that scalar tails give the same bits as vector bodies. */
function emitFma(emitter: FunctionEmitter, { a, b, c, result }: InstrOf<'fma'>): void {
  const { code } = emitter.writer;
  const vector = isVector(result);
  if (!emitter.context.relaxed) {
    const table = vector ? vectorBinary : scalarBinary;
    emitter.push(a);
    emitter.push(b);
    code.op(entry(table, 'mul', result));
    emitter.push(c);
    code.op(entry(table, 'add', result));
    return;
  }
  if (result.type.kind === 'f64') {
    for (const v of [a, b, c]) {
      emitter.push(v);
      code.op('f64x2.splat');
    }
    code.op('f64x2.relaxed_madd');
    code.lane('f64x2.extract_lane', 0);
    return;
  }
  for (const v of [a, b, c]) {
    emitter.push(v);
    if (!vector) code.op('f32x4.splat');
  }
  code.op('f32x4.relaxed_madd');
  if (!vector) code.lane('f32x4.extract_lane', 0);
}

function emitConvert(emitter: FunctionEmitter, { a, result }: InstrOf<'convert'>): void {
  const { code } = emitter.writer;
  emitter.push(a);
  if (!isVector(a)) {
    const op = scalarConvert[a.type.kind]?.[result.type.kind];
    if (op === undefined)
      throw new InternalError(`wasm has no conversion ${a.type.kind}>${result.type.kind}`);
    if (op) code.op(op);
    return;
  }
  const pair = `${a.type.kind}>${result.type.kind}`;
  switch (pair) {
    case 'f32>i32':
      code.op('i32x4.trunc_sat_f32x4_s');
      return;
    case 'i32>f32':
      code.op('f32x4.convert_i32x4_s');
      return;
    case 'mask>i32':
      code.i32(31);
      code.op('i32x4.shr_u');
      return;
    case 'mask>f32':
      code.splat32(float32Bits(1));
      code.op('v128.and');
      return;
    default:
      throw new InternalError(`wasm has no conversion ${pair} on vectors`);
  }
}

function emitBroadcast(emitter: FunctionEmitter, { a, result }: InstrOf<'broadcast'>): void {
  const { code } = emitter.writer;
  if (!isVector(result)) {
    emitter.push(a);
    return;
  }
  const definition = emitter.inlineDefinition(a);
  if (
    definition?.op === 'load' &&
    (definition.mem === 'f32' || definition.mem === 'i32') &&
    !definition.mask
  ) {
    const offset = emitter.pushAddress(definition);
    code.memory('v128.load32_splat', 4, offset);
    return;
  }
  if (a.type.kind === 'mask') {
    code.i32(0);
    emitter.push(a);
    code.op('i32.sub');
    code.op('i32x4.splat');
    return;
  }
  emitter.push(a);
  code.op(a.type.kind === 'f32' ? 'f32x4.splat' : 'i32x4.splat');
}

function emitHorizontal(emitter: FunctionEmitter, { fn, a, result }: InstrOf<'horizontal'>): void {
  const { code } = emitter.writer;
  emitter.push(a);
  if (!isVector(a)) return;
  if (result.type.kind === 'mask') {
    code.op(fn === 'and' ? 'i32x4.all_true' : 'v128.any_true');
    return;
  }
  const swapped = vectorSwapped[a.type.kind]?.[fn];
  for (const upper of UPPER_HALF) {
    const lower = emitter.writer.local('v128');
    code.set(lower);
    if (!swapped) code.get(lower);
    code.get(lower);
    code.get(lower);
    code.shuffle(upper);
    if (swapped) code.get(lower);
    code.op(swapped ?? entry(vectorBinary, fn, a));
    emitter.writer.release(lower);
  }
  code.lane(result.type.kind === 'f32' ? 'f32x4.extract_lane' : 'i32x4.extract_lane', 0);
}
