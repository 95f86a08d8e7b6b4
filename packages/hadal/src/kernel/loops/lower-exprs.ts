/**
 * Emits the expressions of an L2 kernel into L3, at the outermost loop where they can be computed.
 *
 * The emitter keeps a stack of scopes, one per open loop. `hoist` is called before a loop is opened with what the loop will
 * need; it emits all that does not depend on variables still unbound. What is emitted once in a scope is found again from
 * every scope inside of it.
 *
 * In vector mode one variable stands for `lanes` neighbouring points: an expression that depends on it is a vector, all others
 * stay scalars and are broadcast where they meet vectors.
 */
import type { DType } from '../../base/dtype.js';
import { isHalf } from '../../base/dtype.js';
import { InternalError, known } from '../../base/errors.js';
import type { Dependence } from '../dependence.js';
import { decodeLoaded, dtypeConstant, encodeExact, fitToDType, kinds } from '../elements.js';
import type { Atom, Guard, IndexExpr, Term } from '../index-expr.js';
import { indexHas, indexKey, indexVariables } from '../index-expr.js';
import type { CompiledKernel, Expr, ExprId, Store } from '../l2.js';
import { exprArguments, exprIndices, indexValues } from '../l2.js';
import type { AbstractKernel } from '../l2-sizes.js';
import type { Value } from '../l3.js';
import type { L3Builder } from '../l3-builder.js';
import { lowerThreefry, lowerUniform } from '../random.js';
import { INDEX_CODE, noteZeroDivision } from '../status.js';
import { guardedLanes } from './guarded-lanes.js';
import type { LocatedIndex, LocatedTerm, PartialSum } from './located-index.js';
import { levelsOf, MOST_LEVELS, slotsIn, slotsOf } from './located-index.js';
import { loadPair, type Pair, type Pairs, storePair } from './pairs.js';

export class ExprEmitter {
  readonly #b: L3Builder;
  readonly #kernel: CompiledKernel;
  readonly #sizes: AbstractKernel;
  readonly #deps: readonly Dependence[];
  /** What has been emitted and is in scope, by a number that stands for it: an expression's id, or one that was given out. */
  readonly #memos: (Value | undefined)[] = [];
  #nextMemo: number;
  /** The numbers in use, innermost last; a scope ends by forgetting those that were added in it. */
  readonly #inScope: number[] = [];
  #scopeDepth = 1;
  readonly #variables: (Value | undefined)[] = [];
  readonly #bindOrder: number[] = [];
  readonly #stages = new Map<number, Value>();
  readonly #indices = new Map<IndexExpr, LocatedIndex>();
  /** By the key of an index: equal ones share their sums. */
  readonly #indexSums = new Map<string, PartialSum>();
  /** Indices inside of atoms, by their first slot and how many levels of them there are: one may begin with another's slot. */
  readonly #inner = new Map<number, LocatedIndex>();
  readonly #otherMemos = new Map<string, number>();
  readonly #arguments: readonly Value[];
  readonly #status: number;
  readonly #pairs: Pairs | null;
  readonly #cuts: ReadonlySet<Guard>;
  #dot: Value | null = null;
  /** Values that are read back from a workspace: its slot, and the variable that it is indexed by. */
  readonly #rows = new Map<ExprId, { readonly slot: number; readonly variable: number }>();
  /** The variable that is lanes wide now, or -1. */
  #vector = -1;
  #mask: Value | null = null;

  /**
   * `status` is the buffer slot that index errors are noted in, or -1 where the kernel has none; `pairs` are the loads of the vector
   * variable that go two by two, `cuts` guards that hold wherever it stands for lanes.
   */
  constructor(
    b: L3Builder,
    kernel: CompiledKernel,
    sizes: AbstractKernel,
    deps: readonly Dependence[],
    status: number,
    pairs: Pairs | null = null,
    cuts: ReadonlySet<Guard> = new Set(),
  ) {
    this.#b = b;
    this.#pairs = pairs;
    this.#cuts = cuts;
    this.#kernel = kernel;
    this.#sizes = sizes;
    this.#deps = deps;
    this.#status = status;
    this.#nextMemo = kernel.exprs.length;
    this.#arguments = kernel.arguments.map((dtype) => {
      const kind = kinds[dtype];
      if (kind === 'index') throw new InternalError('arguments are numbers');
      return b.scalar(kind === 'mask' ? 'i32' : kind);
    });
  }

  // --- scopes ------------------------------------------------------------------------------------------------------------

  /** Runs `body` in a scope of its own: a loop body or a conditional. */
  scoped<T>(body: () => T): T {
    const before = this.#inScope.length;
    this.#scopeDepth++;
    const result = body();
    this.#scopeDepth--;
    for (let i = before; i < this.#inScope.length; i++) this.#memos[this.#inScope[i]] = undefined;
    this.#inScope.length = before;
    return result;
  }

  /** Binds a loop variable while `body` runs. In vector mode `value` is the first lane's position. */
  bind<T>(variable: number, value: Value, vector: { readonly mask: Value | null } | null, body: () => T): T {
    const beforeVector = this.#vector;
    const beforeMask = this.#mask;
    this.#variables[variable] = value;
    this.#bindOrder[variable] = this.#scopeDepth + 1;
    if (vector) {
      this.#vector = variable;
      this.#mask = vector.mask;
    }
    const result = this.scoped(body);
    this.#variables[variable] = undefined;
    this.#vector = beforeVector;
    this.#mask = beforeMask;
    return result;
  }

  bindStage(stage: number, value: Value): void {
    this.#stages.set(stage, value);
  }

  unbindStage(stage: number): void {
    this.#stages.delete(stage);
  }

  /** Forgets the stages of another copy of the body (the vector loop's, when its tail is emitted). */
  clearStages(): void {
    this.#stages.clear();
    this.#rows.clear();
  }

  /** Stores a value at its place along a variable. */
  keepInRow(id: ExprId, slot: number, variable: number): void {
    const value = this.emitLanes(id);
    const mask = value.type.lanes > 1 ? this.#mask : null;
    this.#b.store(slot, known(this.#variables[variable], 'a place in a row'), value, { mask });
  }

  /** From now on, to the next `clearStages`, a value is what `keepInRow` stored. */
  readFromRow(id: ExprId, slot: number, variable: number): void {
    this.#rows.set(id, { slot, variable });
  }

  bindDot(value: Value): void {
    this.#dot = value;
  }

  unbindDot(): void {
    this.#dot = null;
  }

  get mask(): Value | null {
    return this.#mask;
  }

  #keep(memo: number, v: Value): Value {
    this.#memos[memo] = v;
    this.#inScope.push(memo);
    return v;
  }

  /** The number of something else than an expression or an index. */
  #memoOf(name: string): number {
    let memo = this.#otherMemos.get(name);
    if (memo === undefined) {
      memo = this.#nextMemo++;
      this.#otherMemos.set(name, memo);
    }
    return memo;
  }

  #bound(id: ExprId): boolean {
    const d = this.#deps[id];
    if (d.dot && this.#dot === null) return false;
    if (d.variables.size > 0) for (const v of d.variables) if (this.#variables[v] === undefined) return false;
    if (d.stages.size > 0) for (const s of d.stages) if (!this.#stages.has(s)) return false;
    return true;
  }

  // --- hoisting ----------------------------------------------------------------------------------------------------------

  /**
   * Emits here all parts of the given expressions and indices that can be, ahead of a loop that uses them. `overLanes`: the loop is that
   * of the vector variable.
   */
  hoist(roots: readonly ExprId[], indices: readonly IndexExpr[], overLanes = false): void {
    for (const index of indices) this.#sum(this.#located(index), true);
    const seen = new Set<ExprId>();
    const visit = (id: ExprId): void => {
      if (seen.has(id) || this.#rows.has(id)) return;
      seen.add(id);
      if (this.#bound(id)) {
        this.emit(id);
        return;
      }
      const e = this.#kernel.exprs[id];
      if (e.op === 'guard') {
        for (const g of e.guards)
          if (this.#located(g.index).terms.every((t) => this.#termBound(t)))
            this.#guard(g, overLanes ? this.#b.lanes : 1);
      }
      for (const a of exprArguments(e)) {
        visit(a);
        if (overLanes && e.op === 'call' && this.#bound(a)) this.#hoistSpread(a);
      }
      for (const index of exprIndices(e)) {
        for (const v of indexValues(index)) visit(v);
        this.#sum(this.#located(index), true);
      }
    };
    for (const id of roots) visit(id);
  }

  /** Spreads a number that all lanes share; constants are operands of instructions as they are. */
  #hoistSpread(id: ExprId): void {
    const memo = this.#memoOf(`lanes of ${id}`);
    if (this.#kernel.exprs[id].op === 'const' || this.#memos[memo] !== undefined) return;
    const value = this.emit(id);
    if (value.type.lanes === 1) this.#keep(memo, this.#b.broadcast(value));
  }

  // --- indices -----------------------------------------------------------------------------------------------------------

  #termBound(t: LocatedTerm): boolean {
    for (const v of t.own) if (this.#variables[v] === undefined) return false;
    for (const id of t.values) if (!this.#bound(id)) return false;
    return true;
  }

  /** How late a term's variables were bound; unbound ones come last. */
  #depth(t: LocatedTerm): number {
    let depth = 0;
    for (const v of t.variables) {
      const order = this.#variables[v] === undefined ? 1e9 : this.#bindOrder[v];
      if (order > depth) depth = order;
    }
    return depth;
  }

  /**
   * Terms in the order of binding, so that partial sums of outer terms are shared by all inner loops; negative ones last, so that
   * no partial sum falls below zero.
   */
  #order({ terms }: LocatedIndex): readonly LocatedTerm[] {
    if (terms.length < 2) return terms;
    const sorted: LocatedTerm[] = [];
    const places: number[] = [];
    for (const t of terms) {
      // Negative terms come after all others, however late these are bound.
      const place = this.#depth(t) + (t.term.factor < 0 ? 2e9 : 0);
      let at = sorted.length;
      while (at > 0 && places[at - 1] > place) at--;
      sorted.splice(at, 0, t);
      places.splice(at, 0, place);
    }
    return sorted;
  }

  #located(e: IndexExpr): LocatedIndex {
    const have = this.#indices.get(e);
    if (have !== undefined) return have;
    const key = indexKey(e);
    let sums = this.#indexSums.get(key);
    if (sums === undefined) {
      sums = { memo: -1, next: [] };
      this.#indexSums.set(key, sums);
    }
    const located = this.#locate(e, known(this.#sizes.indexSlots.get(key), 'slots of an index'), sums);
    this.#indices.set(e, located);
    return located;
  }

  #locate(e: IndexExpr, slot: number, sums: PartialSum): LocatedIndex {
    let next = slot + (e.base === 0 ? 0 : 1);
    const terms: LocatedTerm[] = [];
    for (const term of e.terms) {
      const alone = { terms: [term], base: 0 };
      const own = indexVariables(alone);
      const values = indexValues(alone);
      const variables = new Set(own);
      for (const id of values) for (const v of this.#deps[id].variables) variables.add(v);
      terms.push({ term, slot: next, place: terms.length, own: [...own], values, variables: [...variables] });
      next += slotsOf(term);
    }
    return { base: e.base, slot, terms, sums };
  }

  /** The sum of an index's terms; with `partial` only the bound ones at its head. */
  #sum(e: LocatedIndex, partial: boolean): Value {
    const b = this.#b;
    let sum = e.base > 0 ? b.sizeAt(e.slot) : b.index(0);
    let at = e.sums;
    for (const t of this.#order(e)) {
      if (partial && !this.#termBound(t)) return sum;
      let next = at.next[t.place];
      if (next === undefined) {
        next = { memo: this.#nextMemo++, next: [] };
        at.next[t.place] = next;
      }
      at = next;
      sum = this.#memos[at.memo] ?? this.#keep(at.memo, this.#addTerm(sum, t.term, t.slot));
    }
    if (e.base < 0) {
      at.based ??= this.#nextMemo++;
      sum = this.#memos[at.based] ?? this.#keep(at.based, b.sub(sum, b.sizeAt(e.slot)));
    }
    return sum;
  }

  #addTerm(sum: Value, term: Term, slot: number): Value {
    const b = this.#b;
    const scaled = Math.abs(term.factor) !== 1;
    const atom = this.#atom(term.atom, slot + (scaled ? 1 : 0));
    const product = scaled ? b.mul(atom, b.sizeAt(slot)) : atom;
    return term.factor > 0 ? b.add(sum, product) : b.sub(sum, product);
  }

  /** An atom whose numbers start at `slot`. */
  #atom(atom: Atom, slot: number): Value {
    const b = this.#b;
    switch (atom.kind) {
      case 'var':
        return known(this.#variables[atom.variable], 'a value of a loop variable');
      case 'value':
        return this.#checkedIndex(atom.expr, b.sizeAt(slot));
      case 'div':
      case 'mod': {
        const of = this.#innerSum(atom.of, slot);
        return b.binary(atom.kind === 'div' ? 'div' : 'rem', of, b.sizeAt(slot + slotsIn(atom.of)));
      }
      case 'clamp': {
        const of = this.#innerSum(atom.of, slot);
        const low = b.sizeAt(slot + slotsIn(atom.of));
        const max = b.sizeAt(slot + slotsIn(atom.of) + 1);
        // Lanes beyond the edge are masked off by the guard that every clamp has.
        if (this.#isAlongLanes(atom.of)) return b.sub(of, low);
        return b.min(b.sub(b.max(of, low), low), max);
      }
    }
  }

  /** An index inside of an atom; its numbers lie in the outer index's slots. */
  #innerSum(e: IndexExpr, slot: number): Value {
    const at = slot * MOST_LEVELS + levelsOf(e);
    let located = this.#inner.get(at);
    if (located === undefined) {
      located = this.#locate(e, slot, { memo: -1, next: [] });
      this.#inner.set(at, located);
    }
    return this.#sum(located, false);
  }

  /** Whether an index differs from lane to lane. */
  #isAlongLanes(e: IndexExpr): boolean {
    return this.#vector >= 0 && indexHas(e, this.#vector);
  }

  /** A loaded index made safe: one out of range reads element 0 and is noted in the status buffer. */
  #checkedIndex(id: ExprId, max: Value): Value {
    const memo = this.#memoOf(`checked:${id}:${max.id}`);
    const have = this.#memos[memo];
    if (have !== undefined) return have;
    const b = this.#b;
    const raw = this.emit(id);
    const wide = b.convert('i64', raw);
    const valid = b.binary(
      'and',
      b.compare('le', b.constant('i64', 0n), wide),
      b.compare('le', wide, b.convert('i64', max)),
    );
    b.when(b.unary('not', valid), () => {
      b.store(this.#status, b.index(0), b.constant('i64', INDEX_CODE));
      b.store(this.#status, b.index(0), wide, { offset: 1 });
      b.store(this.#status, b.index(0), b.convert('i64', max), { offset: 2 });
    });
    return this.#keep(memo, b.select(valid, b.convert('index', wide), b.index(0)));
  }

  /** The sum of those terms of an index that are wanted, with or without its base; its variables are bound. */
  indexPart(e: IndexExpr, withBase: boolean, isWanted: (term: Term) => boolean): Value {
    const b = this.#b;
    const located = this.#located(e);
    let sum = withBase && e.base > 0 ? b.sizeAt(located.slot) : b.index(0);
    for (const { term, slot } of this.#order(located))
      if (isWanted(term)) sum = this.#addTerm(sum, term, slot);
    return withBase && e.base < 0 ? b.sub(sum, b.sizeAt(located.slot)) : sum;
  }

  /** What the quotient or remainder of a term of an index is taken by. */
  modulus(e: IndexExpr, term: Term): Value {
    const { atom } = term;
    const at = this.#located(e).terms.find((t) => t.term === term);
    if (at === undefined || (atom.kind !== 'div' && atom.kind !== 'mod'))
      throw new InternalError('expected a quotient or remainder of the index');
    return this.#b.sizeAt(at.slot + (Math.abs(term.factor) === 1 ? 0 : 1) + slotsIn(atom.of));
  }

  index(e: IndexExpr): Value {
    return this.#sum(this.#located(e), false);
  }

  /** Between which positions a guard holds. */
  bounds(g: Guard): readonly [from: Value, to: Value] {
    const slot = known(this.#sizes.guardSlots.get(g), 'slots of a guard');
    return [this.#b.sizeAt(slot), this.#b.sizeAt(slot + 1)];
  }

  /** Whether a guard holds, in as many lanes, or in each of its own where it differs from lane to lane. */
  #guard(g: Guard, lanes: number): Value {
    const slot = known(this.#sizes.guardSlots.get(g), 'slots of a guard');
    const memo = this.#memoOf(`guard:${slot}:${lanes}`);
    const have = this.#memos[memo];
    if (have !== undefined) return have;
    const one = lanes === 1 ? this.#newGuard(g, slot) : this.#guard(g, 1);
    return this.#keep(memo, this.#b.spread(one, Math.max(lanes, one.type.lanes)));
  }

  #newGuard(g: Guard, slot: number): Value {
    const b = this.#b;
    const at = this.index(g.index);
    const [low, high] = [b.sizeAt(slot), b.sizeAt(slot + 1)];
    if (this.#isAlongLanes(g.index)) {
      const steps = g.step === 1 ? null : { by: b.sizeAt(slot + 2), below: b.sizeAt(slot + 3) };
      return guardedLanes(b, at, [low, high], steps);
    }
    let inside = b.binary('and', b.compare('le', low, at), b.compare('lt', at, high));
    if (g.step !== 1) {
      const from = b.sub(b.max(at, low), low);
      inside = b.binary(
        'and',
        inside,
        b.compare('eq', b.binary('rem', from, b.sizeAt(slot + 2)), b.index(0)),
      );
    }
    return inside;
  }

  // --- expressions -------------------------------------------------------------------------------------------------------

  /** The value of an expression here: a vector if it varies along the vector variable. */
  emit(id: ExprId): Value {
    return this.#memos[id] ?? this.#keep(id, this.#emitNew(id));
  }

  /** What `body` emits, with lanes off where a guard fails; nothing of it is found again outside. */
  #masked(inside: Value, body: () => Value): Value {
    const before = this.#mask;
    this.#mask = before === null ? inside : this.#b.binary('and', before, inside);
    const value = this.scoped(body);
    this.#mask = before;
    return value;
  }

  /** The value spread over all lanes in vector mode. */
  emitLanes(id: ExprId): Value {
    const v = this.emit(id);
    return this.#vector >= 0 ? this.#b.spread(v, this.#b.lanes) : v;
  }

  /** Stores at the bound point. All values first: a store may overwrite what another value is computed from. */
  storeAll(stores: readonly Store[]): void {
    const ready = stores.map((s) => ({
      s,
      index: this.index(s.index),
      value: encodeExact(this.#b, this.emitLanes(s.value), this.#kernel.exprs[s.value].dtype),
    }));
    for (const { s, index, value } of ready) {
      const isVector = value.type.lanes > 1;
      const mask = isVector ? this.#mask : null;
      const pair = isVector ? this.#pairs?.stores.get(this.#kernel.stores.indexOf(s)) : undefined;
      if (s.level === 'columns') {
        const sum = this.#b.load(s.buffer, index, isVector ? { lanes: this.#b.lanes, mask } : {});
        this.#b.store(s.buffer, index, this.#b.add(sum, value), { mask });
      } else if (pair === undefined)
        this.#b.store(s.buffer, index, value, { mask, streamed: s.isStreamed === true });
      else if (s === this.#kernel.stores[pair.even]) {
        const odd = known(
          ready.find((r) => r.s === this.#kernel.stores[pair.odd]),
          'the rest of a pair',
        );
        storePair(this.#b, s.buffer, index, [value, odd.value], mask);
      }
    }
  }

  /** Stores zeros of float32 where the stores would. */
  clearAll(stores: readonly Store[]): void {
    const zero = this.#b.constant('f32', 0);
    const isVector = this.#vector >= 0;
    for (const s of stores)
      this.#b.store(s.buffer, this.index(s.index), isVector ? this.#b.broadcast(zero) : zero, {
        mask: isVector ? this.#mask : null,
      });
  }

  /** An operand in all lanes; what `hoist` has spread ahead of a loop is there already. */
  #spread(id: ExprId, value: Value, lanes: number): Value {
    if (value.type.lanes === lanes) return value;
    return this.#memos[this.#memoOf(`lanes of ${id}`)] ?? this.#b.spread(value, lanes);
  }

  #emitNew(id: ExprId): Value {
    const b = this.#b;
    const e = this.#kernel.exprs[id];
    const row = this.#rows.get(id);
    if (row !== undefined) {
      const at = known(this.#variables[row.variable], 'a place in a row');
      return b.load(row.slot, at, this.#vector === row.variable ? { lanes: b.lanes, mask: this.#mask } : {});
    }
    switch (e.op) {
      case 'const':
        return dtypeConstant(b, e.value, e.dtype);
      case 'argument': {
        const raw = this.#arguments[e.slot];
        return e.dtype === 'bool' ? b.compare('ne', raw, b.constant('i32', 0)) : fitHalf(b, raw, e);
      }
      case 'load': {
        const vector = this.#isAlongLanes(e.index);
        const pair = vector ? this.#pairs?.loads.get(id) : undefined;
        if (pair !== undefined) return this.#loadPaired(id, pair);
        const index = this.index(e.index);
        const loaded = b.load(e.buffer, index, vector ? { lanes: b.lanes, mask: this.#mask } : {});
        return decodeLoaded(b, loaded, e.dtype);
      }
      case 'index':
        return this.#indexValue(e.index, e.dtype);
      case 'call': {
        const args = e.args.map((a) => this.emit(a));
        noteZeroDivision(b, this.#status, this.#kernel.exprs, e, args[1], this.#mask);
        let lanes = 1;
        for (const a of args) lanes = Math.max(lanes, a.type.lanes);
        for (let i = 0; i < args.length; i++) args[i] = this.#spread(e.args[i], args[i], lanes);
        const result = e.lower(b, args, e.dtype);
        return isHalf(e.dtype) && !exactCalls.has(e.name) ? fitToDType(b, result, e.dtype) : result;
      }
      case 'guard': {
        const open = e.guards.filter((g) => this.#vector < 0 || !this.#cuts.has(g));
        if (open.length === 0) return this.emit(e.value);
        const inside = (lanes: number): Value =>
          open.map((g) => this.#guard(g, lanes)).reduce((p, q) => b.binary('and', p, q));
        const isAlongLanes = open.some((g) => this.#isAlongLanes(g.index));
        const value = isAlongLanes
          ? this.#masked(inside(b.lanes), () => this.emitLanes(e.value))
          : this.emit(e.value);
        const holds = inside(value.type.lanes);
        if (e.dtype === 'bool') return b.binary('and', holds, value);
        return b.select(holds, value, b.like(value, 0));
      }
      case 'checked':
        this.index(e.index);
        return this.emit(e.value);
      case 'random': {
        const [key0, key1, stream] = e.args.map((a) => this.emit(a));
        const counter = this.#indexValue(e.index, 'int32');
        return lowerUniform(b, lowerThreefry(b, [key0, key1], [counter, stream]));
      }
      case 'stage':
        return known(this.#stages.get(e.stage), `stage ${e.stage}`);
      case 'dot':
        return fitToDType(b, known(this.#dot, 'dot'), e.dtype);
    }
  }

  /** Two vectors of neighbours, taken apart into even and odd elements. */
  #loadPaired(id: ExprId, pair: Pair): Value {
    const b = this.#b;
    const even = this.#kernel.exprs[pair.even];
    if (even.op !== 'load') throw new InternalError('a pair of loads of something else');
    const memos = [this.#memoOf(`even:${pair.even}`), this.#memoOf(`odd:${pair.even}`)];
    const which = id === pair.even ? 0 : 1;
    const have = this.#memos[memos[which]];
    if (have !== undefined) return have;
    const loaded = loadPair(b, even.buffer, this.index(even.index), this.#mask);
    for (const i of [0, 1]) this.#keep(memos[i], loaded[i]);
    return loaded[which];
  }

  #indexValue(index: IndexExpr, dtype: DType): Value {
    const b = this.#b;
    const at = this.index(index);
    const vector = this.#isAlongLanes(index);
    const kind = kinds[dtype];
    if (vector && (kind === 'i64' || kind === 'f64')) {
      // The lanes of a ramp are of 32 bits, positions are not.
      const position = b.add(b.broadcast(b.convert('i64', at)), b.convert('i64', b.ramp(b.index(0))));
      return fitToDType(b, b.convert(kind, position), dtype);
    }
    if (vector) return fitToDType(b, b.convert(kind, b.ramp(at)), dtype);
    if (kind === 'mask') return b.compare('ne', b.convert('i32', at), b.constant('i32', 0));
    return fitToDType(b, b.convert(kind, at), dtype);
  }
}

/** Ops whose result is one of their operands, or its opposite: nothing to round. */
const exactCalls = new Set(['copy', 'detach', 'where', 'neg', 'abs', 'relu', 'maximum', 'minimum']);

function fitHalf(b: L3Builder, value: Value, e: Expr): Value {
  return isHalf(e.dtype) ? fitToDType(b, value, e.dtype) : value;
}
