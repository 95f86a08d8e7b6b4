/**
 * L3: the lowest form that is still free of any instruction set. A function is structured loops over SSA values; a value
 * is a scalar or a vector of `lanes` elements, and every vector of one function has the same number of lanes.
 *
 * Words used here:
 * - **buffer slot**: a pointer argument. `load` and `store` address element `index + offset` of a slot; the element size
 *   is that of `mem`. No alignment is assumed beyond the element's own.
 * - **size slot**: an integer argument (a shape, stride or offset), the same for a whole block of arguments.
 * - **scalar slot**: a number argument of type f32, f64, i32 or i64 (a learning rate, a number operand).
 * - **block**: one set of arguments, laid out as `abi.ts` says. A launch runs the body once for each of its blocks.
 * - **index**: a non-negative integer whose width the engine chooses (64 bits on x86, 32 on wasm). Always scalar.
 * - **mask**: a lane-wise boolean; with one lane it is a plain boolean.
 *
 * The small integers and bool exist in memory only. Loading `i8` and `i16` gives i32 lanes (sign extended), `u8` and `u16` too
 * (zero extended), `bool` a mask, `u32` an i64 (zero extended); stores go the same way back and keep the low bits. `f16` gives f32
 * and is stored as the nearest float16, ties to even; it is only produced for targets with `float16: true`.
 *
 * i64 and f64 values are scalar, but in functions that are `wide`: those have vectors of them, of as many lanes as the target says
 * (`wideLanes`), and vectors of the other kinds have as many. There, i64 are not divided in lanes, and there are no
 * `zip` and no `horizontal` but of masks. Lanes of a load whose mask is off read as zero and touch no memory; masks on memory
 * operations are only produced for targets with `masks: true`.
 */

export type Kind = 'index' | 'i32' | 'i64' | 'f32' | 'f64' | 'mask';

/** Kinds that scalar slots have. */
export type ScalarKind = Exclude<Kind, 'index' | 'mask'>;

/** Whether values of a kind may have more than one lane in functions that are not `wide`. */
export const kindHasVectors: { readonly [K in Kind]: boolean } = {
  index: false,
  i32: true,
  i64: false,
  f32: true,
  f64: false,
  mask: true,
};

export interface ValueType {
  readonly kind: Kind;
  readonly lanes: number;
}

export interface Value {
  readonly id: number;
  readonly type: ValueType;
}

export function isFloatKind(kind: Kind): kind is 'f32' | 'f64' {
  return kind === 'f32' || kind === 'f64';
}

export type MemType = 'f16' | 'f32' | 'f64' | 'i8' | 'i16' | 'i32' | 'i64' | 'u8' | 'u16' | 'u32' | 'bool';

export const memBytes: { readonly [K in MemType]: 1 | 2 | 4 | 8 } = {
  f16: 2,
  f32: 4,
  f64: 8,
  i8: 1,
  i16: 2,
  i32: 4,
  i64: 8,
  u8: 1,
  u16: 2,
  u32: 4,
  bool: 1,
};

/** The kind of value that memory of a type is loaded as. */
export const memKind: { readonly [K in MemType]: Kind } = {
  f16: 'f32',
  f32: 'f32',
  f64: 'f64',
  i8: 'i32',
  i16: 'i32',
  i32: 'i32',
  i64: 'i64',
  u8: 'i32',
  u16: 'i32',
  u32: 'i64',
  bool: 'mask',
};

/**
 * Unary ops keep their operand's type.
 * - `neg`, `abs`: f32, f64, i32, i64 (i32 and i64 wrap). `sqrt`, `floor`, `round` (half to even): f32, f64.
 *   `not`: mask, i32, i64. `half` (the nearest float16, ties to even): f32, only for targets with `float16: true`.
 */
export type UnaryOp = 'neg' | 'abs' | 'sqrt' | 'floor' | 'round' | 'not' | 'half';

/**
 * Binary ops take two operands of one type and give that type. Integers wrap.
 * - `add`, `sub`, `mul`: index, i32, i64, f32, f64.
 * - `div`: f32, f64; on index floor division; on i32 and i64 cut off towards zero as in C.
 * - `rem`: index, i32, i64; what `div` leaves, with the dividend's sign. The divisor of an index `div` or `rem` is never zero.
 *   On i32 and i64 a divisor of 0 gives 0 for both, and the least number by -1 gives itself and leaves 0.
 * - `min`, `max`: index, i32 and i64 (signed), f32, f64. On floats they are exactly `a < b ? a : b` and `a > b ? a : b`, so the
 *   second operand is the result whenever one is NaN (x86's minps and maxps; wasm's pmin and pmax with operands swapped).
 * - `and`, `or`, `xor`: i32, i64, mask.
 * - `shl`, `shr`, `sar`: i32, i64; a shifted left, logically right and arithmetically right by b, lane by lane. An amount that is
 *   negative or not below the number of bits gives an unspecified number.
 * - `scale`: f32; a * 2^b for a whole number b, rounded once (x86's vscalefps). Only for targets with `scales: true`.
 */
export type BinaryOp =
  | 'add'
  | 'sub'
  | 'mul'
  | 'div'
  | 'rem'
  | 'min'
  | 'max'
  | 'and'
  | 'or'
  | 'xor'
  | ShiftOp
  | 'scale';

/** Comparisons give a mask of the operands' lanes. Signed on i32 and i64; ordered on floats except `ne`, which is true for NaN. */
export type CompareOp = 'eq' | 'ne' | 'lt' | 'le';

/** Shifts left, logically right and arithmetically right; `shift` is by a constant, 0..31 of i32 and 0..63 of i64. */
export type ShiftOp = 'shl' | 'shr' | 'sar';

/** By constants only: `rol` turns the bits of an i32 to the left. */
export type ConstantShiftOp = ShiftOp | 'rol';

export function isShift(op: BinaryOp): op is ShiftOp {
  return op === 'shl' || op === 'shr' || op === 'sar';
}

/**
 * Horizontal ops: a vector to a scalar of its kind, as a halving tree (lane l with lane l + lanes/2, then the lower half
 * again), so that the order of additions is part of the language. `add`, `mul`, `min`, `max` on f32 and i32; `and`, `or` on masks.
 */
export type HorizontalOp = 'add' | 'mul' | 'min' | 'max' | 'and' | 'or';

/**
 * Dot products of the parts of 32-bit lanes a and b, which are i32, added to c.
 * - `bytes`: to an i32, a's four bytes without sign times b's four with sign. Wraps.
 * - `bfloat16`: to an f32, the upper halves' product, then the lower halves', each added with one rounding. Numbers below the normal ones
 *   count as zero, as operands and as results.
 */
export type DotOp = 'bytes' | 'bfloat16';

/** Which lanes `zip` takes: those of one half of both operands in turn, or every other one of both, one operand after the other. */
export type Zip = 'low' | 'high' | 'even' | 'odd';

export type Instr =
  /**
   * A constant scalar: a number for index, i32, f32, f64; 0 or 1 for mask; bigint for i64. f32 constants are exact float32
   * values.
   */
  | { readonly op: 'const'; readonly result: Value; readonly value: number | bigint }
  | { readonly op: 'size'; readonly result: Value; readonly slot: number }
  | { readonly op: 'scalar'; readonly result: Value; readonly slot: number }
  | { readonly op: 'unary'; readonly fn: UnaryOp; readonly result: Value; readonly a: Value }
  | {
      readonly op: 'binary';
      readonly fn: BinaryOp;
      readonly result: Value;
      readonly a: Value;
      readonly b: Value;
    }
  /** a * b + c on f32 or f64 with one rounding where the engine has FMA, else two. */
  | { readonly op: 'fma'; readonly result: Value; readonly a: Value; readonly b: Value; readonly c: Value }
  /** Only for targets that have it among their `dots`. */
  | {
      readonly op: 'dot';
      readonly fn: DotOp;
      readonly result: Value;
      readonly a: Value;
      readonly b: Value;
      readonly c: Value;
    }
  | {
      readonly op: 'compare';
      readonly fn: CompareOp;
      readonly result: Value;
      readonly a: Value;
      readonly b: Value;
    }
  /** mask ? a : b, lane by lane. Operands of any kind (index only with a scalar mask). */
  | {
      readonly op: 'select';
      readonly result: Value;
      readonly mask: Value;
      readonly a: Value;
      readonly b: Value;
    }
  | {
      readonly op: 'shift';
      readonly fn: ConstantShiftOp;
      readonly result: Value;
      readonly a: Value;
      readonly amount: number;
    }
  /**
   * Conversion by value between kinds of equal lanes: f32 <-> i32 (to i32 truncates; out of range and NaN are unspecified
   * but do not trap), mask -> i32 or f32 (1 or 0), and on scalars also i32 <-> i64, f32 <-> i64, mask -> i64, f64,
   * f64 <-> f32, i32, i64 (to integers as from f32), index -> i32, i64, f32, f64, and i32, i64 -> index (negative numbers are
   * unspecified but do not trap).
   */
  | { readonly op: 'convert'; readonly result: Value; readonly a: Value }
  /** The same 32 bits as f32 or as i32, or the same 64 bits as f64 or as i64. */
  | { readonly op: 'bitcast'; readonly result: Value; readonly a: Value }
  /** A scalar (f32, i32, mask) in every lane. Any scalar is its own broadcast where the function has one lane. */
  | { readonly op: 'broadcast'; readonly result: Value; readonly a: Value }
  /** i32 lanes base, base + 1, base + 2, ... from an index scalar. */
  | { readonly op: 'ramp'; readonly result: Value; readonly base: Value }
  /** A mask whose lane l is on when l < count (an index). Only for targets with `masks: true`. */
  | { readonly op: 'tail'; readonly result: Value; readonly count: Value }
  | { readonly op: 'horizontal'; readonly fn: HorizontalOp; readonly result: Value; readonly a: Value }
  /**
   * Lanes of two f32 vectors in turn, from one half of them, or apart again. Of L lanes, `low` gives a[0], b[0], a[1], b[1], ...,
   * a[L/2 - 1], b[L/2 - 1], and `high` goes on with a[L/2], b[L/2], ..., a[L - 1], b[L - 1]. The way back: `even` gives a[0], a[2],
   * ..., b[0], b[2], ..., and `odd` a[1], a[3], ..., b[1], b[3], .... Vectors only.
   */
  | {
      readonly op: 'zip';
      readonly half: Zip;
      readonly result: Value;
      readonly a: Value;
      readonly b: Value;
    }
  | {
      readonly op: 'load';
      readonly result: Value;
      readonly buffer: number;
      readonly mem: MemType;
      readonly index: Value;
      /** Added to the index; a constant number of elements, may be negative. */
      readonly offset: number;
      readonly mask: Value | null;
    }
  | {
      readonly op: 'store';
      readonly buffer: number;
      readonly mem: MemType;
      readonly index: Value;
      readonly offset: number;
      readonly value: Value;
      readonly mask: Value | null;
      /** A hint for vectors of four bytes each: what is stored is not read soon. */
      readonly streamed: boolean;
    }
  /** A hint that the element, which need not be there, will soon be loaded or stored to. Only for targets with `prefetches: true`. */
  | {
      readonly op: 'prefetch';
      readonly intent: 'load' | 'store';
      readonly buffer: number;
      readonly mem: MemType;
      readonly index: Value;
      readonly offset: number;
    }
  /**
   * for (index = start; index < end; index += step) with loop-carried values: `params` hold them inside of the body,
   * starting as `inits`; `yields` are their values for the next round; `results` what they are after the last.
   * A loop may run zero times; then results = inits.
   */
  | {
      readonly op: 'loop';
      readonly index: Value;
      readonly start: Value;
      readonly end: Value;
      readonly step: number;
      readonly inits: readonly Value[];
      readonly params: readonly Value[];
      readonly body: readonly Instr[];
      readonly yields: readonly Value[];
      readonly results: readonly Value[];
    }
  /** Runs the body when the scalar mask is on. It yields nothing. */
  | {
      readonly op: 'if';
      readonly cond: Value;
      readonly body: readonly Instr[];
      /** Whether most rounds of the loops around it pass it over: what it reads has a register only if nothing else wants it. */
      readonly isRare?: boolean;
    };

export interface BufferSlot {
  readonly mem: MemType;
  readonly access: 'read' | 'write' | 'readwrite';
}

export interface L3Function {
  readonly name: string;
  /** Lanes of every vector in this function; 1 where it has none. */
  readonly lanes: number;
  /** Whether f64 and i64 have vectors here. */
  readonly wide: boolean;
  readonly buffers: readonly BufferSlot[];
  readonly sizes: number;
  readonly scalars: readonly ScalarKind[];
  readonly body: readonly Instr[];
}

/** The value an instruction defines for what follows it, if it is exactly one. */
export function resultOf(instr: Instr): Value | null {
  return 'result' in instr ? instr.result : null;
}

/** The values an instruction reads, not counting those read inside of its body. */
export function operandsOf(instr: Instr): readonly Value[] {
  switch (instr.op) {
    case 'const':
    case 'size':
    case 'scalar':
      return [];
    case 'unary':
    case 'shift':
    case 'convert':
    case 'bitcast':
    case 'broadcast':
    case 'horizontal':
      return [instr.a];
    case 'binary':
    case 'compare':
    case 'zip':
      return [instr.a, instr.b];
    case 'fma':
    case 'dot':
      return [instr.a, instr.b, instr.c];
    case 'select':
      return [instr.mask, instr.a, instr.b];
    case 'ramp':
      return [instr.base];
    case 'prefetch':
      return [instr.index];
    case 'tail':
      return [instr.count];
    case 'load':
      return instr.mask ? [instr.index, instr.mask] : [instr.index];
    case 'store':
      return instr.mask ? [instr.index, instr.value, instr.mask] : [instr.index, instr.value];
    case 'loop':
      return [instr.start, instr.end, ...instr.inits];
    case 'if':
      return [instr.cond];
  }
}
