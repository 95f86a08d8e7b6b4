/**
 * Looks through an L3 function before code is emitted, in two walks.
 *
 * Backwards: counts uses, finds what is dead, and decides what stays virtual (see `node.ts`). Memory operands: a load is
 * emitted at its use when that is its only one and no store, loop or branch lies between; a broadcast scalar load may be
 * embedded in two uses on AVX-512. Each instruction takes one memory operand.
 *
 * Forwards: numbers the instructions that are emitted and gives each value its live interval. Instruction p has positions
 * 4p (recomputed values are put into registers), 4p + 1 (operands are read), 4p + 2 (results are written). A value used in a
 * loop but defined outside lives to the loop's end.
 */
import { InternalError, known } from '../../base/errors.js';
import type { Half, Instr, L3Function, MemType, Value } from '../../kernel/l3.js';
import { isFloatKind, operandsOf } from '../../kernel/l3.js';
import type { X86Features } from './features.js';
import type { Node, RegisterClass } from './node.js';
import { makeNode, nameOf } from './node.js';

type Loop = Extract<Instr, { op: 'loop' }>;
type Load = Extract<Instr, { op: 'load' }>;

/** An index as an address uses it: a register and a constant, or a constant alone. */
export interface IndexForm {
  readonly base: Node | null;
  readonly offset: number;
}

export interface Analysis {
  readonly fn: L3Function;
  readonly nodes: readonly (Node | undefined)[];
  readonly buffers: readonly Node[];
  /** Everything that wants a register. */
  readonly intervals: readonly Node[];
  /** Values to be put into registers before the instruction with this number. */
  readonly materialise: ReadonlyMap<number, readonly Node[]>;
  indexForm(v: Value): IndexForm;
  node(v: Value): Node;
  /** For each lane of a `zip`, which lane it is of both operands one after the other. Used with AVX-512. */
  zipOrder(half: Half): Node;
}

const float = new Float32Array(1);
const floatBits = new Int32Array(float.buffer);

export function f32Bits(x: number): number {
  float[0] = x;
  return floatBits[0];
}

/** Memory that holds values as registers do, so that a load can be another instruction's operand. */
const plainMemory: ReadonlySet<MemType> = new Set(['f32', 'f64', 'i32', 'i64']);

/** Uses that one embedded broadcast load may have: the second costs a load, but saves an instruction and a register. */
const embeddedUses = 2;

export function analyse(fn: L3Function, features: X86Features): Analysis {
  const wide = features.level === 'avx512';
  const nodes: (Node | undefined)[] = [];
  const buffers = fn.buffers.map((_, slot) => {
    const b = makeNode(`b${slot}`, -1, 'index', 1, 'gpr', null);
    b.recompute = { from: 'argument', slot };
    return b;
  });

  function order(half: Half): Node {
    const first = half === 'low' ? 0 : fn.lanes / 2;
    const name = `zip ${half}`;
    const n = makeNode(name, -1, 'i32', fn.lanes, 'vec', null);
    const lanes = Array.from({ length: fn.lanes }, (_, i) => first + (i >> 1) + (i % 2) * fn.lanes);
    n.recompute = { from: 'lanes', name, lanes };
    return n;
  }
  let low: Node | null = null;
  let high: Node | null = null;
  function zipOrder(half: Half): Node {
    if (half === 'low') {
      low ??= order(half);
      return low;
    }
    high ??= order(half);
    return high;
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
      } else if (a.from === 'integer') {
        n.recompute = { from: 'bits', bits: Number(a.value) | 0 };
      } else {
        n.recompute = a;
      }
    }
  }

  // --- backwards: uses and what stays virtual --------------------------------------------------------------------------

  let epoch = 0;
  const memoryOperand = new Set<Instr>();
  /** Broadcasts that are memory operands provided that the load they spread is one. */
  const embeddedIn = new Map<Node, Node[]>();

  function use(v: Value): void {
    node(v).uses++;
  }
  function useAddress(v: Value): void {
    node(v).addressUses++;
  }
  /** A use that can read from memory instead of a register. */
  function useMemory(v: Value, consumer: Instr): void {
    const n = node(v);
    n.uses++;
    if (n.memoryUses > 0 && n.useEpoch !== epoch) n.consumersFree = false;
    n.memoryUses++;
    n.useEpoch = epoch;
    if (n.memoryUses <= embeddedUses) {
      if (n.consumers) {
        if (n.consumers[n.consumers.length - 1] === consumer) n.consumersFree = false;
        n.consumers.push(consumer);
      } else {
        n.consumers = [consumer];
      }
    }
  }

  function foldable(n: Node, limit: number): boolean {
    if (n.consumers === null || n.uses > limit || n.uses !== n.memoryUses) return false;
    if (n.addressUses !== 0 || !n.consumersFree || n.useEpoch !== epoch) return false;
    for (let i = 0; i < n.consumers.length; i++) if (memoryOperand.has(n.consumers[i])) return false;
    return true;
  }
  function fold(n: Node): void {
    n.virtual = 'memory';
    for (const c of n.consumers ?? []) memoryOperand.add(c);
  }

  function countLoad(instr: Load, n: Node): void {
    if (instr.mask === null && plainMemory.has(instr.mem) && foldable(n, 1)) {
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
    for (const c of n.consumers ?? []) memoryOperand.delete(c);
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

  function countOperands(instr: Instr): void {
    switch (instr.op) {
      case 'binary': {
        const { a, b, fn: op } = instr;
        const integer = isInteger(a);
        if (
          a.type.kind === 'mask' ||
          op === 'div' ||
          op === 'rem' ||
          (integer && (op === 'min' || op === 'max'))
        ) {
          const floatDiv = op === 'div' && isFloatKind(a.type.kind);
          use(a);
          if (floatDiv) useMemory(b, instr);
          else use(b);
          return;
        }
        const commutes = op !== 'sub' && !(isFloatKind(a.type.kind) && (op === 'min' || op === 'max'));
        // Of two that could, the second is the more usual memory operand: count it last so that it is seen first.
        if (commutes) useMemory(a, instr);
        else use(a);
        useMemory(b, instr);
        return;
      }
      case 'fma':
        useMemory(instr.a, instr);
        useMemory(instr.b, instr);
        useMemory(instr.c, instr);
        return;
      case 'compare':
        if (isInteger(instr.a)) {
          use(instr.a);
          use(instr.b);
        } else if (instr.a.type.lanes === 1 && (instr.fn === 'lt' || instr.fn === 'le')) {
          // vucomiss compares b with a, so that unordered operands come out as not below.
          useMemory(instr.a, instr);
          use(instr.b);
        } else {
          use(instr.a);
          useMemory(instr.b, instr);
        }
        return;
      case 'select': {
        if (instr.mask.type.lanes === 1) {
          useFlags(instr.mask, instr);
          use(instr.a);
        } else {
          use(instr.mask);
          if (instr.a.type.kind === 'mask') use(instr.a);
          else useMemory(instr.a, instr);
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
        if (direct && !isInteger(instr.a)) useMemory(instr.a, instr);
        else use(instr.a);
        return;
      }
      case 'convert':
        if (instr.a.type.lanes > 1 && instr.a.type.kind !== 'mask') useMemory(instr.a, instr);
        else use(instr.a);
        return;
      case 'zip':
        use(instr.a);
        useMemory(instr.b, instr);
        return;
      case 'broadcast':
        if (instr.a.type.kind === 'mask') use(instr.a);
        else useMemory(instr.a, instr);
        return;
      default:
        for (const v of operandsOf(instr)) use(v);
    }
  }

  function isInteger(v: Value): boolean {
    return v.type.lanes === 1 && !isFloatKind(v.type.kind);
  }

  function useFlags(v: Value, consumer: Instr): void {
    const n = node(v);
    n.uses++;
    n.useEpoch = epoch;
    n.consumers = [consumer];
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
          useFlags(instr.cond, instr);
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
      instr.a.type.lanes === 1 &&
      n.uses === 1 &&
      n.consumers !== null &&
      n.useEpoch === epoch
    ) {
      const consumer = n.consumers[0];
      const direct = !isFloatKind(instr.a.type.kind) || instr.fn === 'lt' || instr.fn === 'le';
      if (
        direct &&
        (consumer.op === 'if' || (consumer.op === 'select' && !isFloatKind(consumer.a.type.kind)))
      )
        n.virtual = 'flags';
    }
    if (wide && n.lanes > 1 && instr.op === 'broadcast' && instr.a.type.kind !== 'mask') {
      const a = node(instr.a);
      if (a.def?.op === 'load' && (a.def.mem === 'f32' || a.def.mem === 'i32') && foldable(n, embeddedUses)) {
        fold(n);
        const others = embeddedIn.get(a);
        if (others) others.push(n);
        else embeddedIn.set(a, [n]);
      }
    }
    countOperands(instr);
  }

  // --- forwards: positions and intervals -------------------------------------------------------------------------------

  interface OpenLoop {
    readonly start: number;
    /** Values from before the loop, of which this is the outermost such loop. */
    readonly through: Node[];
  }
  let position = 0;
  let top = 0;
  const loops: OpenLoop[] = [];
  const intervals: Node[] = [];
  const materialise = new Map<number, Node[]>();
  /** A use counts ten times for each loop around it; the blocked gemm has uses seven loops deep. */
  const weights = Array.from({ length: 13 }, (_, depth) => 10 ** depth);
  let weightHere = 1;
  /** Where the innermost loop starts: what starts later is no concern of any loop. */
  let innermost = -1;

  function open(n: Node, at: number): void {
    n.start = at;
    n.end = at;
    intervals.push(n);
  }

  function touch(n: Node, at: number): void {
    if (n.virtual !== 'no') {
      touchParts(n, at);
      return;
    }
    const r = n.recompute;
    if (r !== null) {
      if (r.from === 'integer') return;
      if (n.firstTop < 0) n.firstTop = top;
      if (n.start < 0) {
        // Outside of loops a constant is as well read from the pool.
        if (r.from !== 'argument' && loops.length === 0) return;
        open(n, 4 * n.firstTop);
        const list = materialise.get(n.firstTop);
        if (list) list.push(n);
        else materialise.set(n.firstTop, [n]);
      }
    }
    const { start } = n;
    if (start < 0) throw new InternalError(`x86: ${nameOf(n)} is read before it is written`);
    n.weight += weightHere;
    if (n.end < at) n.end = at;
    if (start >= innermost) return;
    for (let i = 0; i < loops.length; i++) {
      const loop = loops[i];
      if (start >= loop.start) continue;
      if (n.through !== loop) {
        n.through = loop;
        loop.through.push(n);
      }
      return;
    }
  }

  function touchParts(n: Node, at: number): void {
    if (n.virtual === 'address') {
      const { base } = resolved(n);
      if (base !== null) touch(base, at);
      return;
    }
    const { def } = n;
    if (def === null) throw new InternalError(`x86: ${nameOf(n)} has no instruction`);
    if (def.op === 'load') touchAddress(def.buffer, def.index, at);
    else for (const v of operandsOf(def)) touch(node(v), at);
  }

  function touchAddress(buffer: number, index: Value, at: number): void {
    touch(buffers[buffer], at);
    const { base } = resolved(node(index));
    if (base !== null) touch(base, at);
  }

  /** Brings `base` and `offset` of an index to what is in a register, or to a constant alone. */
  function resolved(n: Node): IndexForm {
    if (n.resolved) return n;
    n.resolved = true;
    if (n.virtual === 'address') {
      const under = resolved(known(n.base, 'the base of an address'));
      n.base = under.base;
      n.offset += under.offset;
    } else {
      const r = n.recompute;
      const constant = r !== null && r.from === 'integer' ? r.value : null;
      n.base = typeof constant === 'number' ? null : n;
      n.offset = typeof constant === 'number' ? constant : 0;
    }
    return n;
  }
  function indexForm(v: Value): IndexForm {
    return resolved(node(v));
  }

  function number(instrs: readonly Instr[]): void {
    for (let i = 0; i < instrs.length; i++) {
      const instr = instrs[i];
      switch (instr.op) {
        case 'loop':
          advance();
          numberLoop(instr);
          break;
        case 'if':
          advance();
          touch(node(instr.cond), 4 * position + 1);
          ifs++;
          number(instr.body);
          ifs--;
          break;
        case 'store': {
          advance();
          const at = 4 * position + 1;
          touchAddress(instr.buffer, instr.index, at);
          touch(node(instr.value), at);
          if (instr.mask) touch(node(instr.mask), at);
          break;
        }
        default: {
          const n = node(instr.result);
          if (n.dead || n.recompute !== null || n.virtual !== 'no') break;
          advance();
          numberDefinition(instr, n, 4 * position + 1);
        }
      }
    }
  }

  function advance(): void {
    position++;
    if (loops.length === 0 && ifs === 0) top = position;
  }

  function numberDefinition(
    instr: Exclude<Instr, { op: 'loop' | 'if' | 'store' }>,
    n: Node,
    at: number,
  ): void {
    switch (instr.op) {
      case 'load':
        touchAddress(instr.buffer, instr.index, at);
        if (instr.mask) touch(node(instr.mask), at);
        open(n, at + 1);
        return;
      case 'binary': {
        const a = node(instr.a);
        touch(a, at);
        touch(node(instr.b), at);
        if (a.cls === n.cls) n.hint = a;
        break;
      }
      case 'fma': {
        const c = node(instr.c);
        touch(node(instr.a), at);
        touch(node(instr.b), at);
        touch(c, at);
        n.hint = c;
        break;
      }
      case 'zip':
        touch(node(instr.a), at);
        touch(node(instr.b), at);
        // Needed while the result is written already: its register must not be the result's.
        if (wide) touch(zipOrder(instr.half), at + 1);
        n.hint = node(instr.a);
        break;
      default:
        for (const v of operandsOf(instr)) touch(node(v), at);
        if (instr.op === 'unary' || instr.op === 'bitcast' || instr.op === 'convert') {
          const a = node(instr.a);
          if (a.cls === n.cls) n.hint = a;
        }
    }
    open(n, at + 1);
    n.weight += weightHere;
  }
  let ifs = 0;

  function numberLoop(instr: Loop): void {
    const at = 4 * position + 1;
    const end = node(instr.end);
    touch(node(instr.start), at);
    touch(end, at);
    for (const v of instr.inits) {
      const init = node(v);
      // A constant is written straight into the parameter.
      if (init.recompute === null || init.recompute.from === 'argument') touch(init, at);
    }
    const outer = innermost;
    const loop: OpenLoop = { start: at + 1, through: [] };
    loops.push(loop);
    innermost = loop.start;
    weightHere = weights[Math.min(loops.length, 12)];
    const index = node(instr.index);
    open(index, loop.start);
    index.weight += 2 * weightHere;
    const params = instr.params.map(node);
    for (let i = 0; i < params.length; i++) {
      const p = params[i];
      open(p, loop.start);
      const init = node(instr.inits[i]);
      if (init.recompute === null && init.virtual === 'no') p.hint = init;
    }
    number(instr.body);
    position++;
    const last = 4 * position + 1;
    for (let i = 0; i < params.length; i++) {
      const y = node(instr.yields[i]);
      touch(y, last);
      if (y.start > loop.start && y.target === null) {
        y.target = params[i];
        params[i].carriedUntil = last;
      }
    }
    // The end is read at the bottom of every round.
    touch(end, last);
    touch(index, last);
    loops.pop();
    innermost = outer;
    weightHere = weights[Math.min(loops.length, 12)];
    for (const n of loop.through) {
      if (n.end < last) n.end = last;
    }
    for (let i = 0; i < params.length; i++) {
      const r = node(instr.results[i]);
      open(r, last + 1);
      r.hint = params[i];
    }
    if (loops.length === 0 && ifs === 0) top = position;
  }

  declare(fn.body);
  count(fn.body);
  number(fn.body);
  return { fn, nodes, buffers, intervals, materialise, indexForm, node, zipOrder };
}
