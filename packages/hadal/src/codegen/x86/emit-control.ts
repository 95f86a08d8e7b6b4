/** Loops, branches and the flags they test. */
import type { Instr, Value } from '../../kernel/l3.js';
import { isFloatKind } from '../../kernel/l3.js';
import type { Condition } from './assembler.js';
import type { Emitter } from './emitter.js';
import { frame } from './emitter.js';
import { scalarForms } from './float-forms.js';
import type { Move } from './moves.js';
import { sequence } from './moves.js';
import type { Node } from './node.js';
import { makeNode } from './node.js';
import { gprs } from './operands.js';

type Loop = Extract<Instr, { op: 'loop' }>;
type Compare = Extract<Instr, { op: 'compare' }>;

export const inverse: { readonly [C in Condition]: Condition } = {
  o: 'o',
  b: 'ae',
  ae: 'b',
  e: 'ne',
  ne: 'e',
  be: 'a',
  a: 'be',
  s: 'ns',
  ns: 's',
  p: 'np',
  np: 'p',
  l: 'ge',
  ge: 'l',
  le: 'g',
  g: 'le',
};

const integerConditions = { eq: 'e', ne: 'ne', lt: 'l', le: 'le' } as const;

/** Sets the flags for an integer comparison, or `lt` and `le` on floats, and says which condition is the result. */
export function compareFlags(e: Emitter, instr: Compare): Condition {
  const { kind } = instr.a.type;
  if (isFloatKind(kind)) {
    const b = e.vec(instr.b);
    e.asm.op(scalarForms[kind].flags, b, e.vecOperand(instr.a));
    return instr.fn === 'lt' ? 'a' : 'ae';
  }
  const a = e.node(instr.a);
  const size = e.sizeOf(a);
  const right = e.gprOperand(e.node(instr.b));
  e.asm.alu('cmp', size, e.gprOf(a), right);
  return integerConditions[instr.fn];
}

/** Sets the flags for a scalar mask. */
export function testMask(e: Emitter, n: Node): Condition {
  if (n.virtual === 'flags' && n.def?.op === 'compare') return compareFlags(e, n.def);
  const r = e.gprOf(n);
  e.asm.test(32, r, r);
  return 'ne';
}

/** Where a value lies, for ordering moves; null for what is computed anew. */
function placeOf(n: Node): number | null {
  if (n.reg >= 0) return (n.cls === 'gpr' ? 0 : n.cls === 'vec' ? 64 : 128) + n.reg;
  return n.spilled ? 1024 + n.slot : null;
}

/** All at once, the classes together: a stack slot may pass from a value of one class to one of another. */
function moveAll(e: Emitter, moves: readonly Move<Node>[]): void {
  if (moves.length === 0) return;
  if (moves.length === 1) {
    const { to, from } = moves[0];
    if (placeOf(to) !== placeOf(from)) e.move(to, from);
    return;
  }
  const ordered = sequence(moves, placeOf, saved);
  for (let i = 0; i < ordered.length; i++) {
    const { to, from } = ordered[i];
    // What was saved has the type of where it goes.
    if (from === saved) e.move(to, savedAs(to));
    else if (to === saved) e.move(savedAs(from), from);
    else e.move(to, from);
  }
}

/** Moves into values that have a place. */
function movesTo(e: Emitter, to: readonly Value[], from: readonly Value[]): readonly Move<Node>[] {
  const moves: Move<Node>[] = [];
  for (let i = 0; i < to.length; i++) {
    const n = e.node(to[i]);
    if (hasPlace(n)) moves.push({ to: n, from: e.node(from[i]) });
  }
  return moves;
}

function hasPlace(n: Node): boolean {
  return n.reg >= 0 || n.spilled;
}

const saved: Node = {
  ...makeNode('saved', -1, 'i64', 1, 'gpr', null),
  spilled: true,
  slot: frame.saved - frame.spills,
};

function savedAs(n: Node): Node {
  return { ...saved, kind: n.kind, lanes: n.lanes, cls: n.cls };
}

/** Constants are written straight into what a loop carries; analysis does not count on their registers here. */
function initial(n: Node): Node {
  return n.reg >= 0 && n.recompute !== null && n.recompute.from !== 'argument' ? { ...n, reg: -1 } : n;
}

function isInnermost({ body }: Loop): boolean {
  for (let i = 0; i < body.length; i++) if (body[i].op === 'loop') return false;
  return true;
}

export function emitLoop(e: Emitter, instr: Loop, body: (instrs: readonly Instr[]) => void): void {
  const { asm } = e;
  const index = e.node(instr.index);
  const start = e.node(instr.start);
  const end = e.node(instr.end);
  const { params } = instr;
  const entering: Move<Node>[] = hasPlace(index) ? [{ to: index, from: start }] : [];
  for (let i = 0; i < params.length; i++) {
    const to = e.node(params[i]);
    if (hasPlace(to)) entering.push({ to, from: initial(e.node(instr.inits[i])) });
  }
  moveAll(e, entering);

  const exit = asm.label();
  const top = asm.label();
  const known =
    start.recompute?.from === 'integer' && end.recompute?.from === 'integer'
      ? [Number(start.recompute.value), Number(end.recompute.value)]
      : null;
  if (known === null || known[0] >= known[1]) {
    compareEnd(e, index, end);
    asm.jcc('ge', exit);
  }
  if (isInnermost(instr)) asm.align(32);
  asm.bind(top);
  body(instr.body);
  moveAll(e, movesTo(e, params, instr.yields));
  if (index.reg >= 0) asm.alu('add', 64, gprs[index.reg], instr.step);
  else asm.alu('add', 64, e.slotOf(index), instr.step);
  compareEnd(e, index, end);
  asm.jcc('l', top);
  asm.bind(exit);
  moveAll(e, movesTo(e, instr.results, params));
}

function compareEnd(e: Emitter, index: Node, end: Node): void {
  const right = e.gprOperand(end);
  e.asm.alu('cmp', 64, e.gprOf(index), right);
  e.end();
}

export function emitIf(
  e: Emitter,
  instr: Extract<Instr, { op: 'if' }>,
  body: (instrs: readonly Instr[]) => void,
): void {
  const skip = e.asm.label();
  const condition = testMask(e, e.node(instr.cond));
  e.end();
  e.asm.jcc(inverse[condition], skip);
  body(instr.body);
  e.asm.bind(skip);
}
