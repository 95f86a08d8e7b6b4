/**
 * Builds the L2 kernel of a group: reads every stored value backwards, through movement ops and fused producers, until it reaches
 * memory, constants, arguments or the group's own reductions and dot.
 */
import { bitsNumber, dotLayout } from '../base/attributes.js';
import type { DType } from '../base/dtype.js';
import { DTypeError, InternalError, known } from '../base/errors.js';
import type { Template } from '../graph/template.js';
import type { Guard, IndexExpr } from '../kernel/index-expr.js';
import { indexKey, sameIndex, valueIndex, variableIndex } from '../kernel/index-expr.js';
import type { Expr, ExprId, Kernel, KernelBuffer, LoopDim, ReduceOp, Stage, Store } from '../kernel/l2.js';
import { exprArguments, exprIndices, indexValues } from '../kernel/l2.js';
import type { Fusion, Group } from './groups.js';
import { computes, domainIndex, ownIndex } from './groups.js';
import { flatten, readMovement, readThrough, unflatten } from './movement-index.js';

/** What a kernel's buffer slot stands for: a template node that is a leaf or is stored. */
export interface Binding {
  readonly node: number;
  readonly access: 'read' | 'write';
}

export interface BuiltKernel {
  readonly group: Group;
  readonly kernel: Kernel;
  readonly bindings: readonly Binding[];
  /** Template argument of each of the kernel's arguments. */
  readonly arguments: readonly number[];
  /** Leaves that are read at another place than the one they are written at by this kernel; they cannot be overwritten. */
  readonly scatteredReads: ReadonlySet<number>;
}

const reduceOps: { readonly [name: string]: ReduceOp } = {
  sum: 'sum',
  max: 'max',
  min: 'min',
  argmax: 'argmax',
};

export function buildKernel(
  template: Template,
  fusion: Fusion,
  stored: ReadonlySet<number>,
  group: Group,
): BuiltKernel | null {
  const { nodes } = template;
  const writes = [...group.members.keys()].filter((id) => stored.has(id));
  if (writes.length === 0) return null;

  const exprs: Expr[] = [];
  const exprMemo = new Map<string, ExprId>();
  const buffers: KernelBuffer[] = [];
  const bindings: Binding[] = [];
  const slots = new Map<string, number>();
  const argumentSlots = new Map<number, number>();
  const argumentTypes: DType[] = [];
  const stages: Stage[] = [];
  const stageOf = new Map<number, number>();
  const loads: { node: number; index: IndexExpr }[] = [];
  const names: string[] = [];

  // --- variables: those of the domain, in the order in which the kernel's loops run --------------------------------------------
  const dims: LoopDim[] = [];
  const order = [
    ...group.domain.map((_, d) => d).filter((d) => !group.reduced.includes(d)),
    ...group.domain.map((_, d) => d).filter((d) => group.reduced.includes(d)),
  ];
  const isGemm = group.kind === 'gemm';
  const dot = isGemm
    ? known(
        [...group.members.keys()].find((id) => nodes[id].op.kind === 'dot'),
        'the dot of a gemm',
      )
    : -1;
  const gemm = isGemm ? gemmSizes(dot) : null;
  /** A domain dimension as an expression of the kernel's variables. */
  const domain: IndexExpr[] = gemm ? gemm.domain : group.domain.map(() => variableIndex(0, 1));
  let vectorVariable = -1;
  if (!gemm) {
    for (const d of order) {
      const size = group.domain[d];
      if (size === 1) continue;
      domain[d] = variableIndex(dims.length, size);
      dims.push({ size, reduced: group.reduced.includes(d) });
    }
    for (let d = group.domain.length - 1; d >= 0 && vectorVariable < 0; d--) {
      if (group.domain[d] !== 1)
        vectorVariable =
          known(domain[d].terms[0], 'a variable').atom.kind === 'var' ? variableOf(domain[d]) : -1;
    }
  }
  const domainVars = domainIndex(group.domain);

  /** Where a member is computed, in the kernel's variables. */
  function place(id: number): IndexExpr[] {
    const level = known(group.members.get(id), 'a member');
    const own = known(ownIndex(group, nodes[id].shape, level), 'a place in the domain');
    // ownIndex speaks of domain dimensions; each is a single variable there.
    return own.map((e) => {
      const d = domainVars.findIndex((v) => v === e || (v.terms.length > 0 && sameIndex(v, e)));
      return d < 0 ? e : domain[d];
    });
  }

  // --- expressions -----------------------------------------------------------------------------------------------------------

  function add(e: Expr, key: string): ExprId {
    const have = exprMemo.get(key);
    if (have !== undefined) return have;
    exprs.push(e);
    exprMemo.set(key, exprs.length - 1);
    return exprs.length - 1;
  }

  function slot(node: number, access: 'read' | 'write'): number {
    const key = `${node}:${access}`;
    const have = slots.get(key);
    if (have !== undefined) return have;
    buffers.push({ dtype: nodes[node].dtype, access });
    bindings.push({ node, access });
    slots.set(key, buffers.length - 1);
    return buffers.length - 1;
  }

  function load(node: number, index: readonly IndexExpr[]): ExprId {
    const flat = flatten(nodes[node].shape, index);
    loads.push({ node, index: flat });
    const buffer = slot(node, 'read');
    return add(
      { op: 'load', dtype: nodes[node].dtype, buffer, index: flat },
      `load ${buffer} ${indexKey(flat)}`,
    );
  }

  function guarded(value: ExprId, guards: readonly Guard[]): ExprId {
    if (guards.length === 0) return value;
    const key = guards.map((g) => `${indexKey(g.index)} ${g.low} ${g.high} ${g.step}`).join('&');
    return add({ op: 'guard', dtype: exprs[value].dtype, guards, value }, `guard ${value} ${key}`);
  }

  /** The value of a node at an index. */
  function read(id: number, index: readonly IndexExpr[]): ExprId {
    const n = nodes[id];
    const { dtype } = n;
    if (n.leaf >= 0) return load(id, index);
    if (n.argument >= 0) {
      let at = argumentSlots.get(n.argument);
      if (at === undefined) {
        at = argumentTypes.push(dtype) - 1;
        argumentSlots.set(n.argument, at);
      }
      return add({ op: 'argument', dtype, slot: at }, `argument ${at}`);
    }
    if (computes(n)) {
      const inGroup = fusion.groupOf.get(id) === group;
      if (!inGroup && stored.has(id)) return load(id, index);
      if (inGroup && (n.op.kind === 'reduce' || n.op.kind === 'dot')) {
        if (!place(id).every((e, d) => sameIndex(e, index[d])))
          throw new InternalError(`node ${id} (${n.op.name}) is read out of place`);
        return n.op.kind === 'dot'
          ? add({ op: 'dot', dtype }, 'dot')
          : add({ op: 'stage', dtype, stage: stage(id) }, `stage ${stage(id)}`);
      }
    }
    return compute(id, index);
  }

  function compute(id: number, index: readonly IndexExpr[]): ExprId {
    const n = nodes[id];
    const { dtype } = n;
    switch (n.op.kind) {
      case 'elementwise': {
        const args = n.inputs.map((i) => read(i, index));
        if (!names.includes(n.op.name)) names.push(n.op.name);
        return add(
          { op: 'call', dtype, name: n.op.name, lower: n.op.lower, args },
          `${n.op.name} ${dtype} ${args.join(',')}`,
        );
      }
      case 'movement': {
        const { index: inner, guards } = readMovement(n, nodes[n.inputs[0]].shape, index);
        return guarded(read(n.inputs[0], inner), guards);
      }
      case 'gather': {
        const at = read(n.inputs[1], index);
        const through = known(readThrough(nodes, id, index, at)[1], 'what gather reads');
        if (!names.includes('gather')) names.push('gather');
        const value = read(through.node, through.index);
        if (uses(value, at)) return value;
        // A gather from a constant reads nothing at the index, which is an error all the same when it is out of range.
        const position = valueIndex(at, nodes[n.inputs[0]].shape[n.attributes[0]]);
        return add(
          { op: 'checked', dtype, value, index: position },
          `checked ${value} ${indexKey(position)}`,
        );
      }
      case 'random': {
        const [k0, k1, stream] = n.inputs.map((i) => read(i, []));
        const flat = flatten(n.shape, index);
        if (!names.includes('random')) names.push('random');
        return add(
          { op: 'random', dtype: 'float32', args: [k0, k1, stream], index: flat },
          `random ${k0},${k1},${stream} ${indexKey(flat)}`,
        );
      }
      case 'source': {
        if (n.op.name === 'constant') {
          const value = bitsNumber(n.attributes[0], n.attributes[1]);
          return add({ op: 'const', dtype, value }, `const ${dtype} ${Object.is(value, -0) ? '-0' : value}`);
        }
        const position = index[n.attributes[0]];
        return add({ op: 'index', dtype, index: position }, `index ${dtype} ${indexKey(position)}`);
      }
      default:
        throw new InternalError(`node ${id} (${n.op.name}) cannot be computed inside of a kernel`);
    }
  }

  /** Whether an expression reads at the position that another gives. */
  function uses(id: ExprId, position: ExprId): boolean {
    const e = exprs[id];
    if (exprIndices(e).some((index) => indexValues(index).includes(position))) return true;
    return exprArguments(e).some((a) => uses(a, position));
  }

  function stage(id: number): number {
    const have = stageOf.get(id);
    if (have !== undefined) return have;
    const n = nodes[id];
    const value = read(n.inputs[0], domain);
    const variable =
      n.op.name === 'argmax'
        ? domain[n.attributes[0]].terms[0]
          ? variableOf(domain[n.attributes[0]])
          : -1
        : -1;
    stages.push({ op: reduceOps[n.op.name], value, dtype: exprs[value].dtype, variable });
    names.push(n.op.name);
    stageOf.set(id, stages.length - 1);
    return stages.length - 1;
  }

  // --- gemm ------------------------------------------------------------------------------------------------------------------

  function gemmSizes(id: number) {
    const n = nodes[id];
    if (n.dtype !== 'float32')
      throw new DTypeError(`dot: ${n.dtype} matrices are not multiplied yet; cast them to float32`);
    const [lhs, rhs] = n.inputs.map((i) => nodes[i].shape);
    const l = dotLayout(n.attributes, lhs.length, rhs.length);
    const sizes = {
      batch: l.lhsBatch.map((d) => lhs[d]),
      free: l.lhsFree.map((d) => lhs[d]),
      columns: l.rhsFree.map((d) => rhs[d]),
      contract: l.lhsContract.map((d) => lhs[d]),
    };
    const product = (list: readonly number[]): number => list.reduce((p, q) => p * q, 1);
    const [m, nn, k] = [product(sizes.free), product(sizes.columns), product(sizes.contract)];
    const batch = sizes.batch.map((s, i) => variableIndex(i, s));
    const at = batch.length;
    const rows = unflatten(sizes.free, variableIndex(at, m));
    const columns = unflatten(sizes.columns, variableIndex(at + 1, nn));
    const depth = unflatten(sizes.contract, variableIndex(at + 2, k));
    const operand = (
      rank: number,
      b: readonly number[],
      f: readonly number[],
      c: readonly number[],
      free: readonly IndexExpr[],
    ): IndexExpr[] => {
      const index = new Array<IndexExpr>(rank);
      b.forEach((d, i) => {
        index[d] = batch[i];
      });
      f.forEach((d, i) => {
        index[d] = free[i];
      });
      c.forEach((d, i) => {
        index[d] = depth[i];
      });
      return index;
    };
    return {
      batch: sizes.batch,
      m,
      n: nn,
      k,
      domain: [...batch, ...rows, ...columns],
      lhs: operand(lhs.length, l.lhsBatch, l.lhsFree, l.lhsContract, rows),
      rhs: operand(rhs.length, l.rhsBatch, l.rhsFree, l.rhsContract, columns),
    };
  }

  const operands = gemm
    ? { a: read(nodes[dot].inputs[0], gemm.lhs), b: read(nodes[dot].inputs[1], gemm.rhs) }
    : null;

  // --- stores ----------------------------------------------------------------------------------------------------------------

  const stores: Store[] = writes.map((id) => {
    const own = place(id);
    const n = nodes[id];
    const value = n.op.kind === 'reduce' || n.op.kind === 'dot' ? read(id, own) : compute(id, own);
    const level = group.kind === 'row' ? known(group.members.get(id), 'a level') : 'full';
    return { buffer: slot(id, 'write'), index: flatten(n.shape, own), value, level };
  });

  const scatteredReads = new Set<number>();
  for (const id of writes) {
    const { into } = nodes[id];
    if (into < 0) continue;
    const own = indexKey(flatten(nodes[id].shape, place(id)));
    for (const l of loads)
      if (nodes[l.node].leaf === into && indexKey(l.index) !== own) scatteredReads.add(into);
  }

  const common = { exprs, stores, buffers, arguments: argumentTypes };
  const short = names.length > 6 ? [...names.slice(0, 5), `${names.length - 5}_more`] : names;
  const kernel: Kernel = gemm
    ? {
        kind: 'gemm',
        name: ['gemm', ...short].join('_'),
        batch: gemm.batch,
        m: gemm.m,
        n: gemm.n,
        k: gemm.k,
        ...known(operands, 'operands'),
        ...common,
      }
    : {
        kind: 'loops',
        name: [group.kind, ...(short.length > 0 ? short : ['copy'])].join('_'),
        dims,
        vectorVariable,
        stages,
        ...common,
      };
  return { group, kernel, bindings, arguments: [...argumentSlots.keys()], scatteredReads };
}

function variableOf(e: IndexExpr): number {
  const [term] = e.terms;
  if (term === undefined || term.atom.kind !== 'var') throw new InternalError('expected a single variable');
  return term.atom.variable;
}
