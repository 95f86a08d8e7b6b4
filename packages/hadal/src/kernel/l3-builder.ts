/**
 * Builds L3 functions. Each method appends one instruction to the innermost open block and returns its value; types are
 * checked as they are built, so a wrong lowering fails at the line that wrote it.
 *
 * The builder does three small things beyond appending, each of which keeps lowerings simple: equal constants of a block
 * chain are shared, arithmetic on two index constants is folded, and adding 0 or multiplying by 0 or 1 on indices vanishes.
 */
import { InternalError, known } from '../base/errors.js';
import type {
  BinaryOp,
  BufferSlot,
  CompareOp,
  ConstantShiftOp,
  DotOp,
  HorizontalOp,
  Instr,
  Kind,
  L3Function,
  MemType,
  ScalarKind,
  UnaryOp,
  Value,
  Zip,
} from './l3.js';
import { kindHasVectors, memBytes, memKind } from './l3.js';
import type { Target } from './target.js';

/**
 * What the arguments of a part of a function are: its buffer slots, its integer arguments and its scalars count from 0 within the part,
 * as they do in a function of its own.
 */
export interface Part {
  /** For each buffer slot of the part: the slot it is, and what is added to every index into it (or null). */
  readonly buffers: readonly { readonly slot: number; readonly base: Value | null }[];
  readonly firstSize: number;
  readonly scalars: readonly Value[];
}

export class L3Builder {
  readonly name: string;
  readonly lanes: number;
  /** Whether f64 and i64 have vectors in this function. */
  readonly wide: boolean;
  /** What the target says of float16. */
  readonly float16: boolean;
  /** Whether the target has `scale`. */
  readonly scales: boolean;
  readonly #buffers: BufferSlot[] = [];
  readonly #scalars: ScalarKind[] = [];
  #sizes = 0;
  #nextId = 0;
  readonly #scopes: Instr[][] = [[]];
  readonly #constants: { readonly [K in Kind]: Map<number | bigint | '-0', Value> } = {
    f32: new Map(),
    f64: new Map(),
    i32: new Map(),
    i64: new Map(),
    index: new Map(),
    mask: new Map(),
  };
  /** By the id of a value. */
  readonly #constantOf: (number | bigint | undefined)[] = [];
  readonly #sizeValues = new Map<number, Value>();
  readonly #prefetches: boolean;
  #part: Part | null = null;
  #partBuffers = 0;
  #partScalars = 0;

  constructor(
    name: string,
    lanes: number,
    target: Pick<Target, 'float16' | 'scales' | 'prefetches'> = {
      float16: false,
      scales: false,
      prefetches: false,
    },
    wide = false,
  ) {
    this.name = name;
    this.lanes = lanes;
    this.wide = wide;
    this.float16 = target.float16;
    this.scales = target.scales;
    this.#prefetches = target.prefetches;
  }

  // --- arguments -------------------------------------------------------------------------------------------------------

  /** Builds a part of the function, with arguments of its own. */
  within<T>(part: Part, body: () => T): T {
    const before = [this.#part, this.#partBuffers, this.#partScalars] as const;
    [this.#part, this.#partBuffers, this.#partScalars] = [part, 0, 0];
    const result = body();
    [this.#part, this.#partBuffers, this.#partScalars] = before;
    return result;
  }

  buffer(mem: MemType, access: BufferSlot['access']): number {
    if (this.#part !== null) {
      const at = this.#partBuffers++;
      const slot = known(this.#part.buffers[at], `buffer ${at} of a part of ${this.name}`).slot;
      if (this.#buffers[slot]?.mem !== mem)
        throw new InternalError(`buffer ${at} of a part of ${this.name} is not of ${mem}`);
      return at;
    }
    this.#buffers.push({ mem, access });
    return this.#buffers.length - 1;
  }

  /** A new integer argument. */
  size(): Value {
    const result = this.#value('index', 1);
    this.#entry({ op: 'size', result, slot: this.#sizes++ });
    return result;
  }

  /** The integer argument of a slot; declares slots up to it. */
  sizeAt(place: number): Value {
    const slot = place + (this.#part?.firstSize ?? 0);
    const have = this.#sizeValues.get(slot);
    if (have) return have;
    const result = this.#value('index', 1);
    this.#entry({ op: 'size', result, slot });
    this.#sizes = Math.max(this.#sizes, slot + 1);
    this.#sizeValues.set(slot, result);
    return result;
  }

  scalar(kind: ScalarKind): Value {
    if (this.#part !== null) {
      const at = this.#partScalars++;
      return known(this.#part.scalars[at], `scalar ${at} of a part of ${this.name}`);
    }
    const result = this.#value(kind, 1);
    this.#scalars.push(kind);
    this.#entry({ op: 'scalar', result, slot: this.#scalars.length - 1 });
    return result;
  }

  // --- values ----------------------------------------------------------------------------------------------------------

  constant(kind: Kind, value: number | bigint): Value {
    const known = this.#constants[kind];
    const key = kind === 'i64' ? BigInt(value) : Object.is(value, -0) ? '-0' : value;
    const have = known.get(key);
    if (have) return have;
    const result = this.#value(kind, 1);
    const exact =
      kind === 'i64' ? BigInt(value) : kind === 'f32' ? Math.fround(Number(value)) : Number(value);
    // Constants live in the outermost block: they cost nothing there and every loop below sees them.
    this.#entry({ op: 'const', result, value: exact });
    known.set(key, result);
    this.#constantOf[result.id] = exact;
    return result;
  }

  index(value: number): Value {
    return this.constant('index', value);
  }

  /** A constant of the kind and lanes of `like`. */
  /** 0 of a kind. */
  zero(kind: Kind): Value {
    return this.constant(kind, kind === 'i64' ? 0n : 0);
  }

  like(like: Value, value: number | bigint): Value {
    const scalar = this.constant(like.type.kind, value);
    return like.type.lanes > 1 ? this.broadcast(scalar) : scalar;
  }

  unary(fn: UnaryOp, a: Value): Value {
    return this.#emit({ op: 'unary', fn, result: this.#value(a.type.kind, a.type.lanes), a });
  }

  binary(fn: BinaryOp, x: Value, y: Value): Value {
    const { kind } = x.type;
    const lanes = Math.max(x.type.lanes, y.type.lanes);
    const a = this.spread(x, lanes);
    const b = this.spread(y, lanes);
    if (kind !== b.type.kind) throw new InternalError(`${fn} on ${show(a)} and ${show(b)}`);
    if (kind === 'index') {
      const folded = this.#foldIndex(fn, a, b);
      if (folded) return folded;
    }
    return this.#emit({ op: 'binary', fn, result: this.#value(kind, lanes), a, b });
  }

  add(a: Value, b: Value): Value {
    return this.binary('add', a, b);
  }
  sub(a: Value, b: Value): Value {
    return this.binary('sub', a, b);
  }
  mul(a: Value, b: Value): Value {
    return this.binary('mul', a, b);
  }
  div(a: Value, b: Value): Value {
    return this.binary('div', a, b);
  }
  min(a: Value, b: Value): Value {
    return this.binary('min', a, b);
  }
  max(a: Value, b: Value): Value {
    return this.binary('max', a, b);
  }

  fma(a: Value, b: Value, c: Value): Value {
    const lanes = Math.max(a.type.lanes, b.type.lanes, c.type.lanes);
    const x = this.spread(a, lanes);
    const y = this.spread(b, lanes);
    const z = this.spread(c, lanes);
    return this.#emit({ op: 'fma', result: this.#value(x.type.kind, lanes), a: x, b: y, c: z });
  }

  dot(fn: DotOp, a: Value, b: Value, c: Value): Value {
    const { lanes } = c.type;
    const result = this.#value(c.type.kind, lanes);
    return this.#emit({ op: 'dot', fn, result, a: this.spread(a, lanes), b: this.spread(b, lanes), c });
  }

  compare(fn: CompareOp, x: Value, y: Value): Value {
    const lanes = Math.max(x.type.lanes, y.type.lanes);
    const a = this.spread(x, lanes);
    const b = this.spread(y, lanes);
    if (a.type.kind !== b.type.kind) throw new InternalError(`${fn} on ${show(a)} and ${show(b)}`);
    return this.#emit({ op: 'compare', fn, result: this.#value('mask', lanes), a, b });
  }

  select(mask: Value, x: Value, y: Value): Value {
    const lanes = Math.max(mask.type.lanes, x.type.lanes, y.type.lanes);
    const m = this.spread(mask, lanes);
    const a = this.spread(x, lanes);
    const b = this.spread(y, lanes);
    if (a.type.kind !== b.type.kind) throw new InternalError(`select of ${show(a)} and ${show(b)}`);
    return this.#emit({ op: 'select', result: this.#value(a.type.kind, lanes), mask: m, a, b });
  }

  shift(fn: ConstantShiftOp, a: Value, amount: number): Value {
    return this.#emit({ op: 'shift', fn, result: this.#value(a.type.kind, a.type.lanes), a, amount });
  }

  convert(kind: Kind, a: Value): Value {
    if (a.type.kind === kind) return a;
    const constant = this.#constantOf[a.id];
    if (constant !== undefined && kind === 'index') return this.index(Number(constant));
    return this.#emit({ op: 'convert', result: this.#value(kind, a.type.lanes), a });
  }

  bitcast(kind: ScalarKind, a: Value): Value {
    return this.#emit({ op: 'bitcast', result: this.#value(kind, a.type.lanes), a });
  }

  broadcast(a: Value): Value {
    if (this.lanes === 1) return a;
    if (!this.wide && !kindHasVectors[a.type.kind])
      throw new InternalError(`broadcast of ${show(a)}, which is scalar only`);
    return this.#emit({ op: 'broadcast', result: this.#value(a.type.kind, this.lanes), a });
  }

  /** `a` with the given lanes, broadcast if it is a scalar. */
  spread(a: Value, lanes: number): Value {
    if (a.type.lanes === lanes) return a;
    if (a.type.lanes !== 1 || lanes !== this.lanes)
      throw new InternalError(`cannot spread ${show(a)} to ${lanes} lanes`);
    return this.broadcast(a);
  }

  ramp(base: Value): Value {
    return this.#emit({ op: 'ramp', result: this.#value('i32', this.lanes), base });
  }

  tail(count: Value): Value {
    return this.#emit({ op: 'tail', result: this.#value('mask', this.lanes), count });
  }

  horizontal(fn: HorizontalOp, a: Value): Value {
    if (a.type.lanes === 1) return a;
    return this.#emit({ op: 'horizontal', fn, result: this.#value(a.type.kind, 1), a });
  }

  zip(half: Zip, a: Value, b: Value): Value {
    for (const v of [a, b]) {
      if (v.type.kind !== 'f32' || v.type.lanes === 1) throw new InternalError(`zip of ${show(v)}`);
    }
    return this.#emit({ op: 'zip', half, result: this.#value('f32', this.lanes), a, b });
  }

  /** The slot and index of an access from within a part. */
  #place(part: Part, buffer: number, index: Value): readonly [slot: number, index: Value] {
    const { slot, base } = known(part.buffers[buffer], `buffer ${buffer} of a part of ${this.name}`);
    return [slot, base === null ? index : this.add(base, index)];
  }

  load(
    place: number,
    position: Value,
    options: { lanes?: number; offset?: number; mask?: Value | null } = {},
  ): Value {
    let buffer = place;
    let index = position;
    if (this.#part !== null) [buffer, index] = this.#place(this.#part, place, position);
    const { mem } = this.#buffers[buffer];
    const result = this.#value(memKind[mem], options.lanes ?? 1);
    return this.#emit({
      op: 'load',
      result,
      buffer,
      mem,
      index,
      offset: options.offset ?? 0,
      mask: options.mask ?? null,
    });
  }

  store(
    place: number,
    position: Value,
    value: Value,
    options: { offset?: number; mask?: Value | null; streamed?: boolean } = {},
  ): void {
    let buffer = place;
    let index = position;
    if (this.#part !== null) [buffer, index] = this.#place(this.#part, place, position);
    const { mem } = this.#buffers[buffer];
    if (memKind[mem] !== value.type.kind) throw new InternalError(`store of ${show(value)} to ${mem} memory`);
    this.#top().push({
      op: 'store',
      buffer,
      mem,
      index,
      offset: options.offset ?? 0,
      value,
      mask: options.mask ?? null,
      streamed: (options.streamed ?? false) && value.type.lanes > 1 && memBytes[mem] === 4,
    });
  }

  /** Does nothing on targets that have no such hint. */
  prefetch(intent: 'load' | 'store', place: number, position: Value, offset = 0): void {
    if (!this.#prefetches) return;
    let buffer = place;
    let index = position;
    if (this.#part !== null) [buffer, index] = this.#place(this.#part, place, position);
    this.#top().push({ op: 'prefetch', intent, buffer, mem: this.#buffers[buffer].mem, index, offset });
  }

  // --- control ---------------------------------------------------------------------------------------------------------

  loop(
    start: Value,
    end: Value,
    step: number,
    inits: readonly Value[],
    body: (index: Value, params: readonly Value[]) => readonly Value[],
  ): readonly Value[] {
    const index = this.#value('index', 1);
    const params = inits.map((v) => this.#value(v.type.kind, v.type.lanes));
    this.#scopes.push([]);
    const yields = body(index, params);
    const scope = this.#scopes.pop();
    if (!scope || yields.length !== inits.length)
      throw new InternalError('a loop yields as many values as it carries');
    yields.forEach((v, i) => {
      if (v.type.kind !== inits[i].type.kind || v.type.lanes !== inits[i].type.lanes) {
        throw new InternalError(`loop value ${i} starts as ${show(inits[i])} and goes on as ${show(v)}`);
      }
    });
    const results = inits.map((v) => this.#value(v.type.kind, v.type.lanes));
    this.#top().push({ op: 'loop', index, start, end, step, inits, params, body: scope, yields, results });
    return results;
  }

  /** A loop that carries nothing. */
  forEach(start: Value, end: Value, step: number, body: (index: Value) => void): void {
    this.loop(start, end, step, [], (i) => {
      body(i);
      return [];
    });
  }

  when(cond: Value, body: () => void, { isRare = false } = {}): void {
    this.#scopes.push([]);
    body();
    const scope = this.#scopes.pop();
    if (!scope) throw new InternalError('unbalanced blocks');
    this.#top().push({ op: 'if', cond, body: scope, ...(isRare && { isRare }) });
  }

  finish(): L3Function {
    if (this.#scopes.length !== 1) throw new InternalError('unbalanced blocks');
    return {
      name: this.name,
      lanes: this.lanes,
      wide: this.wide,
      buffers: this.#buffers,
      sizes: this.#sizes,
      scalars: this.#scalars,
      body: this.#scopes[0],
    };
  }

  // --- inside ----------------------------------------------------------------------------------------------------------

  #value(kind: Kind, lanes: number): Value {
    return { id: this.#nextId++, type: { kind, lanes } };
  }

  #top(): Instr[] {
    return this.#scopes[this.#scopes.length - 1];
  }

  #emit(instr: Instr & { readonly result: Value }): Value {
    this.#top().push(instr);
    return instr.result;
  }

  /** Arguments are read once, at the head of the function. */
  #entry(instr: Instr): void {
    this.#scopes[0].unshift(instr);
  }

  #foldIndex(fn: BinaryOp, a: Value, b: Value): Value | null {
    const x = this.#constantOf[a.id];
    const y = this.#constantOf[b.id];
    if (x === undefined && y === undefined) return null;
    if (typeof x === 'number' && typeof y === 'number') {
      switch (fn) {
        case 'add':
          return this.index(x + y);
        case 'mul':
          return this.index(x * y);
        case 'sub':
          return x >= y ? this.index(x - y) : null;
        case 'min':
          return this.index(Math.min(x, y));
        case 'max':
          return this.index(Math.max(x, y));
        case 'div':
          return this.index(Math.floor(x / y));
        case 'rem':
          return this.index(x % y);
        default:
          return null;
      }
    }
    if (fn === 'add' && x === 0) return b;
    if ((fn === 'add' || fn === 'sub') && y === 0) return a;
    if (fn === 'mul' && (x === 0 || y === 0)) return this.index(0);
    if ((fn === 'mul' || fn === 'div') && y === 1) return a;
    if (fn === 'mul' && x === 1) return b;
    return null;
  }
}

function show(v: Value): string {
  return v.type.lanes > 1 ? `${v.type.kind}x${v.type.lanes}` : v.type.kind;
}
