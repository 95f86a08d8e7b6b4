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
  ScanOp,
  SortKernel,
  Stage,
  Store,
} from '../kernel/l2.js';
import { exprArguments, exprIndices, indexValues } from '../kernel/l2.js';
import type { KeyKind } from '../kernel/sort-keys.js';
import { keyOf } from '../kernel/sort-keys.js';
import { attentionKernel, attentionLayout } from './attention.js';
import type { Fusion, Group } from './groups.js';
import { computes, domainIndex, isLine, isProduct, ownIndex, pointsOf, reshaped } from './groups.js';
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

/** Lines up to this are sorted by rank: those with keys of 32 bits, which are compared in vectors, and others. */
const RANKED: { readonly [K in KeyKind]: number } = { i32: 80, i64: 24 };
/** Of lines at least this long a few elements are selected, if they are no more than the line over `FEW`. */
const SELECTED = 1024;
const FEW = 4;

function sortMethod(length: number, wanted: number, key: KeyKind): SortKernel['method'] {
  if (length <= RANKED[key]) return 'rank';
  return length >= SELECTED && wanted > 0 && wanted * FEW <= length ? 'select' : 'radix';
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
  // A scatter walks its source, whose positions are not those of its result.
  const walked = group.kind === 'scatter' ? nodes[scatterSource(nodes[writes[0]])].shape : group.domain;
  const order = [
    ...walked.map((_, d) => d).filter((d) => !group.reduced.includes(d)),
    ...walked.map((_, d) => d).filter((d) => group.reduced.includes(d)),
  ];
  const isGemm = group.kind === 'gemm';
  const dot = isGemm
    ? known(
        [...group.members.keys()].find((id) => isProduct(nodes[id])),
        'the product of a gemm',
      )
    : -1;
  const gemm = isGemm ? productLayout(nodes, dot) : null;
  /** The scan or sort of the group, and the dimension it runs along. */
  const core = [...group.members.keys()].find((id) => isLine(nodes[id])) ?? -1;
  const line = core >= 0 ? nodes[core].attributes[0] : -1;
  /** A domain dimension as an expression of the kernel's variables. */
  const domain: IndexExpr[] = gemm ? [...gemm.domain] : walked.map(() => variableIndex(0, 1));
  let vectorVariable = -1;
  let lineVariable = -1;
  if (!gemm) {
    for (const d of order) {
      const size = walked[d];
      if (size === 1 && d !== line) continue;
      domain[d] = variableIndex(dims.length, size);
      if (d === line) lineVariable = dims.length;
      dims.push({ size, reduced: group.reduced.includes(d) });
    }
    for (let d = walked.length - 1; d >= 0 && vectorVariable < 0; d--) {
      if (walked[d] !== 1)
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
      if (inGroup && isCore(n)) {
        if (!place(id).every((e, d) => sameIndex(e, index[d])))
          throw new InternalError(`node ${id} (${n.op.name}) is read out of place`);
        if (isProduct(n)) return add({ op: 'dot', dtype }, 'dot');
        if (n.op.name === 'sort') return sortedElement(n, index);
        const at = n.op.kind === 'reduce' ? stage(id) : coreStage(n);
        return add({ op: 'stage', dtype, stage: at }, `stage ${at}`);
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

  /** The stage of a scan or sort that a result of it is. */
  function coreStage(n: TemplateNode): number {
    return n.op.kind === 'result' && nodes[core].op.kind === 'scan' ? n.attributes[0] : 0;
  }

  /** The element whose turn it is in a sorted line. */
  function sortedElement({ inputs: [input] }: TemplateNode, index: readonly IndexExpr[]): ExprId {
    const at = add({ op: 'stage', dtype: 'int64', stage: 0 }, 'stage 0');
    const position = valueIndex(at, nodes[input].shape[line]);
    return read(
      input,
      index.map((e, d) => (d === line ? position : e)),
    );
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

  if (group.kind === 'attention') return buildAttention();

  const operands = gemm ? nodes[dot].inputs.map((input, i) => read(input, gemm.inputs[i])) : [];
  /** The variable after those of the domain: of elements to be sorted, or of positions to scatter to. */
  const extra = dims.length;
  const coreInputs = core >= 0 ? readCore(nodes[core]) : [];

  /** What a scan or sort reads: a sort at all elements of the line. */
  function readCore(n: TemplateNode): readonly ExprId[] {
    names.push(n.op.name);
    if (n.op.kind === 'scan') return n.inputs.map((i) => read(i, domain));
    const [input] = n.inputs;
    const length = nodes[input].shape[line];
    return [
      read(
        input,
        domain.map((e, d) => (d === line ? variableIndex(extra, length) : e)),
      ),
    ];
  }

  // --- stores ----------------------------------------------------------------------------------------------------------------

  const scatter = group.kind === 'scatter' ? scatterParts(writes[0]) : null;
  const stores: readonly Store[] = scatter?.stores ?? writes.flatMap(storesOf);

  function storesOf(id: number): Store[] {
    const own = place(id);
    const n = nodes[id];
    if (n.op.kind === 'interleave') return interleavedStores(id, own);
    const base = reshaped(nodes, id);
    const isOwn = base < 0 && !isCore(n);
    const value = isOwn ? compute(id, own) : read(base < 0 ? id : base, own);
    const level = group.kind === 'row' ? known(group.members.get(id), 'a level') : 'full';
    return [{ buffer: slot(id, 'write'), index: flatten(pointsOf(nodes, id), own), value, level }];
  }

  /** Where a scatter's elements go, what its result is filled with before, and what then goes there. */
  function scatterParts(id: number): { readonly position: ExprId; readonly stores: readonly Store[] } {
    const n = nodes[id];
    const [dim] = n.attributes;
    names.push(n.op.name);
    const everywhere = variableIndex(extra + 1, numel(n.shape));
    const first =
      n.op.name === 'scatter' ? load(n.inputs[0], unflatten(n.shape, everywhere)) : constant(n.dtype, 0);
    const index = n.op.name === 'scatter' ? n.inputs[1] : n.inputs[n.inputs.length - 1];
    const position = read(index, n.op.name === 'indexAdd' ? [domain[dim]] : domain);
    const value = read(scatterSource(n), domain);
    const target = domain.map((e, d) => (d === dim ? variableIndex(extra, n.shape[dim]) : e));
    const buffer = slot(id, 'write');
    if (n.op.name !== 'scatter') buffers[buffer] = { ...buffers[buffer], access: 'readwrite' };
    return {
      position,
      stores: [
        { buffer, index: everywhere, value: first, level: 'full' },
        { buffer, index: flatten(n.shape, target), value, level: 'full' },
      ],
    };
  }

  /** Attention reads its operands as a gemm does; each of its results that is stored is a store of its own. */
  function buildAttention(): BuiltKernel {
    const [id] = group.members.keys();
    const layout = attentionLayout(nodes, id);
    const inputs = nodes[id].inputs.map((input, i) => read(input, layout.inputs[i]));
    const written = writes.map((w) => (w === id ? 0 : nodes[w].attributes[0]));
    const results = writes.map((w, i): Store => {
      const { dtype, shape } = nodes[w];
      const value = add({ op: 'dot', dtype }, `dot ${dtype}`);
      return {
        buffer: slot(w, 'write'),
        index: flatten(shape, layout.results[written[i]]),
        value,
        level: 'full',
      };
    });
    return {
      group,
      kernel: {
        ...attentionKernel(nodes, id, inputs, written),
        name: nodes[id].op.name,
        exprs,
        stores: results,
        buffers,
        arguments: argumentTypes,
      },
      bindings,
      arguments: [...argumentSlots.keys()],
      // It reads rows again and again while it writes others.
      scatteredReads: new Set(loads.map((l) => nodes[l.node].leaf).filter((leaf) => leaf >= 0)),
    };
  }

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
    const own = ownKey(id);
    for (const l of loads)
      if (nodes[l.node].leaf === into && indexKey(l.index) !== own) scatteredReads.add(into);
  }

  /** Where a stored value is written, if it is at the point at which its kernel reads. */
  function ownKey(id: number): string {
    if (nodes[id].op.kind === 'interleave') return '';
    return indexKey(scatter ? scatter.stores[0].index : flatten(pointsOf(nodes, id), place(id)));
  }

  const common = { exprs, stores, buffers, arguments: argumentTypes };
  const short = names.length > 6 ? [...names.slice(0, 5), `${names.length - 5}_more`] : names;
  const name = [group.kind, ...(short.length > 0 || gemm ? short : ['copy'])].join('_');
  const loopSizes = dims.map((d) => d.size);

  function assemble(): Kernel {
    if (gemm) {
      const { batch, m, n, k, outer, a } = gemm;
      return { kind: 'gemm', name, batch, m, n, k, outer, a: operands[a], b: operands[1 - a], ...common };
    }
    if (scatter) {
      const n = nodes[writes[0]];
      return {
        kind: 'scatter',
        name,
        dims: loopSizes,
        position: scatter.position,
        size: n.shape[n.attributes[0]],
        elements: numel(n.shape),
        mode: n.op.name === 'scatter' ? 'set' : 'add',
        ...common,
      };
    }
    if (core < 0) return { kind: 'loops', name, dims, vectorVariable, stages, ...common };
    const { op, inputs, attributes } = nodes[core];
    if (op.kind === 'scan') {
      const how = scanOp(nodes[core]);
      return {
        kind: 'scan',
        name,
        dims: loopSizes,
        line: lineVariable,
        op: how,
        values: coreInputs,
        ...common,
      };
    }
    const length = nodes[inputs[0]].shape[line];
    return {
      kind: 'sort',
      name,
      dims: loopSizes,
      line: lineVariable,
      length,
      key: coreInputs[0],
      descending: attributes[1] === 1,
      method: sortMethod(length, nodes[core].shape[line], keyOf(exprs[coreInputs[0]].dtype).kind),
      ...common,
    };
  }
  return { group, kernel: assemble(), bindings, arguments: [...argumentSlots.keys()], scatteredReads };
}

/** Whether a node's value is what its kernel's template computes, rather than an expression. */
function isCore(n: TemplateNode): boolean {
  return n.op.kind === 'reduce' || n.op.kind === 'result' || isLine(n) || isProduct(n);
}

function scanOp({ op, attributes }: TemplateNode): ScanOp {
  switch (op.name) {
    case 'cumsum':
      return 'sum';
    case 'recurrence':
      return 'linear';
    case 'runningExtremum':
      return attributes[1] === 1 ? 'max' : 'min';
    default:
      throw new InternalError(`${op.name} is no scan`);
  }
}

/** The input whose elements a scatter moves. */
function scatterSource(n: TemplateNode): number {
  return n.op.name === 'scatter' ? n.inputs[2] : n.inputs[0];
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
