/** What the expressions of a kernel depend on, and whether they can be computed on lanes along a variable. */
import type { DType } from '../base/dtype.js';
import { isScalarOnly, kinds } from './elements.js';
import type { Guard, IndexExpr } from './index-expr.js';
import { factorOf, indexVariables } from './index-expr.js';
import type { CompiledKernel, Expr, ExprId } from './l2.js';
import { exprArguments, exprIndices, indexValues } from './l2.js';
import type { Pairs } from './loops/pairs.js';
import { integerQuotients } from './status.js';

/** The loop variables each expression depends on, and whether it depends on a stage or on dot (which bind late). */
export interface Dependence {
  readonly variables: ReadonlySet<number>;
  readonly stages: ReadonlySet<number>;
  readonly dot: boolean;
}

const NOTHING: Dependence = { variables: new Set(), stages: new Set(), dot: false };

const knownDependences = new WeakMap<CompiledKernel, readonly Dependence[]>();

/** Kept by kernel: planning and lowering ask several times. */
export function dependences(kernel: CompiledKernel): readonly Dependence[] {
  const have = knownDependences.get(kernel);
  if (have) return have;
  const out: Dependence[] = [];
  for (const e of kernel.exprs) out.push(dependenceOf(e, out));
  knownDependences.set(kernel, out);
  return out;
}

/** Many expressions depend on what one other does, and share its sets. */
function dependenceOf(e: Expr, before: readonly Dependence[]): Dependence {
  if (e.op === 'dot') return { ...NOTHING, dot: true };
  if (e.op === 'stage') return { ...NOTHING, stages: new Set([e.stage]) };
  const args = exprArguments(e);
  const indices = exprIndices(e);
  if (indices.length === 0) {
    let joined = NOTHING;
    for (const id of args) joined = joinDependences(joined, before[id]);
    return joined;
  }
  const variables = new Set<number>();
  let joined: Dependence = { variables, stages: NOTHING.stages, dot: false };
  for (const index of indices) indexVariables(index, variables);
  for (const id of args) joined = joinDependences(joined, before[id]);
  for (const index of indices)
    for (const id of indexValues(index)) joined = joinDependences(joined, before[id]);
  return joined;
}

function joinDependences(a: Dependence, b: Dependence): Dependence {
  if (a === NOTHING || a === b) return b;
  if (b === NOTHING) return a;
  return {
    variables: joinSets(a.variables, b.variables),
    stages: joinSets(a.stages, b.stages),
    dot: a.dot || b.dot,
  };
}

function joinSets(a: ReadonlySet<number>, b: ReadonlySet<number>): ReadonlySet<number> {
  if (a === b || b.size === 0) return a;
  return a.size === 0 ? b : new Set([...a, ...b]);
}

/** Whether an op does without what wide functions lack: quotients of int64, and remainders of floats, which look at all lanes at once. */
function fitsWideLanes(op: string, dtype: DType): boolean {
  return !integerQuotients.includes(op) || kinds[dtype] === 'i32';
}

/** The variables an index depends on, through loaded values too. */
export function indexDependence(index: IndexExpr, deps: readonly Dependence[]): Set<number> {
  const variables = indexVariables(index);
  for (const id of indexValues(index)) for (const v of deps[id].variables) variables.add(v);
  return variables;
}

/**
 * Whether a variable can become vector lanes for the given expressions: memory is contiguous or constant along it or taken in pairs, guards do not
 * depend on it (with masks: go along it one by one) unless they are `cuts`, and no value that only scalars can hold varies with it. `wide`: lanes are
 * those of functions that have vectors of f64 and i64.
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
  wide = false,
): boolean {
  const isScalar = (dtype: DType): boolean => !wide && isScalarOnly(dtype);
  // A product, and a reduction while outer lanes are open, differ from lane to lane as well; what a row of lanes was reduced to does not.
  const isRow = kernel.kind === 'loops' && kernel.dims[variable].reduced;
  const isLaneWise = (id: ExprId): boolean =>
    deps[id].variables.has(variable) || (!isRow && (deps[id].dot || deps[id].stages.size > 0));
  const fits = (index: IndexExpr): boolean => {
    if (indexValues(index).some(isLaneWise)) return false;
    const factor = masks || cuts.size > 0 ? maskedFactor(index, variable) : factorOf(index, variable);
    return factor === 0 || factor === 1;
  };
  const isLaneGuard = (g: Guard): boolean =>
    cuts.has(g) || (masks && fits(g.index) && maskedFactor(g.index, variable) === 1);
  if (!indices.every(fits)) return false;
  // What is stored once a row is computed after its lanes.
  const isOnceARow = (id: ExprId): boolean =>
    isRow && !isLaneWise(id) && kernel.stores.every((s) => s.value !== id || s.level === 'outer');
  if (roots.some((id) => isScalar(kernel.exprs[id].dtype) && !isOnceARow(id))) return false;
  const seen = new Set<ExprId>();
  const stack = [...roots];
  for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    const e = kernel.exprs[id];
    if (!isLaneWise(id)) continue;
    if (isScalar(e.dtype) || (e.op === 'call' && wide && !fitsWideLanes(e.name, e.dtype))) return false;
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
