/** Random programs of structured loops over random SSA graphs: emitted code and interpreter must agree in every bit. */
import fc from 'fast-check';
import { describe, it } from 'vitest';
import type { Kind, L3Function, MemType, Value } from '../../src/kernel/l3.js';
import { isFloatKind, kindHasVectors, memBytes, memKind } from '../../src/kernel/l3.js';
import { L3Builder } from '../../src/kernel/l3-builder.js';
import { bytesOf, expectSame } from './harness.js';

const ELEMENTS = 96;
const memories: readonly MemType[] = ['f32', 'i32', 'u8', 'bool', 'i64', 'f64', 'i8', 'i16', 'u16', 'u32'];

/** Draws its choices from a list of numbers, so that shrinking the list shrinks the program. */
class ProgramMaker {
  readonly #b: L3Builder;
  readonly #lanes: number;
  readonly #tape: readonly number[];
  #at = 0;
  /** Values in scope. */
  #values: Value[] = [];
  /** Indices in scope, all below 32. */
  #indices: Value[] = [];
  /** Indices that accesses share, from 8 to 63, so that offsets may be negative. */
  #roots: Value[] = [];
  readonly #base: Value;
  readonly #inputs: number[];
  readonly #outputs: number[];

  constructor(tape: readonly number[], lanes: number) {
    this.#tape = tape;
    this.#lanes = lanes;
    this.#b = new L3Builder('random', lanes);
    this.#inputs = memories.map((mem) => this.#b.buffer(mem, 'read'));
    this.#outputs = memories.map((mem) => this.#b.buffer(mem, 'readwrite'));
    this.#base = this.#b.size();
    this.#indices = [this.#b.size(), this.#b.index(3)];
    this.#values = (['f32', 'i32', 'i64', 'f64'] as const).map((kind) => this.#b.scalar(kind));
  }

  make(): L3Function {
    while (this.#at < this.#tape.length) this.#statement(0);
    return this.#b.finish();
  }

  #draw(below: number): number {
    const x = this.#tape[this.#at++] ?? 0;
    return x % below;
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#draw(items.length)];
  }

  /** A value of some type in scope, else a constant. */
  #some(kind: Kind, lanes: number): Value {
    const fitting = this.#values.filter((v) => v.type.kind === kind && v.type.lanes === lanes);
    const choice = this.#draw(fitting.length + 1);
    if (choice < fitting.length) return fitting[fitting.length - 1 - choice];
    const value = kind === 'mask' ? this.#draw(2) : this.#draw(9) - 4;
    const scalar = this.#b.constant(
      kind,
      kind === 'i64' ? BigInt(value) : isFloatKind(kind) ? value * 0.75 : value,
    );
    return lanes > 1 ? this.#b.broadcast(scalar) : scalar;
  }

  #type(): [Kind, number] {
    const kind = this.#pick(['f32', 'f32', 'f32', 'i32', 'mask', 'i64', 'f64'] as const);
    return [kind, kindHasVectors[kind] ? this.#pick([1, this.#lanes]) : 1];
  }

  #index(): Value {
    const b = this.#b;
    const x = this.#pick(this.#indices);
    switch (this.#draw(6)) {
      case 0:
        return b.add(x, b.index(this.#draw(8)));
      case 1:
        return b.binary(
          'rem',
          b.add(b.mul(x, b.index(5)), this.#pick(this.#indices)),
          b.index(this.#pick([16, 13])),
        );
      case 2:
        return b.sub(b.add(x, b.index(6)), b.index(this.#draw(6)));
      case 3:
        return b.min(x, this.#pick(this.#indices));
      default:
        return x;
    }
  }

  #root(): Value {
    const choice = this.#draw(this.#roots.length + 2);
    if (choice < this.#roots.length) return this.#roots[choice];
    const root = this.#b.add(this.#base, this.#index());
    this.#roots.push(root);
    return root;
  }

  #load(): Value {
    const which = this.#draw(memories.length);
    const buffer = this.#pick([this.#inputs[which], this.#outputs[which]]);
    const lanes = kindHasVectors[memKind[memories[which]]] ? this.#pick([1, this.#lanes]) : 1;
    return this.#b.load(buffer, this.#root(), { lanes, offset: this.#draw(17) - 8 });
  }

  #operation(): Value {
    const b = this.#b;
    const [kind, lanes] = this.#type();
    switch (this.#draw(10)) {
      case 0:
        return b.unary(
          this.#pick(
            kind === 'mask'
              ? (['not'] as const)
              : isFloatKind(kind)
                ? (['neg', 'abs', 'sqrt', 'floor', 'round'] as const)
                : (['neg', 'abs', 'not'] as const),
          ),
          this.#some(kind, lanes),
        );
      case 1:
      case 2: {
        const logic = ['and', 'or', 'xor'] as const;
        const arithmetic = ['add', 'sub', 'mul', 'min', 'max'] as const;
        const fns =
          kind === 'mask'
            ? logic
            : isFloatKind(kind)
              ? ([...arithmetic, 'div'] as const)
              : ([...logic, ...arithmetic, 'div', 'rem'] as const);
        const [x, y] = [this.#some(kind, lanes), this.#some(kind, lanes)];
        if ((kind === 'i32' || kind === 'i64') && this.#draw(8) === 0) {
          const amount = b.binary('and', y, b.like(y, kind === 'i64' ? 63 : 31));
          return b.binary(this.#pick(['shl', 'shr', 'sar'] as const), x, amount);
        }
        return b.binary(this.#pick(fns), x, y);
      }
      case 3:
        if (kind === 'f64') return b.fma(this.#some('f64', 1), this.#some('f64', 1), this.#some('f64', 1));
        return b.fma(this.#some('f32', lanes), this.#some('f32', lanes), this.#some('f32', lanes));
      case 4: {
        const compared = kind === 'mask' ? 'i32' : kind;
        return b.compare(
          this.#pick(['eq', 'ne', 'lt', 'le'] as const),
          this.#some(compared, lanes),
          this.#some(compared, lanes),
        );
      }
      case 5:
        return b.select(this.#some('mask', lanes), this.#some(kind, lanes), this.#some(kind, lanes));
      case 6:
        return this.#convert(lanes);
      case 7:
        if (this.#lanes > 1 && this.#draw(2) === 0) {
          const from = kindHasVectors[kind] ? kind : 'f32';
          const fns = from === 'mask' ? (['and', 'or'] as const) : (['add', 'mul', 'min', 'max'] as const);
          return b.horizontal(this.#pick(fns), this.#some(from, this.#lanes));
        }
        return b.spread(this.#some(kindHasVectors[kind] ? kind : 'i32', 1), this.#lanes);
      case 8:
        if (this.#lanes === 1) return this.#load();
        return b.zip(
          this.#pick(['low', 'high', 'even', 'odd'] as const),
          this.#some('f32', this.#lanes),
          this.#some('f32', this.#lanes),
        );
      default:
        return this.#load();
    }
  }

  #convert(lanes: number): Value {
    const b = this.#b;
    switch (this.#draw(12)) {
      case 8:
        return b.convert('f64', this.#some(this.#pick(['f32', 'i32', 'i64', 'mask'] as const), 1));
      case 9:
        return b.convert(this.#pick(['i32', 'i64'] as const), this.#tame(1, 'f64'));
      case 10:
        return this.#draw(2) === 0
          ? b.convert('f32', this.#some('f64', 1))
          : b.shift(this.#pick(['shl', 'shr', 'sar'] as const), this.#some('i64', 1), this.#draw(64));
      case 11:
        return this.#draw(2) === 0
          ? b.bitcast('f64', this.#some('i64', 1))
          : b.bitcast('i64', this.#tame(1, 'f64'));
      case 0:
        return b.convert('f32', this.#some('i32', lanes));
      case 1:
        return b.convert('i32', this.#tame(lanes));
      case 2:
        return b.convert(this.#pick(['i32', 'f32'] as const), this.#some('mask', lanes));
      case 3:
        return b.convert('i64', this.#pick([this.#some('i32', 1), this.#some('mask', 1), this.#tame(1)]));
      case 4:
        return b.convert('i32', this.#some('i64', 1));
      case 5:
        return b.convert('f32', b.binary('and', this.#some('i64', 1), b.constant('i64', 2n ** 40n - 1n)));
      case 6:
        return b.shift(this.#pick(['shl', 'shr', 'sar'] as const), this.#some('i32', lanes), this.#draw(32));
      default: {
        const x = this.#some('f32', lanes);
        return b.select(b.compare('eq', x, x), b.bitcast('i32', x), this.#some('i32', lanes));
      }
    }
  }

  /** A float that truncation has a meaning for. */
  #tame(lanes: number, kind: 'f32' | 'f64' = 'f32'): Value {
    const b = this.#b;
    const x = this.#some(kind, lanes);
    return b.select(b.compare('lt', b.unary('abs', x), b.like(x, 2 ** 30)), x, b.like(x, -7.5));
  }

  #store(): void {
    const which = this.#draw(memories.length);
    const mem = memories[which];
    const kind = memKind[mem];
    const lanes = kindHasVectors[kind] ? this.#pick([1, this.#lanes]) : 1;
    const value = this.#some(kind, lanes);
    this.#b.store(this.#outputs[which], this.#root(), value, { offset: this.#draw(17) - 8 });
  }

  #statement(depth: number): void {
    const b = this.#b;
    const choice = this.#draw(depth < 3 ? 10 : 8);
    if (choice < 6) this.#values.push(this.#operation());
    else if (choice < 8) this.#store();
    else if (choice === 8) {
      const carried = Array.from({ length: this.#draw(4) }, () => this.#some(...this.#type()));
      const [start, end] = [
        this.#pick([b.index(0), b.index(1), b.index(4), ...this.#indices]),
        this.#pick([b.index(3), b.index(0), ...this.#indices]),
      ];
      const bounded = b.min(end, b.index(6));
      const results = b.loop(
        start,
        this.#pick([bounded, b.index(2)]),
        1 + this.#draw(3),
        carried,
        (i, params) => {
          return this.#scope(depth, [i], params, () => {
            // Some of the next round's values are known early, with more statements behind that still read this round's.
            const early = params.map((p) => (this.#draw(2) === 0 ? this.#next(p) : null));
            for (let k = this.#draw(4); k > 0; k--) this.#statement(depth + 1);
            return params.map((p, at) => early[at] ?? this.#some(p.type.kind, p.type.lanes));
          });
        },
      );
      this.#values.push(...results);
    } else {
      b.when(this.#some('mask', 1), () => {
        this.#scope(depth, [], [], () => []);
      });
    }
  }

  #next(p: Value): Value {
    return this.#b.binary(p.type.kind === 'mask' ? 'xor' : 'add', p, this.#some(p.type.kind, p.type.lanes));
  }

  #scope(
    depth: number,
    indices: readonly Value[],
    values: readonly Value[],
    end: () => readonly Value[],
  ): readonly Value[] {
    const [outerValues, outerIndices, outerRoots] = [this.#values, this.#indices, this.#roots];
    this.#values = [...outerValues, ...values];
    this.#indices = [...outerIndices, ...indices];
    this.#roots = [...outerRoots];
    const count = 1 + this.#draw(7);
    for (let i = 0; i < count; i++) this.#statement(depth + 1);
    const result = end();
    [this.#values, this.#indices, this.#roots] = [outerValues, outerIndices, outerRoots];
    return result;
  }
}

function content(mem: MemType, seed: number): Uint8Array {
  const wild = [0, -0, 1e-41, 3e38, Number.NaN, Number.POSITIVE_INFINITY, -1e10];
  const number = (i: number) => ((i * 2654435761 + seed * 40503) >>> 8) % 1000;
  switch (mem) {
    case 'f32':
      return bytesOf(
        Float32Array.from({ length: ELEMENTS }, (_, i) =>
          number(i) % 9 === 0 ? wild[number(i) % 7] : number(i) / 33 - 12,
        ),
      );
    case 'i32':
      return bytesOf(
        Int32Array.from({ length: ELEMENTS }, (_, i) =>
          Math.imul(number(i) - 500, number(i) % 3 === 0 ? 99999989 : 1),
        ),
      );
    case 'i64':
      return bytesOf(
        BigInt64Array.from({ length: ELEMENTS }, (_, i) => BigInt(number(i) - 500) * 12345678912345n),
      );
    case 'f64':
      return bytesOf(
        Float64Array.from({ length: ELEMENTS }, (_, i) =>
          number(i) % 9 === 0 ? wild[number(i) % 7] * 1.1 : number(i) / 33 - 12,
        ),
      );
    case 'u8':
    case 'i8':
    case 'u16':
    case 'f16':
    case 'i16':
    case 'u32':
      return Uint8Array.from({ length: ELEMENTS * memBytes[mem] }, (_, i) => number(i));
    case 'bool':
      return Uint8Array.from({ length: ELEMENTS }, (_, i) => number(i) % 2);
  }
}

describe('random programs', () => {
  it.each([1, 4])('agree with the interpreter on %i lanes', (lanes) => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(2 ** 30), { minLength: 20, maxLength: 400, size: 'max' }),
        fc.nat(1000),
        (tape, seed) => {
          const fn = new ProgramMaker(tape, lanes).make();
          const buffers = [
            ...memories.map((m) => content(m, seed)),
            ...memories.map((m) => content(m, seed + 1)),
          ];
          expectSame(fn, {
            buffers,
            sizes: [8 + (seed % 5), seed % 7],
            scalars: [seed / 7 - 50, seed - 500, BigInt(seed - 500) * 10n ** 12n, seed / 7 - 50],
          });
        },
      ),
      { numRuns: 600 },
    );
  });
});
