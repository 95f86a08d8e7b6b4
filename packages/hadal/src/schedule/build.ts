/**
 * Builds the L2 kernel of a group: reads every stored value backwards, through movement ops and fused producers, until it reaches
 * memory, constants, arguments or the group's own reductions and dot.
 */
import { bitsNumber } from '../base/attributes.js';
import type { DType } from '../base/dtype.js';
import { InternalError, known } from '../base/errors.js';
import { numel } from '../base/shape.js';
import type { Template, TemplateNode } from '../graph/template.js';
import type { Guard, IndexExpr } from '../kernel/index-expr.js';
import {
  addIndex,
  constantIndex,
  indexKey,
  sameIndex,
  scaleIndex,
  valueIndex,
  variableIndex,
} from '../kernel/index-expr.js';
import type {
  Expr,
  ExprId,
  HostFunction,
  Kernel,
  KernelBuffer,
  LoopDim,
  ReduceOp,
  Stage,
  Store,
} from '../kernel/l2.js';
import { exprArguments, exprIndices, indexValues } from '../kernel/l2.js';
import type { Fusion, Group } from './groups.js';
import { computes, domainIndex, isProduct, ownIndex, pointsOf, reshaped } from './groups.js';
import { flatten, lookupIndex, readMovement, readThrough, unflatten } from './movement-index.js';
import { productLayout } from './products.js';

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
  prod: 'prod',
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
  if (group.kind === 'host') return buildHost(nodes, group, writes);

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
        [...group.members.keys()].find((id) => isProduct(nodes[id])),
        'the product of a gemm',
      )
    : -1;
  const gemm = isGemm ? productLayout(nodes, dot) : null;
  /** A domain dimension as an expression of the kernel's variables. */
  const domain: IndexExpr[] = gemm ? [...gemm.domain] : group.domain.map(() => variableIndex(0, 1));
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
    const own = known(ownIndex(group, pointsOf(nodes, id), level), 'a place in the domain');
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

  function constant(dtype: DType, value: number): ExprId {
    return add({ op: 'const', dtype, value }, `const ${dtype} ${Object.is(value, -0) ? '-0' : value}`);
  }

  function guarded(value: ExprId, guards: readonly Guard[]): ExprId {
    if (guards.length === 0) return value;
    const key = guards.map((g) => `${indexKey(g.index)} ${g.low} ${g.high} ${g.step}`).join('&');
    return add({ op: 'guard', dtype: exprs[value].dtype, guards, value }, `guard ${value} ${key}`);
  }

  /**
   * The value of a node at an index. One without elements has none: its loops run no round, but what does not depend on them is
   * computed ahead of them, and must not load.
   */
  function read(id: number, index: readonly IndexExpr[]): ExprId {
    const n = nodes[id];
    const { dtype } = n;
    if (numel(n.shape) === 0) return constant(dtype, 0);
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
      if (inGroup && (n.op.kind === 'reduce' || isProduct(n))) {
        if (!place(id).every((e, d) => sameIndex(e, index[d])))
          throw new InternalError(`node ${id} (${n.op.name}) is read out of place`);
        return isProduct(n)
          ? add({ op: 'dot', dtype }, 'dot')
          : add({ op: 'stage', dtype, stage: stage(id) }, `stage ${stage(id)}`);
      }
    }
    return compute(id, index);
  }

  const computed = new Map<string, ExprId>();

  /** What a node computes at an index; once, however many ways lead to it. */
  function compute(id: number, index: readonly IndexExpr[]): ExprId {
    const key = `${id}@${index.map(indexKey).join()}`;
    const have = computed.get(key);
    if (have !== undefined) return have;
    const made = computeNew(id, index);
    computed.set(key, made);
    return made;
  }

  function computeNew(id: number, index: readonly IndexExpr[]): ExprId {
    const n = nodes[id];
    const { dtype } = n;
    if (numel(n.shape) === 0) return constant(dtype, 0);
    switch (n.op.kind) {
      case 'elementwise': {
        const args = n.inputs.map((i) => read(i, index));
        if (!names.includes(n.op.name)) names.push(n.op.name);
        const scalar = n.op.scalarOnly?.(nodes[n.inputs[0]].dtype) ?? false;
        return add(
          { op: 'call', dtype, name: n.op.name, lower: n.op.lower, scalar, args },
          `${n.op.name} ${dtype} ${args.join(',')}`,
        );
      }
      case 'movement': {
        const { index: inner, guards } = readMovement(n, nodes[n.inputs[0]].shape, index);
        return guarded(read(n.inputs[0], inner), guards);
      }
      case 'gather': {
        const at = read(n.inputs[1], lookupIndex(n, index));
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
          return constant(dtype, bitsNumber(n.attributes[0], n.attributes[1]));
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

  const operands = gemm ? nodes[dot].inputs.map((input, i) => read(input, gemm.inputs[i])) : [];

  // --- stores ----------------------------------------------------------------------------------------------------------------

  const stores: Store[] = writes.flatMap((id): Store[] => {
    const own = place(id);
    const n = nodes[id];
    if (n.op.kind === 'interleave') return interleavedStores(id, own);
    const base = reshaped(nodes, id);
    const isOwn = base < 0 && n.op.kind !== 'reduce' && !isProduct(n);
    const value = isOwn ? compute(id, own) : read(base < 0 ? id : base, own);
    const level = group.kind === 'row' ? known(group.members.get(id), 'a level') : 'full';
    return [{ buffer: slot(id, 'write'), index: flatten(pointsOf(nodes, id), own), value, level }];
  });

  /** One store for each part, where its elements go. */
  function interleavedStores(id: number, own: readonly IndexExpr[]): Store[] {
    const n = nodes[id];
    const sizes = n.attributes;
    const lead = n.shape.length - sizes.length;
    names.push('interleave');
    return n.inputs.map((input, part): Store => {
      const inWindow = unflatten(sizes, constantIndex(part));
      const index = own.map((e, d) =>
        d < lead ? e : addIndex(scaleIndex(e, sizes[d - lead]), inWindow[d - lead]),
      );
      return {
        buffer: slot(id, 'write'),
        index: flatten(n.shape, index),
        value: read(input, own),
        level: 'full',
      };
    });
  }

  const scatteredReads = new Set<number>();
  for (const id of writes) {
    const { into } = nodes[id];
    if (into < 0) continue;
    const isSpread = nodes[id].op.kind === 'interleave';
    const own = isSpread ? '' : indexKey(flatten(pointsOf(nodes, id), place(id)));
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
        outer: gemm.outer,
        a: operands[gemm.a],
        b: operands[1 - gemm.a],
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

/** `writes`: those of the op's results that are stored. */
function buildHost(nodes: readonly TemplateNode[], group: Group, writes: readonly number[]): BuiltKernel {
  const [id] = group.members.keys();
  const n = nodes[id];
  const describe = (i: number) => ({ shape: nodes[i].shape, dtype: nodes[i].dtype });
  const inputs = n.inputs.map(describe);
  const results = writes.map((w) => ({ ...describe(w), result: w === id ? 0 : nodes[w].attributes[0] }));
  return {
    group,
    kernel: {
      kind: 'host',
      name: n.op.name,
      compute: hostFunction(n),
      attributes: n.attributes,
      inputs,
      results,
      exprs: [],
      stores: [],
      buffers: [
        ...inputs.map((i) => ({ dtype: i.dtype, access: 'read' as const })),
        ...results.map((r) => ({ dtype: r.dtype, access: 'write' as const })),
      ],
      arguments: [],
    },
    bindings: [
      ...n.inputs.map((node) => ({ node, access: 'read' as const })),
      ...writes.map((node) => ({ node, access: 'write' as const })),
    ],
    arguments: [],
    // It reads all of its inputs while it writes.
    scatteredReads: new Set(n.inputs.map((i) => nodes[i].leaf).filter((leaf) => leaf >= 0)),
  };
}

/** An op's reference: all of its results. */
function hostFunction({ op, attributes, shape, dtype }: TemplateNode): HostFunction {
  if (op.kind === 'elementwise') throw new InternalError(`${op.name} is no host op`);
  if ('results' in op) return (inputs) => op.reference(inputs, attributes, op.results(inputs, attributes));
  return (inputs) => [op.reference(inputs, attributes, shape, dtype)];
}

function variableOf(e: IndexExpr): number {
  const [term] = e.terms;
  if (term === undefined || term.atom.kind !== 'var') throw new InternalError('expected a single variable');
  return term.atom.variable;
}
