/**
 * Looks through an L3 function before code is emitted, in two walks: this one backwards, that of `intervals.ts` forwards.
 *
 * Backwards: counts uses, finds what is dead, and decides what stays virtual (see `node.ts`). Memory operands: a load is
 * emitted at its use when that is its only one and no store, loop or branch lies between, on AVX-512 with the broadcast that
 * spreads it. Each instruction takes one memory operand. Embedding a load in each of two uses would save an instruction and a register, but
 * processors that multiply 512 bits twice a cycle (Intel's) then wait for loads: products ran at three quarters.
 */
import { InternalError, known } from '../../base/errors.js';
import type { Instr, L3Function, MemType, Value, Zip } from '../../kernel/l3.js';
import { isFloatKind, isShift, operandsOf } from '../../kernel/l3.js';
import type { X86Features } from './features.js';
import { findIntervals } from './intervals.js';
import type { Node, RegisterClass } from './node.js';
import { makeNode } from './node.js';

type Load = Extract<Instr, { op: 'load' }>;

export interface Analysis {
  readonly fn: L3Function;
  readonly nodes: readonly (Node | undefined)[];
  readonly buffers: readonly Node[];
  /** Everything that wants a register. */
  readonly intervals: readonly Node[];
  /** Values to be put into registers before the instruction with this number. */
  readonly materialise: ReadonlyMap<number, readonly Node[]>;
  node(v: Value): Node;
  /** For each lane of a `zip`, which lane it is of both operands one after the other. Used with AVX-512. */
  zipOrder(half: Zip): Node;
}

const float = new Float32Array(1);
const floatBits = new Int32Array(float.buffer);

export function f32Bits(x: number): number {
  float[0] = x;
  return floatBits[0];
}

/** Memory that holds values as registers do, so that a load can be another instruction's operand. */
const plainMemory: ReadonlySet<MemType> = new Set(['f32', 'f64', 'i32', 'i64']);

export function analyse(fn: L3Function, features: X86Features): Analysis {
  const wide = features.level === 'avx512';
  const nodes: (Node | undefined)[] = [];
  const buffers = fn.buffers.map((_, slot) => {
    const b = makeNode(`b${slot}`, -1, 'index', 1, 'gpr', null);
    b.recompute = { from: 'argument', slot };
    return b;
  });

  function order(half: Zip): Node {
    const first = { low: 0, high: fn.lanes / 2, even: 0, odd: 1 }[half];
    const isApart = half === 'even' || half === 'odd';
    const name = `zip ${half}`;
    const n = makeNode(name, -1, 'i32', fn.lanes, 'vec', null);
    const lanes = Array.from({ length: fn.lanes }, (_, i) =>
      isApart ? first + 2 * i : first + (i >> 1) + (i % 2) * fn.lanes,
    );
    n.recompute = { from: 'lanes', name, lanes };
    return n;
  }
  const orders: { [Z in Zip]?: Node } = {};
  function zipOrder(half: Zip): Node {
    const made = orders[half] ?? order(half);
    orders[half] = made;
    return made;
  }

  function define(v: Value, def: Instr | null): Node {
    const { id, type } = v;
    const have = nodes[id];
    if (have !== undefined) return have;
    const { kind, lanes } = type;
    let cls: RegisterClass;
    if (lanes > 1) cls = kind === 'mask' && wide ? 'mask' : 'vec';
    else cls = kind === 'f32' || kind === 'f64' ? 'vec' : 'gpr';
    const n = makeNode(null, id, kind, lanes, cls, def);
    nodes[id] = n;
    return n;
  }
  function node(v: Value): Node {
    const n = nodes[v.id];
    if (n === undefined) throw new InternalError(`x86: %${v.id} has no definition`);
    return n;
  }

  // --- definitions -----------------------------------------------------------------------------------------------------

  function declare(instrs: readonly Instr[]): void {
    for (let i = 0; i < instrs.length; i++) {
      const instr = instrs[i];
      switch (instr.op) {
        case 'store':
        case 'prefetch':
          break;
        case 'const':
        case 'size':
        case 'scalar':
        case 'broadcast':
          recomputable(instr, define(instr.result, instr));
          break;
        case 'loop':
          define(instr.index, null);
          for (const p of instr.params) define(p, null);
          declare(instr.body);
          for (const r of instr.results) define(r, instr);
          break;
        case 'if':
          declare(instr.body);
          break;
        default:
          define(instr.result, instr);
      }
    }
  }

  function recomputable(instr: Instr, n: Node): void {
    if (instr.op === 'const') {
      if (n.kind === 'f32') n.recompute = { from: 'bits', bits: f32Bits(Number(instr.value)) };
      else if (n.kind === 'f64') n.recompute = { from: 'double', value: Number(instr.value) };
      else n.recompute = { from: 'integer', value: instr.value };
    } else if (instr.op === 'size') {
      n.recompute = { from: 'argument', slot: fn.buffers.length + instr.slot };
    } else if (instr.op === 'scalar') {
      n.recompute = { from: 'argument', slot: fn.buffers.length + fn.sizes + instr.slot };
    } else if (instr.op === 'broadcast') {
      const a = node(instr.a).recompute;
      if (!a) return;
      if (n.lanes === 1) {
        n.recompute = a;
      } else if (n.kind === 'mask') {
        if (a.from === 'integer') n.recompute = { from: 'mask', on: Number(a.value) !== 0 };
      } else if (a.from === 'integer' && n.kind === 'i64') {
        n.recompute = { from: 'long', value: BigInt(a.value) };
      } else if (a.from === 'integer') {
        n.recompute = { from: 'bits', bits: Number(a.value) | 0 };
      } else {
        n.recompute = a;
      }
    }
  }

  // --- backwards: uses and what stays virtual --------------------------------------------------------------------------

  let epoch = 0;
  /** Broadcasts that are memory operands provided that the load they spread is one. */
  const embeddedIn = new Map<Node, Node[]>();

  function use(v: Value): void {
    node(v).uses++;
  }
  function useAddress(v: Value): void {
    node(v).addressUses++;
  }
  /** A use that can read from memory instead of a register. */
  function useMemory(v: Value, consumer: Node): void {
    const n = node(v);
    n.uses++;
    n.memoryUses++;
    n.useEpoch = epoch;
    n.consumer ??= consumer;
  }

  /** Whether its only use is one that can read from memory, with nothing between. */
  function foldable(n: Node): boolean {
    const isOnly = n.uses === 1 && n.memoryUses === 1 && n.addressUses === 0;
    return isOnly && n.useEpoch === epoch && n.consumer?.takesMemory === false;
  }
  function fold(n: Node): void {
    n.virtual = 'memory';
    if (n.consumer !== null) n.consumer.takesMemory = true;
  }

  function countLoad(instr: Load, n: Node): void {
    if (instr.mask === null && plainMemory.has(instr.mem) && foldable(n)) {
      fold(n);
    } else {
      const spreads = embeddedIn.get(n);
      if (spreads !== undefined) for (const spread of spreads) unfold(spread);
    }
    useAddress(instr.index);
    if (instr.mask) use(instr.mask);
  }
  function unfold(n: Node): void {
    n.virtual = 'no';
    if (n.consumer !== null) n.consumer.takesMemory = false;
  }

  function constantIndex(v: Value): number | null {
    const r = node(v).recompute;
    return r !== null && r.from === 'integer' && typeof r.value === 'number' ? r.value : null;
  }

  /** Notes base and constant of an addition or subtraction on indices, if it is one with a constant. */
  function isDisplaced(instr: Instr, n: Node): boolean {
    if (instr.op !== 'binary' || n.kind !== 'index') return false;
    const { fn: op } = instr;
    if (op !== 'add' && op !== 'sub') return false;
    const b = constantIndex(instr.b);
    if (b !== null && Math.abs(b) < 1 << 26) {
      n.base = node(instr.a);
      n.offset = op === 'add' ? b : -b;
      return true;
    }
    if (op === 'sub') return false;
    const a = constantIndex(instr.a);
    if (a === null || Math.abs(a) >= 1 << 26) return false;
    n.base = node(instr.b);
    n.offset = a;
    return true;
  }

  function countOperands(instr: Exclude<Instr, { op: 'loop' | 'if' | 'store' }>, n: Node): void {
    switch (instr.op) {
      case 'binary': {
        const { a, b, fn: op } = instr;
        const integer = isInteger(a);
        if (
          a.type.kind === 'mask' ||
          op === 'div' ||
          op === 'rem' ||
          (integer && (op === 'min' || op === 'max' || isShift(op)))
        ) {
          const floatDiv = op === 'div' && isFloatKind(a.type.kind);
          use(a);
          if (floatDiv) useMemory(b, n);
          else use(b);
          return;
        }
        const commutes =
          op !== 'sub' &&
          op !== 'scale' &&
          !isShift(op) &&
          !(isFloatKind(a.type.kind) && (op === 'min' || op === 'max'));
        // Of two that could, the second is the more usual memory operand: count it last so that it is seen first.
        if (commutes) useMemory(a, n);
        else use(a);
        useMemory(b, n);
        return;
      }
      case 'fma':
        useMemory(instr.a, n);
        useMemory(instr.b, n);
        useMemory(instr.c, n);
        return;
      case 'dot':
        use(instr.a);
        useMemory(instr.b, n);
        use(instr.c);
        return;
      case 'compare':
        if (isInteger(instr.a)) {
          use(instr.a);
          use(instr.b);
        } else if (instr.a.type.lanes === 1 && (instr.fn === 'lt' || instr.fn === 'le')) {
          // vucomiss compares b with a, so that unordered operands come out as not below.
          useMemory(instr.a, n);
          use(instr.b);
        } else {
          use(instr.a);
          useMemory(instr.b, n);
        }
        return;
      case 'select': {
        if (instr.mask.type.lanes === 1) {
          useFlags(instr.mask, !isFloatKind(instr.a.type.kind));
          use(instr.a);
        } else {
          use(instr.mask);
          if (instr.a.type.kind === 'mask') use(instr.a);
          else useMemory(instr.a, n);
        }
        use(instr.b);
        return;
      }
      case 'unary': {
        const direct =
          instr.fn === 'sqrt' ||
          instr.fn === 'floor' ||
          instr.fn === 'round' ||
          (instr.fn === 'abs' && instr.a.type.kind === 'i32');
        if (direct && !isInteger(instr.a)) useMemory(instr.a, n);
        else use(instr.a);
        return;
      }
      case 'convert':
        if (instr.a.type.lanes > 1 && instr.a.type.kind !== 'mask') useMemory(instr.a, n);
        else use(instr.a);
        return;
      case 'zip':
        use(instr.a);
        useMemory(instr.b, n);
        return;
      case 'broadcast':
        if (instr.a.type.kind === 'mask') use(instr.a);
        else useMemory(instr.a, n);
        return;
      default:
        for (const v of operandsOf(instr)) use(v);
    }
  }

  function isInteger(v: Value): boolean {
    return v.type.lanes === 1 && !isFloatKind(v.type.kind);
  }

  /** A use of a scalar mask; `direct` where it can be the flags themselves. */
  function useFlags(v: Value, direct: boolean): void {
    const n = node(v);
    n.uses++;
    n.useEpoch = epoch;
    n.flagsUse = direct;
  }

  function count(instrs: readonly Instr[]): void {
    for (let i = instrs.length - 1; i >= 0; i--) {
      const instr = instrs[i];
      switch (instr.op) {
        case 'loop':
          epoch++;
          for (const v of instr.yields) use(v);
          count(instr.body);
          epoch++;
          use(instr.start);
          use(instr.end);
          for (const v of instr.inits) use(v);
          break;
        case 'if':
          epoch++;
          count(instr.body);
          epoch++;
          useFlags(instr.cond, true);
          break;
        case 'prefetch':
          useAddress(instr.index);
          break;
        case 'store':
          epoch++;
          useAddress(instr.index);
          use(instr.value);
          if (instr.mask) use(instr.mask);
          break;
        default:
          countDefinition(instr, node(instr.result));
      }
    }
  }

  function countDefinition(instr: Exclude<Instr, { op: 'loop' | 'if' | 'store' }>, n: Node): void {
    if (n.uses + n.addressUses === 0) {
      n.dead = true;
      return;
    }
    if (n.recompute) return;
    if (instr.op === 'load') {
      countLoad(instr, n);
      return;
    }
    if (n.uses === 0 && isDisplaced(instr, n)) {
      n.virtual = 'address';
      known(n.base, 'the base of an address').addressUses += n.addressUses;
      return;
    }
    if (
      instr.op === 'compare' &&
      n.flagsUse &&
      n.uses === 1 &&
      n.useEpoch === epoch &&
      (!isFloatKind(instr.a.type.kind) || instr.fn === 'lt' || instr.fn === 'le')
    ) {
      n.virtual = 'flags';
    }
    if (wide && n.lanes > 1 && instr.op === 'broadcast' && instr.a.type.kind !== 'mask') {
      const a = node(instr.a);
      if (a.def?.op === 'load' && plainMemory.has(a.def.mem) && foldable(n)) {
        fold(n);
        const others = embeddedIn.get(a);
        if (others) others.push(n);
        else embeddedIn.set(a, [n]);
      }
    }
    countOperands(instr, n);
  }

  declare(fn.body);
  count(fn.body);
  const { intervals, materialise } = findIntervals(fn.body, { node, buffers, zipOrder, wide });
  return { fn, nodes, buffers, intervals, materialise, node, zipOrder };
}
