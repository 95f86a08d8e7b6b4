/**
 * Numbers the instructions that are emitted and gives each value its live interval. Instruction p has positions 4p (recomputed
 * values are put into registers), 4p + 1 (operands are read), 4p + 2 (results are written). A value used in a loop but defined
 * outside lives to the loop's end.
 */
import { InternalError, known } from '../../base/errors.js';
import type { Instr, Value, Zip } from '../../kernel/l3.js';
import { operandsOf } from '../../kernel/l3.js';
import type { Node } from './node.js';
import { nameOf } from './node.js';

type Loop = Extract<Instr, { op: 'loop' }>;

/** What the walk over the uses found out. */
export interface Values {
  node(v: Value): Node;
  readonly buffers: readonly Node[];
  zipOrder(half: Zip): Node;
  readonly wide: boolean;
}

export interface Intervals {
  readonly intervals: readonly Node[];
  readonly materialise: ReadonlyMap<number, readonly Node[]>;
}

/** An index as an address uses it: a register and a constant, or a constant alone. */
export interface IndexForm {
  readonly base: Node | null;
  readonly offset: number;
}

interface OpenLoop {
  readonly start: number;
  /** Values from before the loop, of which this is the outermost such loop. */
  readonly through: Node[];
}

/** The blocked gemm has uses seven loops deep. */
const MAX_WEIGHT = 10 ** 12;
/** Rounds of a loop, about. One that carries many vectors is there to keep them in registers: it runs long. */
const ROUNDS = 10;
const LONG_ROUNDS = 100;
const MANY_VECTORS = 8;
/** A use in a branch that is rarely taken counts less: packing has more loops around it than the tile that reads what is packed. */
const RARE_WEIGHT = 0.001;

/** Brings `base` and `offset` of an index to what is in a register, or to a constant alone. */
export function resolved(n: Node): IndexForm {
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

function roundsOf({ params }: Loop): number {
  let vectors = 0;
  for (let i = 0; i < params.length; i++) if (params[i].type.lanes > 1) vectors++;
  return vectors < MANY_VECTORS ? ROUNDS : LONG_ROUNDS;
}

export function findIntervals(body: readonly Instr[], { node, buffers, zipOrder, wide }: Values): Intervals {
  let position = 0;
  let top = 0;
  const loops: OpenLoop[] = [];
  const intervals: Node[] = [];
  const materialise = new Map<number, Node[]>();
  /** A use counts for each round of the loops around it. */
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

  function number(instrs: readonly Instr[]): void {
    for (let i = 0; i < instrs.length; i++) {
      const instr = instrs[i];
      switch (instr.op) {
        case 'loop':
          advance();
          numberLoop(instr);
          break;
        case 'if': {
          advance();
          touch(node(instr.cond), 4 * position + 1);
          ifs++;
          const outerWeight = weightHere;
          if (instr.isRare) weightHere *= RARE_WEIGHT;
          number(instr.body);
          weightHere = outerWeight;
          ifs--;
          break;
        }
        case 'prefetch':
          advance();
          touchAddress(instr.buffer, instr.index, 4 * position + 1);
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
      case 'dot':
        // Read while the result's register holds c already.
        touch(node(instr.a), at + 1);
        touch(node(instr.b), at + 1);
        touch(node(instr.c), at);
        n.hint = node(instr.c);
        break;
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
    const outerWeight = weightHere;
    const loop: OpenLoop = { start: at + 1, through: [] };
    loops.push(loop);
    innermost = loop.start;
    if (weightHere < MAX_WEIGHT) weightHere *= roundsOf(instr);
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
    weightHere = outerWeight;
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

  number(body);
  // What can be read again from memory, or for nothing, needs a register less.
  for (let i = 0; i < intervals.length; i++) {
    const n = intervals[i];
    if (n.recompute !== null) n.weight *= n.recompute.from === 'argument' ? 0.3 : 0.01;
  }
  return { intervals, materialise };
}
