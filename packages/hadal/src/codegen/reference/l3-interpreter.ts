/**
 * Runs L3 as it is written, one instruction at a time on plain numbers: the meaning that the wasm and x86 emitters are
 * compared with. Slow, and checks every access against the bounds of its buffer.
 */
import { IndexError, InternalError } from '../../base/errors.js';
import { bigintToFloat32, roundToOdd } from '../../base/round.js';
import type { Instr, Kind, L3Function, MemType, Value } from '../../kernel/l3.js';
import { memBytes } from '../../kernel/l3.js';

export interface L3Arguments {
  readonly buffers: readonly Uint8Array[];
  readonly sizes: readonly number[];
  readonly scalars: readonly (number | bigint)[];
  /** Whether fma rounds once (as with FMA hardware) or twice. */
  readonly fused?: boolean;
}

type Lane = number | bigint;
type Lanes = readonly Lane[];

const fround = Math.fround;

/**
 * a * b + c in float32 with a single rounding. The product of two float32 is exact in float64; the sum is rounded to odd there
 * (Boldo and Melquiond 2008), after which rounding to float32 cannot go wrong.
 */
function fusedMultiplyAdd(a: number, b: number, c: number): number {
  const p = a * b;
  const s = p + c;
  if (!Number.isFinite(s)) return fround(s);
  // TwoSum (Knuth): s + error is exactly p + c.
  const t = s - p;
  const error = p - (s - t) + (c - t);
  return fround(roundToOdd(s, error));
}

function roundHalfEven(x: number): number {
  if (!Number.isFinite(x) || Math.abs(x) >= 2 ** 23) return x;
  const floor = Math.floor(x);
  const diff = x - floor;
  const r = diff < 0.5 ? floor : diff > 0.5 ? floor + 1 : floor % 2 === 0 ? floor : floor + 1;
  return r === 0 && (x < 0 || Object.is(x, -0)) ? -0 : r;
}

function unary(fn: string, kind: Kind, x: Lane): Lane {
  if (kind === 'mask') return x ? 0 : 1;
  if (typeof x === 'bigint') {
    const y = fn === 'neg' ? -x : fn === 'abs' ? (x < 0n ? -x : x) : ~x;
    return BigInt.asIntN(64, y);
  }
  if (kind === 'i32') return (fn === 'neg' ? -x : fn === 'abs' ? Math.abs(x) : ~x) | 0;
  switch (fn) {
    case 'neg':
      return -x;
    case 'abs':
      return Math.abs(x);
    case 'sqrt':
      return fround(Math.sqrt(x));
    case 'floor':
      return Math.floor(x);
    default:
      return roundHalfEven(x);
  }
}

function binary(fn: string, kind: Kind, a: Lane, b: Lane): Lane {
  if (typeof a === 'bigint' || typeof b === 'bigint') return binary64(fn, BigInt(a), BigInt(b));
  switch (fn) {
    case 'min':
      return a < b ? a : b;
    case 'max':
      return a > b ? a : b;
    case 'and':
      return a & b;
    case 'or':
      return a | b;
    case 'xor':
      return a ^ b;
  }
  if (kind === 'i32') return fn === 'add' ? (a + b) | 0 : fn === 'sub' ? (a - b) | 0 : Math.imul(a, b);
  const r = fn === 'add' ? a + b : fn === 'sub' ? a - b : fn === 'mul' ? a * b : fn === 'rem' ? a % b : a / b;
  if (kind === 'f32') return fround(r);
  if (!Number.isSafeInteger(Math.floor(r)) || r < 0)
    throw new InternalError(`index ${fn}(${a}, ${b}) = ${r} is not an index`);
  return Math.floor(r);
}

function binary64(fn: string, a: bigint, b: bigint): bigint {
  switch (fn) {
    case 'add':
      return BigInt.asIntN(64, a + b);
    case 'sub':
      return BigInt.asIntN(64, a - b);
    case 'mul':
      return BigInt.asIntN(64, a * b);
    case 'min':
      return a < b ? a : b;
    case 'max':
      return a > b ? a : b;
    case 'and':
      return a & b;
    case 'or':
      return a | b;
    default:
      return a ^ b;
  }
}

const bits = new DataView(new ArrayBuffer(8));

function bitcast(to: Kind, x: number): number {
  if (to === 'i32') {
    bits.setFloat32(0, x);
    return bits.getInt32(0);
  }
  bits.setInt32(0, x);
  return bits.getFloat32(0);
}

function convert(to: Kind, x: Lane): Lane {
  if (to === 'i64')
    return typeof x === 'bigint'
      ? x
      : Number.isFinite(x)
        ? BigInt.asIntN(64, BigInt(Math.trunc(x)))
        : -(2n ** 63n);
  if (typeof x === 'bigint')
    return to === 'i32' ? Number(BigInt.asIntN(32, x)) : to === 'f32' ? bigintToFloat32(x) : Number(x);
  if (to === 'f32') return fround(x);
  if (to === 'i32') return Math.trunc(x) | 0;
  return x;
}

/** Runs the body once on one block of arguments. */
export function interpretL3(fn: L3Function, args: L3Arguments): void {
  const env = new Map<number, Lanes>();
  const views = args.buffers.map((b) => new DataView(b.buffer, b.byteOffset, b.byteLength));

  function get(v: Value): Lanes {
    const x = env.get(v.id);
    if (!x) throw new InternalError(`L3 ${fn.name}: %${v.id} has no value`);
    return x;
  }
  function scalar(v: Value): Lane {
    return get(v)[0];
  }

  function address(
    instr: { buffer: number; mem: MemType; index: Value; offset: number },
    lane: number,
  ): number {
    const element = Number(scalar(instr.index)) + instr.offset + lane;
    const at = element * memBytes[instr.mem];
    if (at < 0 || at + memBytes[instr.mem] > views[instr.buffer].byteLength) {
      throw new IndexError(
        `L3 ${fn.name}: element ${element} of b${instr.buffer} is outside of its ${views[instr.buffer].byteLength} bytes`,
      );
    }
    return at;
  }

  function load(instr: Extract<Instr, { op: 'load' }>, lane: number): Lane {
    const view = views[instr.buffer];
    const at = address(instr, lane);
    switch (instr.mem) {
      case 'f32':
        return view.getFloat32(at, true);
      case 'i32':
        return view.getInt32(at, true);
      case 'i64':
        return view.getBigInt64(at, true);
      case 'u8':
        return view.getUint8(at);
      case 'bool':
        return view.getUint8(at) === 0 ? 0 : 1;
    }
  }

  function store(instr: Extract<Instr, { op: 'store' }>, lane: number, x: Lane): void {
    const view = views[instr.buffer];
    const at = address(instr, lane);
    switch (instr.mem) {
      case 'f32':
        view.setFloat32(at, Number(x), true);
        break;
      case 'i32':
        view.setInt32(at, Number(x), true);
        break;
      case 'i64':
        view.setBigInt64(at, BigInt(x), true);
        break;
      case 'u8':
      case 'bool':
        view.setUint8(at, Number(x) & 255);
        break;
    }
  }

  function lanewise(a: Value, b: Value, f: (x: Lane, y: Lane) => Lane): Lanes {
    const [x, y] = [get(a), get(b)];
    return x.map((v, i) => f(v, y[i]));
  }

  function evaluate(instr: Instr & { readonly result: Value }): Lanes {
    const kind = instr.result.type.kind;
    const lanes = instr.result.type.lanes;
    switch (instr.op) {
      case 'const':
        return [instr.value];
      case 'size':
        return [args.sizes[instr.slot]];
      case 'scalar': {
        const x = args.scalars[instr.slot];
        return [kind === 'f32' ? fround(Number(x)) : kind === 'i64' ? BigInt(x) : Number(x) | 0];
      }
      case 'unary':
        return get(instr.a).map((x) => unary(instr.fn, kind, x));
      case 'binary':
        return lanewise(instr.a, instr.b, (x, y) => binary(instr.fn, kind, x, y));
      case 'fma': {
        const [a, b, c] = [get(instr.a), get(instr.b), get(instr.c)].map((v) => v.map(Number));
        const fused = args.fused ?? true;
        return a.map((x, i) => (fused ? fusedMultiplyAdd(x, b[i], c[i]) : fround(fround(x * b[i]) + c[i])));
      }
      case 'compare':
        return lanewise(instr.a, instr.b, (x, y) => {
          const on =
            instr.fn === 'eq' ? x === y : instr.fn === 'ne' ? x !== y : instr.fn === 'lt' ? x < y : x <= y;
          return on ? 1 : 0;
        });
      case 'select': {
        const [m, a, b] = [get(instr.mask), get(instr.a), get(instr.b)];
        return m.map((on, i) => (on ? a[i] : b[i]));
      }
      case 'shift':
        return get(instr.a).map((x) => {
          const n = Number(x);
          return instr.fn === 'shl'
            ? n << instr.amount
            : instr.fn === 'shr'
              ? (n >>> instr.amount) | 0
              : n >> instr.amount;
        });
      case 'convert':
        return get(instr.a).map((x) => convert(kind, x));
      case 'bitcast':
        return get(instr.a).map((x) => (instr.a.type.kind === kind ? x : bitcast(kind, Number(x))));
      case 'broadcast':
        return new Array<Lane>(lanes).fill(scalar(instr.a));
      case 'ramp':
        return Array.from({ length: lanes }, (_, i) => (Number(scalar(instr.base)) + i) | 0);
      case 'tail':
        return Array.from({ length: lanes }, (_, i) => (i < Number(scalar(instr.count)) ? 1 : 0));
      case 'horizontal': {
        let x = get(instr.a);
        while (x.length > 1) {
          const half = x.length / 2;
          const high = x.slice(half);
          x = x.slice(0, half).map((v, i) => binary(instr.fn, kind, v, high[i]));
        }
        return x;
      }
      case 'zip': {
        const [a, b] = [get(instr.a), get(instr.b)];
        const first = instr.half === 'low' ? 0 : lanes / 2;
        return Array.from({ length: lanes }, (_, i) => (i % 2 === 0 ? a : b)[first + Math.floor(i / 2)]);
      }
      case 'load': {
        const mask = instr.mask ? get(instr.mask) : null;
        const zero: Lane = kind === 'i64' ? 0n : 0;
        return Array.from({ length: lanes }, (_, i) => (mask && !mask[i] ? zero : load(instr, i)));
      }
      default:
        throw new InternalError(`L3 ${fn.name}: ${instr.op} gives no value`);
    }
  }

  function run(instrs: readonly Instr[]): void {
    for (const instr of instrs) {
      switch (instr.op) {
        case 'store': {
          const mask = instr.mask ? get(instr.mask) : null;
          get(instr.value).forEach((x, i) => {
            if (!mask || mask[i]) store(instr, i, x);
          });
          break;
        }
        case 'loop': {
          let carried = instr.inits.map(get);
          const end = Number(scalar(instr.end));
          for (let i = Number(scalar(instr.start)); i < end; i += instr.step) {
            env.set(instr.index.id, [i]);
            instr.params.forEach((p, k) => {
              env.set(p.id, carried[k]);
            });
            run(instr.body);
            carried = instr.yields.map(get);
          }
          instr.results.forEach((r, k) => {
            env.set(r.id, carried[k]);
          });
          break;
        }
        case 'if':
          if (scalar(instr.cond)) run(instr.body);
          break;
        default:
          env.set(instr.result.id, evaluate(instr));
      }
    }
  }
  run(fn.body);
}
