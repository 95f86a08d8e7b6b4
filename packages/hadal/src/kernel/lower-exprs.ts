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
import type { DType } from '../base/dtype.js';
import { isHalf } from '../base/dtype.js';
import { InternalError, known } from '../base/errors.js';
import { decodeLoaded, dtypeConstant, encodeStored, fitToDType, isScalarOnly, kinds } from './elements.js';
import type { Atom, Guard, IndexExpr, Term } from './index-expr.js';
import { factorOf, indexKey, indexVariables } from './index-expr.js';
import type { CompiledKernel, Expr, ExprId, Store } from './l2.js';
import { exprArguments, exprIndices, indexValues } from './l2.js';
import type { AbstractKernel } from './l2-sizes.js';
import type { Value } from './l3.js';
import type { L3Builder } from './l3-builder.js';
import { loadPair, type Pair, type Pairs, storePair } from './pairs.js';
import { lowerThreefry, lowerUniform } from './random.js';
import { INDEX_CODE, mayDivideByZero, noteZeroDivision } from './status.js';

/** The loop variables each expression depends on, and whether it depends on a stage or on dot (which bind late). */
export interface Dependence {
  readonly variables: ReadonlySet<number>;
  readonly stages: ReadonlySet<number>;
  readonly dot: boolean;
}

export function dependences(kernel: CompiledKernel): Dependence[] {
  const out: Dependence[] = [];
  for (const e of kernel.exprs) {
    const variables = new Set<number>();
    const stages = new Set<number>();
    let dot = e.op === 'dot';
    if (e.op === 'stage') stages.add(e.stage);
    const from = [...exprArguments(e)];
    for (const index of exprIndices(e)) {
      indexVariables(index, variables);
      from.push(...indexValues(index));
    }
    for (const id of from) {
      for (const v of out[id].variables) variables.add(v);
      for (const s of out[id].stages) stages.add(s);
      dot ||= out[id].dot;
    }
    out.push({ variables, stages, dot });
  }
  return out;
}

/** The variables an index depends on, through loaded values too. */
export function indexDependence(index: IndexExpr, deps: readonly Dependence[]): Set<number> {
  const variables = indexVariables(index);
  for (const id of indexValues(index)) for (const v of deps[id].variables) variables.add(v);
  return variables;
}

/**
 * Whether a variable can become vector lanes for the given expressions: memory is contiguous or constant along it or taken in pairs, guards do not
 * depend on it (with masks: not in steps) unless they are `cuts`, and no value that only scalars can hold varies with it.
 */
export function canVectorize(
  kernel: CompiledKernel,
  deps: readonly Dependence[],
  roots: readonly ExprId[],
  indices: readonly IndexExpr[],
  variable: number,
  masks: boolean,
  pairs: Pairs | null = null,
  cuts: ReadonlySet<Guard> = new Set(),
): boolean {
  const fits = (index: IndexExpr): boolean => {
    for (const id of indexValues(index)) if (deps[id].variables.has(variable)) return false;
    const factor = masks || cuts.size > 0 ? maskedFactor(index, variable) : factorOf(index, variable);
    return factor === 0 || factor === 1;
  };
  const isLaneGuard = (g: Guard): boolean =>
    cuts.has(g) || (masks && g.step === 1 && fits(g.index) && maskedFactor(g.index, variable) === 1);
  if (!indices.every(fits)) return false;
  if (roots.some((id) => isScalarOnly(kernel.exprs[id].dtype))) return false;
  const seen = new Set<ExprId>();
  const stack = [...roots];
  for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    const e = kernel.exprs[id];
    // A product, and a reduction while outer lanes are open, differ from lane to lane as well.
    const isLaneWise = deps[id].variables.has(variable) || deps[id].dot || deps[id].stages.size > 0;
    if (!isLaneWise) continue;
    if (isScalarOnly(e.dtype) || (e.op === 'call' && e.scalar)) return false;
    if (pairs?.loads.has(id) !== true && !exprIndices(e).every(fits)) return false;
    if (
      e.op === 'guard' &&
      e.guards.some((g) => indexDependence(g.index, deps).has(variable) && !isLaneGuard(g))
    )
      return false;
    stack.push(...exprArguments(e));
  }
  return true;
}

/**
 * The guards that say no more than between which positions of a variable they hold: a loop that is cut there can take the part between
 * them in vectors without masks.
 */
export function cutsAlong(kernel: CompiledKernel, variable: number): ReadonlySet<Guard> {
  const isPlain = ({ index, step }: Guard): boolean => {
    const [term] = index.terms;
    if (index.base !== 0 || index.terms.length !== 1 || step !== 1) return false;
    return term.factor === 1 && term.atom.kind === 'var' && term.atom.variable === variable;
  };
  return new Set(kernel.exprs.flatMap((e) => (e.op === 'guard' ? e.guards.filter(isPlain) : [])));
}

/** The factor of a variable in an index whose clamps masks take the place of; null if it has none. */
function maskedFactor(e: IndexExpr, variable: number): number | null {
  let sum = 0;
  for (const { atom, factor } of e.terms) {
    if (atom.kind === 'value') continue;
    let own: number | null = 0;
    if (atom.kind === 'var') own = atom.variable === variable ? 1 : 0;
    else if (atom.kind === 'clamp') own = maskedFactor(atom.of, variable);
    else if (indexVariables(atom.of).has(variable)) own = null;
    if (own === null) return null;
    sum += factor * own;
  }
  return sum;
}

export class ExprEmitter {
  readonly #b: L3Builder;
  readonly #kernel: CompiledKernel;
  readonly #sizes: AbstractKernel;
  readonly #deps: readonly Dependence[];
  readonly #scopes: Map<string, Value>[] = [new Map()];
  readonly #variables = new Map<number, Value>();
  readonly #bindOrder = new Map<number, number>();
  readonly #stages = new Map<number, Value>();
  readonly #arguments: readonly Value[];
  readonly #status: number;
  readonly #pairs: Pairs | null;
  readonly #cuts: ReadonlySet<Guard>;
  #dot: Value | null = null;
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
    this.#arguments = kernel.arguments.map((dtype) => {
      const kind = kinds[dtype];
      if (kind === 'index') throw new InternalError('arguments are numbers');
      return b.scalar(kind === 'mask' ? 'i32' : kind);
    });
  }

  // --- scopes ------------------------------------------------------------------------------------------------------------

  /** Runs `body` in a scope of its own: a loop body or a conditional. */
  scoped<T>(body: () => T): T {
    this.#scopes.push(new Map());
    const result = body();
    this.#scopes.pop();
    return result;
  }

  /** Binds a loop variable while `body` runs. In vector mode `value` is the first lane's position. */
  bind<T>(variable: number, value: Value, vector: { readonly mask: Value | null } | null, body: () => T): T {
    return this.scoped(() => {
      const [before, beforeMask] = [this.#vector, this.#mask];
      this.#variables.set(variable, value);
      this.#bindOrder.set(variable, this.#scopes.length);
      if (vector) {
        this.#vector = variable;
        this.#mask = vector.mask;
      }
      const result = body();
      this.#variables.delete(variable);
      this.#bindOrder.delete(variable);
      this.#vector = before;
      this.#mask = beforeMask;
      return result;
    });
  }

  bindStage(stage: number, value: Value): void {
    this.#stages.set(stage, value);
  }

  /** Forgets the stages of another copy of the body (the vector loop's, when its tail is emitted). */
  clearStages(): void {
    this.#stages.clear();
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

  #find(key: string): Value | undefined {
    for (let i = this.#scopes.length - 1; i >= 0; i--) {
      const v = this.#scopes[i].get(key);
      if (v) return v;
    }
    return undefined;
  }

  #memo(key: string, make: () => Value): Value {
    const have = this.#find(key);
    if (have) return have;
    const v = make();
    this.#scopes[this.#scopes.length - 1].set(key, v);
    return v;
  }

  #bound(id: ExprId): boolean {
    const d = this.#deps[id];
    if (d.dot && this.#dot === null) return false;
    for (const v of d.variables) if (!this.#variables.has(v)) return false;
    for (const s of d.stages) if (!this.#stages.has(s)) return false;
    return true;
  }

  // --- hoisting ----------------------------------------------------------------------------------------------------------

  /** Emits here all parts of the given expressions and indices that can be, ahead of a loop that uses them. */
  hoist(roots: readonly ExprId[], indices: readonly IndexExpr[]): void {
    for (const index of indices) this.#hoistIndex(index);
    const seen = new Set<ExprId>();
    const visit = (id: ExprId): void => {
      if (seen.has(id)) return;
      seen.add(id);
      if (this.#bound(id)) {
        this.emit(id);
        return;
      }
      const e = this.#kernel.exprs[id];
      for (const a of exprArguments(e)) visit(a);
      for (const index of exprIndices(e)) {
        for (const v of indexValues(index)) visit(v);
        this.#hoistIndex(index);
      }
    };
    for (const id of roots) visit(id);
  }

  // --- indices -----------------------------------------------------------------------------------------------------------

  #atomBound(atom: Atom): boolean {
    if (atom.kind === 'value') return this.#bound(atom.expr);
    if (atom.kind === 'var') return this.#variables.has(atom.variable);
    return atom.of.terms.every((t) => this.#atomBound(t.atom));
  }

  /** How late a term's variables were bound; unbound ones come last. */
  #depth(term: Term): number {
    let depth = 0;
    for (const v of indexDependence({ terms: [term], base: 0 }, this.#deps))
      depth = Math.max(depth, this.#bindOrder.get(v) ?? 1e9);
    return depth;
  }

  /**
   * Terms in the order of binding, so that partial sums of outer terms are shared by all inner loops; negative ones last, so that
   * no partial sum falls below zero.
   */
  #order(
    terms: { readonly term: Term; readonly slot: number }[],
  ): { readonly term: Term; readonly slot: number }[] {
    return terms.sort(
      (p, q) =>
        Math.sign(q.term.factor) - Math.sign(p.term.factor) || this.#depth(p.term) - this.#depth(q.term),
    );
  }

  /** The terms of an index whose numbers start at `slot`, each with its own first slot. */
  #located(e: IndexExpr, slot: number): { readonly term: Term; readonly slot: number }[] {
    let next = slot + (e.base === 0 ? 0 : 1);
    return e.terms.map((term) => {
      const entry = { term, slot: next };
      next += this.#slotsOf(term);
      return entry;
    });
  }

  #slotsOf(term: Term): number {
    const own = Math.abs(term.factor) === 1 ? 0 : 1;
    const { atom } = term;
    if (atom.kind === 'var') return own;
    if (atom.kind === 'value') return own + 1;
    const inner = this.#slotsIn(atom.of);
    return own + inner + (atom.kind === 'clamp' ? 2 : 1);
  }

  #slotsIn(e: IndexExpr): number {
    return (e.base === 0 ? 0 : 1) + e.terms.reduce((n, t) => n + this.#slotsOf(t), 0);
  }

  #hoistIndex(e: IndexExpr): void {
    this.#partialIndex(e, true);
  }

  /** The sum of an index's terms; with `partial` only the bound ones at its head. */
  #partialIndex(e: IndexExpr, partial: boolean): Value {
    const full = indexKey(e);
    return this.#sum(e, `i:${full}`, known(this.#sizes.indexSlots.get(full), 'slots of an index'), partial);
  }

  #sum(e: IndexExpr, name: string, firstSlot: number, partial: boolean): Value {
    const b = this.#b;
    let sum = e.base > 0 ? b.sizeAt(firstSlot) : b.index(0);
    let key = name;
    for (const { term, slot } of this.#order(this.#located(e, firstSlot))) {
      if (partial && !this.#atomBound(term.atom)) return sum;
      const before = sum;
      key += `;${slot}`;
      sum = this.#memo(key, () => this.#addTerm(before, term, slot));
    }
    if (e.base < 0) {
      const before = sum;
      sum = this.#memo(`${key};base`, () => b.sub(before, b.sizeAt(firstSlot)));
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
        return known(this.#variables.get(atom.variable), `a value of variable ${atom.variable}`);
      case 'value':
        return this.#checkedIndex(atom.expr, b.sizeAt(slot));
      case 'div':
      case 'mod': {
        const of = this.#inner(atom.of, slot);
        return b.binary(atom.kind === 'div' ? 'div' : 'rem', of, b.sizeAt(slot + this.#slotsIn(atom.of)));
      }
      case 'clamp': {
        const of = this.#inner(atom.of, slot);
        const low = b.sizeAt(slot + this.#slotsIn(atom.of));
        const max = b.sizeAt(slot + this.#slotsIn(atom.of) + 1);
        // Lanes beyond the edge are masked off by the guard that every clamp has.
        if (this.#vector >= 0 && indexVariables(atom.of).has(this.#vector)) return b.sub(of, low);
        return b.min(b.sub(b.max(of, low), low), max);
      }
    }
  }

  /** An index inside of an atom; its numbers lie in the outer index's slots. */
  #inner(e: IndexExpr, slot: number): Value {
    return this.#sum(e, `n:${slot}`, slot, false);
  }

  /** A loaded index made safe: one out of range reads element 0 and is noted in the status buffer. */
  #checkedIndex(id: ExprId, max: Value): Value {
    return this.#memo(`checked:${id}:${max.id}`, () => {
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
      return b.select(valid, b.convert('index', wide), b.index(0));
    });
  }

  /** The sum of those terms of an index that are wanted, with or without its base; its variables are bound. */
  indexPart(e: IndexExpr, withBase: boolean, isWanted: (term: Term) => boolean): Value {
    const b = this.#b;
    const first = known(this.#sizes.indexSlots.get(indexKey(e)), 'slots of an index');
    let sum = withBase && e.base > 0 ? b.sizeAt(first) : b.index(0);
    for (const { term, slot } of this.#order(this.#located(e, first)))
      if (isWanted(term)) sum = this.#addTerm(sum, term, slot);
    return withBase && e.base < 0 ? b.sub(sum, b.sizeAt(first)) : sum;
  }

  /** What the quotient or remainder of a term of an index is taken by. */
  modulus(e: IndexExpr, term: Term): Value {
    const first = known(this.#sizes.indexSlots.get(indexKey(e)), 'slots of an index');
    const { atom } = term;
    const at = this.#located(e, first).find((t) => t.term === term);
    if (at === undefined || (atom.kind !== 'div' && atom.kind !== 'mod'))
      throw new InternalError('expected a quotient or remainder of the index');
    return this.#b.sizeAt(at.slot + (Math.abs(term.factor) === 1 ? 0 : 1) + this.#slotsIn(atom.of));
  }

  index(e: IndexExpr): Value {
    return this.#partialIndex(e, false);
  }

  /** Between which positions a guard holds. */
  bounds(g: Guard): readonly [from: Value, to: Value] {
    const slot = known(this.#sizes.guardSlots.get(g), 'slots of a guard');
    return [this.#b.sizeAt(slot), this.#b.sizeAt(slot + 1)];
  }

  #guard(g: Guard): Value {
    const b = this.#b;
    const slot = known(this.#sizes.guardSlots.get(g), 'slots of a guard');
    const at = this.index(g.index);
    const [low, high] = [b.sizeAt(slot), b.sizeAt(slot + 1)];
    if (this.#vector >= 0 && indexVariables(g.index).has(this.#vector)) {
      const lanes = b.ramp(at);
      const edge = (v: Value): Value => b.spread(b.convert('i32', v), b.lanes);
      return b.binary('and', b.compare('le', edge(low), lanes), b.compare('lt', lanes, edge(high)));
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
    return this.#memo(`e:${id}`, () => this.#emitNew(id));
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
      value: encodeStored(this.#b, this.emitLanes(s.value), this.#kernel.exprs[s.value].dtype),
    }));
    for (const { s, index, value } of ready) {
      const isVector = value.type.lanes > 1;
      const mask = isVector ? this.#mask : null;
      const pair = isVector ? this.#pairs?.stores.get(this.#kernel.stores.indexOf(s)) : undefined;
      if (pair === undefined) this.#b.store(s.buffer, index, value, { mask });
      else if (s === this.#kernel.stores[pair.even]) {
        const odd = known(
          ready.find((r) => r.s === this.#kernel.stores[pair.odd]),
          'the rest of a pair',
        );
        storePair(this.#b, s.buffer, index, [value, odd.value], mask);
      }
    }
  }

  #emitNew(id: ExprId): Value {
    const b = this.#b;
    const e = this.#kernel.exprs[id];
    switch (e.op) {
      case 'const':
        return dtypeConstant(b, e.value, e.dtype);
      case 'argument': {
        const raw = this.#arguments[e.slot];
        return e.dtype === 'bool' ? b.compare('ne', raw, b.constant('i32', 0)) : raw;
      }
      case 'load': {
        const vector = this.#vector >= 0 && indexVariables(e.index).has(this.#vector);
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
        if (mayDivideByZero(e, this.#kernel.exprs)) noteZeroDivision(b, this.#status, e.name, args[1]);
        const lanes = Math.max(...args.map((a) => a.type.lanes));
        const result = e.lower(
          b,
          args.map((a) => b.spread(a, lanes)),
          e.dtype,
        );
        return isHalf(e.dtype) && !exactCalls.has(e.name) ? fitToDType(b, result, e.dtype) : result;
      }
      case 'guard': {
        const open = e.guards.filter((g) => this.#vector < 0 || !this.#cuts.has(g));
        if (open.length === 0) return this.emit(e.value);
        const guards = open.map((g) => this.#guard(g));
        const lanes = Math.max(...guards.map((g) => g.type.lanes));
        const inside = guards.map((g) => b.spread(g, lanes)).reduce((p, q) => b.binary('and', p, q));
        const value = lanes > 1 ? this.#masked(inside, () => this.emitLanes(e.value)) : this.emit(e.value);
        if (e.dtype === 'bool') return b.binary('and', b.spread(inside, value.type.lanes), value);
        return b.select(inside, value, b.like(value, 0));
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
        return fitHalf(b, known(this.#dot, 'dot'), e);
    }
  }

  /** Two vectors of neighbours, taken apart into even and odd elements. */
  #loadPaired(id: ExprId, pair: Pair): Value {
    const b = this.#b;
    const even = this.#kernel.exprs[pair.even];
    if (even.op !== 'load') throw new InternalError('a pair of loads of something else');
    const name = `pair:${pair.even}`;
    const have = this.#find(id === pair.even ? `${name}:even` : `${name}:odd`);
    if (have !== undefined) return have;
    const [low, high] = loadPair(b, even.buffer, this.index(even.index), this.#mask);
    this.#memo(`${name}:even`, () => low);
    this.#memo(`${name}:odd`, () => high);
    return id === pair.even ? low : high;
  }

  #indexValue(index: IndexExpr, dtype: DType): Value {
    const b = this.#b;
    const at = this.index(index);
    const vector = this.#vector >= 0 && indexVariables(index).has(this.#vector);
    const kind = kinds[dtype];
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
