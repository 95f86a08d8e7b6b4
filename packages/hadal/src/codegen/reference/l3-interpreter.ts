/**
 * Runs L3 as it is written, one instruction at a time on plain numbers: the meaning that the wasm and x86 emitters are
 * compared with. Slow, and checks every access against the bounds of its buffer.
 */
import { IndexError, InternalError } from '../../base/errors.js';
import { float16Bits, float16Value } from '../../base/half.js';
import type { Instr, L3Function, MemType, ScalarKind, Value } from '../../kernel/l3.js';
import { memBytes } from '../../kernel/l3.js';
import { fused32, fused64 } from './fused.js';
import type { Lane } from './l3-scalar.js';
import { binary, bitcast, compare, convert, dot, shift, unary } from './l3-scalar.js';

export interface L3Arguments {
  readonly buffers: readonly Uint8Array[];
  readonly sizes: readonly number[];
  readonly scalars: readonly (number | bigint)[];
  /** Whether fma rounds once (as with FMA hardware) or twice. */
  readonly fused?: boolean;
}

type Lanes = readonly Lane[];

const fround = Math.fround;

/** A scalar argument as its slot holds it. */
function argument(kind: ScalarKind, x: number | bigint): Lane {
  switch (kind) {
    case 'f32':
      return fround(Number(x));
    case 'f64':
      return Number(x);
    case 'i32':
      return Number(x) | 0;
    case 'i64':
      return BigInt(x);
  }
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
      case 'f16':
        return float16Value(view.getUint16(at, true));
      case 'f32':
        return view.getFloat32(at, true);
      case 'f64':
        return view.getFloat64(at, true);
      case 'i8':
        return view.getInt8(at);
      case 'i16':
        return view.getInt16(at, true);
      case 'i32':
        return view.getInt32(at, true);
      case 'i64':
        return view.getBigInt64(at, true);
      case 'u8':
        return view.getUint8(at);
      case 'u16':
        return view.getUint16(at, true);
      case 'u32':
        return BigInt(view.getUint32(at, true));
      case 'bool':
        return view.getUint8(at) === 0 ? 0 : 1;
    }
  }

  function store(instr: Extract<Instr, { op: 'store' }>, lane: number, x: Lane): void {
    const view = views[instr.buffer];
    const at = address(instr, lane);
    switch (instr.mem) {
      case 'f16':
        view.setUint16(at, float16Bits(Number(x)), true);
        break;
      case 'f32':
        view.setFloat32(at, Number(x), true);
        break;
      case 'f64':
        view.setFloat64(at, Number(x), true);
        break;
      case 'i16':
      case 'u16':
        view.setInt16(at, Number(x), true);
        break;
      case 'i32':
        view.setInt32(at, Number(x), true);
        break;
      case 'i64':
        view.setBigInt64(at, BigInt(x), true);
        break;
      case 'u32':
        view.setInt32(at, Number(BigInt.asIntN(32, BigInt(x))), true);
        break;
      case 'i8':
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
      case 'scalar':
        return [argument(fn.scalars[instr.slot], args.scalars[instr.slot])];
      case 'unary':
        return get(instr.a).map((x) => unary(instr.fn, kind, x));
      case 'binary':
        return lanewise(instr.a, instr.b, (x, y) => binary(instr.fn, kind, x, y));
      case 'fma': {
        const [a, b, c] = [get(instr.a), get(instr.b), get(instr.c)].map((v) => v.map(Number));
        const fused = args.fused ?? true;
        if (kind === 'f64') return a.map((x, i) => (fused ? fused64(x, b[i], c[i]) : x * b[i] + c[i]));
        return a.map((x, i) => (fused ? fused32(x, b[i], c[i]) : fround(fround(x * b[i]) + c[i])));
      }
      case 'dot': {
        const [a, b, c] = [get(instr.a), get(instr.b), get(instr.c)].map((v) => v.map(Number));
        return a.map((x, i) => dot(instr.fn, x, b[i], c[i]));
      }
      case 'compare':
        return lanewise(instr.a, instr.b, (x, y) => compare(instr.fn, x, y));
      case 'select': {
        const [m, a, b] = [get(instr.mask), get(instr.a), get(instr.b)];
        return m.map((on, i) => (on ? a[i] : b[i]));
      }
      case 'shift':
        return get(instr.a).map((x) => shift(instr.fn, x, instr.amount));
      case 'convert':
        return get(instr.a).map((x) => convert(kind, x));
      case 'bitcast':
        return get(instr.a).map((x) => (instr.a.type.kind === kind ? x : bitcast(kind, x)));
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
        if (instr.half === 'even' || instr.half === 'odd') {
          const first = instr.half === 'even' ? 0 : 1;
          return [...a, ...b].filter((_, i) => i % 2 === first);
        }
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
        case 'prefetch':
          break;
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
