/**
 * Merges neighbouring loops into one where every access allows it, so that a pointwise kernel over any contiguous shape is one flat
 * loop. A map whose accesses all merge ends with exactly one loop, whatever its rank: parameters of all shapes share one kernel.
 *
 * Reduced dimensions are left as they are: how a reduction is cut into loops is part of its numerics and must not depend on what
 * else the kernel does.
 */
import type { Atom, IndexExpr, Term } from '../kernel/index-expr.js';
import { factorOf, indexVariables } from '../kernel/index-expr.js';
import type { Expr, LoopKernel } from '../kernel/l2.js';
import { kernelIndices } from '../kernel/l2.js';

/** Rewrites every index expression of a kernel. */
function mapIndices(kernel: LoopKernel, f: (e: IndexExpr) => IndexExpr): LoopKernel {
  const exprs = kernel.exprs.map((e): Expr => {
    switch (e.op) {
      case 'load':
      case 'index':
      case 'random':
      case 'checked':
        return { ...e, index: f(e.index) };
      case 'guard':
        return { ...e, guards: e.guards.map((g) => ({ ...g, index: f(g.index) })) };
      default:
        return e;
    }
  });
  return { ...kernel, exprs, stores: kernel.stores.map((s) => ({ ...s, index: f(s.index) })) };
}

/** Renames variables; `null` drops a variable that does not occur. */
function rename(
  e: IndexExpr,
  to: readonly (number | null)[],
  maxOf: (variable: number, before: number) => number,
): IndexExpr {
  const atom = (a: Atom): Atom => {
    switch (a.kind) {
      case 'var': {
        const variable = to[a.variable] ?? 0;
        return { ...a, variable, max: maxOf(variable, a.max), key: `v${variable}` };
      }
      case 'value':
        return a;
      case 'div':
      case 'mod': {
        const of = rename(a.of, to, maxOf);
        return { ...a, of, key: `(${keyOf(of)})${a.kind === 'mod' ? '%' : a.exact ? '//' : '/'}${a.by}` };
      }
      case 'clamp': {
        const of = rename(a.of, to, maxOf);
        return { ...a, of, key: `clamp(${keyOf(of)},${a.low},${a.max + 1})` };
      }
    }
  };
  const terms: Term[] = e.terms
    .filter((t) => t.atom.kind !== 'var' || to[t.atom.variable] !== null)
    .map((t) => ({ atom: atom(t.atom), factor: t.factor }));
  terms.sort((p, q) => (p.atom.key < q.atom.key ? -1 : 1));
  return { terms, base: e.base };
}

function keyOf(e: IndexExpr): string {
  return `${e.base}${e.terms.map((t) => `+${t.factor}*${t.atom.key}`).join('')}`;
}

/** Whether loops v and v + 1 walk memory as one loop in every access. */
function mergeable(kernel: LoopKernel, indices: readonly IndexExpr[], v: number): boolean {
  const [a, b] = [kernel.dims[v], kernel.dims[v + 1]];
  if (a.reduced || b.reduced) return false;
  return indices.every((e) => {
    const outer = factorOf(e, v);
    const inner = factorOf(e, v + 1);
    return outer !== null && inner !== null && outer === inner * b.size;
  });
}

function mergeLoops(kernel: LoopKernel, v: number): LoopKernel {
  const size = kernel.dims[v].size * kernel.dims[v + 1].size;
  // v disappears into v + 1, which takes its place.
  const to = kernel.dims.map((_, i) => (i === v ? null : i < v ? i : i - 1));
  const merged = mapIndices(kernel, (e) =>
    rename(e, to, (variable, before) => (variable === v ? size - 1 : before)),
  );
  const dims = kernel.dims.flatMap((d, i) => (i === v ? [] : i === v + 1 ? [{ size, reduced: false }] : [d]));
  const moved = (variable: number): number => (variable > v ? variable - 1 : variable);
  return {
    ...merged,
    dims,
    vectorVariable: moved(kernel.vectorVariable),
    stages: kernel.stages.map((s) => ({ ...s, variable: moved(s.variable) })),
  };
}

export function collapse(kernel: LoopKernel): LoopKernel {
  let now = kernel;
  for (let v = now.dims.length - 2; v >= 0; v--) {
    if (mergeable(now, kernelIndices(now), v)) now = mergeLoops(now, v);
  }
  return now.dims.length === 0 ? withUnitLoop(now) : now;
}

/**
 * A map over one element gets a loop of size 1, with memory read along it as in a larger flat map, so that a bias of one element
 * shares its kernel with all other parameters. Only buffers of one element are read that way; others stay at their place.
 */
function withUnitLoop(kernel: LoopKernel): LoopKernel {
  if (kernel.stages.length > 0) return kernel;
  if (kernelIndices(kernel).some((e) => e.base !== 0 || indexVariables(e).size > 0 || e.terms.length > 0))
    return kernel;
  const flat: IndexExpr = {
    terms: [{ atom: { kind: 'var', variable: 0, max: 0, key: 'v0' }, factor: 1 }],
    base: 0,
  };
  return { ...mapIndices(kernel, () => flat), dims: [{ size: 1, reduced: false }], vectorVariable: 0 };
}
