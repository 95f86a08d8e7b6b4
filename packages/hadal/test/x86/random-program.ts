/**
 * Random L3 programs with defined results: nested loops, carried values, branches, every op and memory type, and as many
 * values alive at once as are asked for. What L3 leaves unspecified (conversions out of range, NaN payloads seen as integers) is
 * kept out by clamping first.
 */

import type { Kind, L3Function, MemType, Value } from '../../src/kernel/l3.js';
import { kindHasVectors, memKind } from '../../src/kernel/l3.js';
import { L3Builder } from '../../src/kernel/l3-builder.js';

export interface RandomOptions {
  readonly seed: number;
  readonly lanes: number;
  /** Whether f64 and i64 have vectors as well. */
  readonly wide?: boolean;
  /** Whether vector loads and stores may take masks. */
  readonly masks: boolean;
  /** Instructions a block, about. */
  readonly length: number;
  /** How deep loops and branches may nest. */
  readonly depth: number;
}

/** Elements of each buffer. */
export const ELEMENTS = 256;
/** Sizes that the program is run with: all small, the second may be 0. */
export const SIZES = 3;

/** The program has an input and an output of each. */
export const mems = [
  'f32',
  'i32',
  'i64',
  'u8',
  'bool',
  'f64',
  'i8',
  'i16',
  'u16',
  'u32',
  'f16',
] as const satisfies readonly MemType[];

const integerOps = ['add', 'sub', 'mul', 'div', 'rem', 'min', 'max', 'and', 'or', 'xor'] as const;

/** Without quotients, which lanes of i64 do not have. */
const laneOps = ['add', 'sub', 'mul', 'min', 'max', 'and', 'or', 'xor'] as const;

type Pool = Map<string, Value[]>;

export function randomProgram(options: RandomOptions): L3Function {
  const { lanes, wide = false } = options;
  const vectorMems = wide ? mems : mems.filter((mem) => kindHasVectors[memKind[mem]]);
  let state = options.seed >>> 0 || 1;
  function below(n: number): number {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  }
  function chance(percent: number): boolean {
    return below(100) < percent;
  }
  function oneOf<T>(list: readonly T[]): T {
    return list[below(list.length)];
  }

  const b = new L3Builder(
    `random${options.seed}`,
    lanes,
    { float16: true, scales: false, prefetches: true },
    wide,
  );
  const inputs = new Map(mems.map((mem) => [mem, b.buffer(mem, 'read')]));
  const outputs = new Map(mems.map((mem) => [mem, b.buffer(mem, 'readwrite')]));
  const next = new Map<MemType, number>();
  function input(mem: (typeof mems)[number]): number {
    return inputs.get(mem) ?? 0;
  }
  const sizes = Array.from({ length: SIZES }, (_, i) => b.sizeAt(i));
  const pool: Pool = new Map();

  const key = (kind: Kind, n: number): string => `${kind}:${n}`;
  function put(p: Pool, v: Value): Value {
    const k = key(v.type.kind, v.type.lanes);
    const list = p.get(k);
    if (list) list.push(v);
    else p.set(k, [v]);
    return v;
  }
  function constant(kind: Kind): Value {
    switch (kind) {
      case 'f32':
        return b.constant(
          'f32',
          oneOf([0, -0, 1, -1, 0.5, 3.25, -7.75, 1e10, 1e-3, Number.POSITIVE_INFINITY]),
        );
      case 'f64':
        return b.constant('f64', oneOf([0, -0, 1, -1, 0.1, 3.25, -7.75, 1e100, 1e-300, Number.NaN]));
      case 'i32':
        return b.constant('i32', oneOf([0, 1, -1, 5, 127, -128, 65537, 2 ** 31 - 1, -(2 ** 31)]));
      case 'i64':
        return b.constant(
          'i64',
          oneOf([0n, 1n, -1n, 77n, -(2n ** 31n), 2n ** 31n, 2n ** 40n + 3n, -(2n ** 62n)]),
        );
      case 'index':
        return b.index(oneOf([0, 1, 2, 3, 7, 16, 40]));
      case 'mask':
        return b.constant('mask', below(2));
    }
  }
  /** A value of a type: a recent one, any one, or a constant. */
  function some(p: Pool, kind: Kind, n: number): Value {
    const list = p.get(key(kind, n)) ?? [];
    if (list.length > 0 && !chance(10)) return chance(40) ? list[list.length - 1] : oneOf(list);
    const scalar = constant(kind);
    return n > 1 ? b.broadcast(scalar) : scalar;
  }
  /** An index below the bound. */
  function bounded(p: Pool, bound: number): Value {
    return b.binary('rem', some(p, 'index', 1), b.index(bound));
  }
  function finite(v: Value): Value {
    return b.min(b.max(numeric(v), b.like(v, -1000)), b.like(v, 1000));
  }
  function numeric(v: Value): Value {
    return b.select(b.compare('eq', v, v), v, b.like(v, 1));
  }

  /** 12 significant bits: their product is an exact float32, so that the interpreter's fma in float64 rounds only once. */
  function coarse(v: Value): Value {
    return b.bitcast('f32', b.binary('and', b.bitcast('i32', numeric(v)), bits(-4096, v.type.lanes)));
  }

  function bits(x: number, n: number): Value {
    const scalar = b.constant('i32', x);
    return n > 1 ? b.broadcast(scalar) : scalar;
  }

  function loadOf(p: Pool, n: number): Value {
    const mem = oneOf(n > 1 ? vectorMems : mems);
    const offset = below(20);
    const index = chance(30) ? b.add(bounded(p, 64), b.index(below(30))) : bounded(p, 100);
    const masked = n > 1 ? options.masks && chance(30) : chance(15);
    return b.load(input(mem), index, { lanes: n, offset, mask: masked ? some(p, 'mask', n) : null });
  }

  function scalarIndex(p: Pool): Value {
    const a = some(p, 'index', 1);
    const c = some(p, 'index', 1);
    switch (below(8)) {
      case 0:
        return b.add(bounded(p, 50), bounded(p, 50));
      case 1:
        return b.mul(bounded(p, 20), bounded(p, 20));
      case 2:
        return b.sub(b.max(a, c), b.min(a, c));
      case 3:
        return b.binary('rem', a, b.add(c, b.index(1)));
      case 4:
        return b.div(a, b.add(c, b.index(1)));
      case 5:
        return b.convert('index', b.binary('and', some(p, 'i32', 1), b.constant('i32', 63)));
      case 6:
        return b.select(some(p, 'mask', 1), a, c);
      default:
        return b.div(b.mul(bounded(p, 60), b.index(8)), b.index(oneOf([1, 2, 4, 3])));
    }
  }

  function float(p: Pool, n: number): Value {
    const x = (): Value => some(p, 'f32', n);
    switch (below(9)) {
      case 0:
      case 1:
        return b.fma(coarse(x()), coarse(x()), x());
      case 2:
        return b.unary(oneOf(['neg', 'abs', 'sqrt', 'floor', 'round', 'half'] as const), x());
      case 3:
        return b.select(some(p, 'mask', n), x(), x());
      case 4:
        return b.convert('f32', some(p, 'i32', n));
      case 5:
        return chance(50) ? b.convert('f32', some(p, 'mask', n)) : b.bitcast('f32', some(p, 'i32', n));
      case 6: {
        const stored = b.load(input('f32'), bounded(p, 100), { lanes: n, offset: below(20) });
        return b.binary(oneOf(['add', 'mul', 'sub'] as const), x(), stored);
      }
      default:
        return b.binary(oneOf(['add', 'sub', 'mul', 'div', 'min', 'max'] as const), x(), x());
    }
  }
  function double(p: Pool, n: number): Value {
    const x = (): Value => some(p, 'f64', n);
    switch (below(10)) {
      case 0:
        return b.fma(x(), x(), x());
      case 1:
        return b.unary(oneOf(['neg', 'abs', 'sqrt', 'floor', 'round'] as const), x());
      case 2:
        return b.select(some(p, 'mask', n), x(), x());
      case 3:
        return b.convert(
          'f64',
          some(
            p,
            oneOf(
              n > 1
                ? (['i32', 'i64', 'f32', 'mask'] as const)
                : (['i32', 'i64', 'f32', 'mask', 'index'] as const),
            ),
            n,
          ),
        );
      case 4:
        return b.bitcast('f64', some(p, 'i64', n));
      case 5: {
        const stored = b.load(input('f64'), bounded(p, 100), { lanes: n, offset: below(20) });
        return b.binary(oneOf(['add', 'mul', 'sub', 'div'] as const), x(), stored);
      }
      case 6:
        return b.fma(x(), b.load(input('f64'), bounded(p, 100), { lanes: n }), x());
      default:
        return b.binary(oneOf(['add', 'sub', 'mul', 'div', 'min', 'max'] as const), x(), x());
    }
  }
  function integer(p: Pool, n: number): Value {
    const x = (): Value => some(p, 'i32', n);
    switch (below(9)) {
      case 0:
        return b.unary(oneOf(['neg', 'abs', 'not'] as const), x());
      case 1:
        return b.shift(oneOf(['shl', 'shr', 'sar', 'rol'] as const), x(), below(32));
      case 2:
        return b.select(some(p, 'mask', n), x(), x());
      case 3:
        return b.convert('i32', chance(50) ? some(p, 'mask', n) : finite(some(p, 'f32', n)));
      case 4:
        return b.bitcast('i32', numeric(some(p, 'f32', n)));
      case 5:
        return b.binary(
          oneOf(['add', 'mul', 'sub'] as const),
          x(),
          b.load(input('i32'), bounded(p, 100), { lanes: n, offset: 3 }),
        );
      default:
        return chance(10) ? shifted(x(), x()) : b.binary(oneOf(integerOps), x(), x());
    }
  }
  function long(p: Pool, n: number): Value {
    const x = (): Value => some(p, 'i64', n);
    switch (below(8)) {
      case 6:
        return b.shift(oneOf(['shl', 'shr', 'sar'] as const), x(), below(64));
      case 7:
        return chance(50)
          ? b.bitcast('i64', numeric(some(p, 'f64', n)))
          : b.convert('i64', finite(some(p, 'f64', n)));
      case 0:
        return b.unary(oneOf(['neg', 'abs', 'not'] as const), x());
      case 1:
        return b.convert('i64', n > 1 || chance(50) ? some(p, 'i32', n) : some(p, 'index', 1));
      case 2:
        return b.convert('i64', chance(50) ? finite(some(p, 'f32', n)) : some(p, 'mask', n));
      case 3:
        return b.select(some(p, 'mask', n), x(), x());
      case 4:
        return shifted(x(), x());
      default:
        return b.binary(oneOf(n > 1 ? laneOps : integerOps), x(), x());
    }
  }
  /** By an amount that there is a shift for. */
  function shifted(x: Value, by: Value): Value {
    const most = b.like(by, by.type.kind === 'i64' ? 63 : 31);
    return b.binary(oneOf(['shl', 'shr', 'sar'] as const), x, b.binary('and', by, most));
  }
  function maskOf(p: Pool, n: number): Value {
    switch (below(6)) {
      case 0:
        return b.unary('not', some(p, 'mask', n));
      case 1:
        return b.binary(oneOf(['and', 'or', 'xor'] as const), some(p, 'mask', n), some(p, 'mask', n));
      case 2:
        return b.select(some(p, 'mask', n), some(p, 'mask', n), some(p, 'mask', n));
      case 3:
        if (options.masks && n > 1) return b.tail(b.binary('rem', some(p, 'index', 1), b.index(2 * n)));
        return b.compare(oneOf(['eq', 'ne', 'lt', 'le'] as const), some(p, 'f32', n), some(p, 'f32', n));
      default: {
        const kinds: Kind[] =
          n > 1 && !wide
            ? ['f32', 'i32']
            : n > 1
              ? ['f32', 'i32', 'i64', 'f64']
              : ['f32', 'i32', 'i64', 'f64', 'index'];
        const kind = oneOf(kinds);
        return b.compare(oneOf(['eq', 'ne', 'lt', 'le'] as const), some(p, kind, n), some(p, kind, n));
      }
    }
  }
  function crossing(p: Pool): Value {
    if (lanes === 1) return float(p, 1);
    // Wide functions do without what comes last.
    switch (below(wide ? 4 : 7)) {
      case 0:
        return b.broadcast(
          some(p, oneOf<Kind>(wide ? ['f32', 'i32', 'mask', 'f64', 'i64'] : ['f32', 'i32', 'mask']), 1),
        );
      case 1:
        return b.ramp(some(p, 'index', 1));
      case 2:
        return b.horizontal(oneOf(['and', 'or'] as const), some(p, 'mask', lanes));
      case 3:
        return b.broadcast(
          b.load(input(wide && chance(50) ? oneOf(['f64', 'i64'] as const) : 'f32'), bounded(p, 100), {
            offset: 1,
          }),
        );
      case 4:
      case 5: {
        const [x, y] = [some(p, 'f32', lanes), some(p, 'f32', lanes)];
        const stored = chance(30) ? b.load(input('f32'), bounded(p, 100), { lanes, offset: below(20) }) : y;
        return b.zip(oneOf(['low', 'high', 'even', 'odd'] as const), x, stored);
      }
      default:
        return b.horizontal(
          oneOf(['add', 'mul', 'min', 'max'] as const),
          some(p, oneOf(['f32', 'i32'] as const), lanes),
        );
    }
  }

  function value(p: Pool): Value {
    const n = chance(60) ? lanes : 1;
    switch (below(17)) {
      case 0:
      case 1:
      case 2:
        return float(p, n);
      case 3:
      case 4:
        return integer(p, n);
      case 5:
        return long(p, wide ? n : 1);
      case 6:
      case 7:
        return maskOf(p, n);
      case 8:
      case 9:
        return loadOf(p, n);
      case 10:
        return scalarIndex(p);
      case 11:
        return chance(50)
          ? b.convert('i32', chance(50) ? some(p, 'i64', wide ? n : 1) : some(p, 'index', 1))
          : b.convert('f32', some(p, 'index', 1));
      case 12:
        return b.convert(
          'f32',
          b.binary('and', some(p, 'i64', wide ? n : 1), b.constant('i64', 2n ** 40n - 1n)),
        );
      case 13:
      case 14:
        return double(p, wide ? n : 1);
      case 15:
        return chance(50)
          ? b.convert('f32', some(p, 'f64', wide ? n : 1))
          : b.convert('i32', finite(some(p, 'f64', wide ? n : 1)));
      default:
        return crossing(p);
    }
  }

  function keep(v: Value, p: Pool): void {
    const { kind } = v.type;
    const n = v.type.lanes;
    const fitting = mems.filter((m) => memKind[m] === kind);
    if (fitting.length === 0) {
      keep(b.convert('i32', v), p);
      return;
    }
    // Half of the integers in full width.
    const mem = chance(50) ? fitting[0] : oneOf(fitting);
    let at = next.get(mem) ?? 0;
    if (at + n > ELEMENTS) at = 0;
    const masked = n > 1 ? options.masks && chance(20) : chance(10);
    b.store(outputs.get(mem) ?? 0, b.index(0), v, { offset: at, mask: masked ? some(p, 'mask', n) : null });
    next.set(mem, at + n);
  }

  function block(outer: Pool, depth: number): Pool {
    const p: Pool = new Map([...outer].map(([k, list]) => [k, [...list]]));
    const length = 1 + below(options.length);
    for (let i = 0; i < length; i++) {
      const what = below(100);
      if (what < 8 && depth > 0) loop(p, depth);
      else if (what < 12 && depth > 0) {
        b.when(some(p, 'mask', 1), () => {
          const inner = block(p, depth - 1);
          for (const list of inner.values()) if (chance(50)) keep(list[list.length - 1], inner);
        });
      } else if (what < 18) {
        const list = oneOf([...p.values()]);
        keep(oneOf(list), p);
      } else put(p, value(p));
    }
    return p;
  }

  function loop(p: Pool, depth: number): void {
    const types = Array.from({ length: below(8) }, () => {
      const kind = oneOf<Kind>(['f32', 'i32', 'mask', 'f32', 'i64', 'f64', 'index']);
      return { kind, n: !(wide ? kind !== 'index' : kindHasVectors[kind]) || chance(40) ? 1 : lanes };
    });
    const inits = types.map((t) => some(p, t.kind, t.n));
    const start = chance(60) ? b.index(0) : bounded(p, 4);
    const end = chance(50) ? oneOf(sizes) : chance(50) ? b.index(below(4)) : bounded(p, 5);
    const results = b.loop(start, end, 1 + below(3), inits, (index, params) => {
      const inner: Pool = new Map([...p].map(([k, list]) => [k, [...list]]));
      put(inner, index);
      for (const v of params) put(inner, v);
      const after = block(inner, depth - 1);
      return types.map((t) => {
        const v = some(after, t.kind, t.n);
        return t.kind === 'index' ? b.binary('rem', v, b.index(1000)) : v;
      });
    });
    for (const r of results) put(p, r);
  }

  for (const s of sizes) put(pool, s);
  for (const kind of ['f32', 'i32', 'i64', 'f64'] as const) put(pool, b.scalar(kind));
  for (let i = 0; i < 4; i++) put(pool, loadOf(pool, i % 2 ? lanes : 1));
  const final = block(pool, options.depth);
  // Everything that is left alive goes out, so that nothing above is dead and much is alive at once.
  for (const list of final.values()) for (const v of list) if (chance(70)) keep(v, final);
  return b.finish();
}
