/**
 * Reads values of a group backwards, through movement ops and fused producers, until it reaches memory, constants, arguments or what the
 * group's own template computes: the expressions of one kernel, with the buffers, arguments and reductions that they need.
 */
import { bitsNumber } from '../base/attributes.js';
import type { DType } from '../base/dtype.js';
import { InternalError, known } from '../base/errors.js';
import { numel } from '../base/shape.js';
import type { TemplateNode } from '../graph/template.js';
import type { Guard, IndexExpr } from '../kernel/index-expr.js';
import { indexKey, sameIndex, valueIndex } from '../kernel/index-expr.js';
import type { Expr, ExprId, KernelBuffer, ReduceOp, Stage } from '../kernel/l2.js';
import { exprArguments, exprIndices, indexValues } from '../kernel/l2.js';
import type { Fusion, Group } from './groups.js';
import { computes, isLine, isProduct } from './groups.js';
import { flatten, lookupIndex, readMovement, readThrough } from './movement-index.js';
import type { Variables } from './variables.js';
import { placeOf } from './variables.js';

/** What a kernel's buffer slot stands for: a template node that is a leaf or is stored. */
export interface Binding {
  readonly node: number;
  readonly access: 'read' | 'write';
}

const reduceOps: { readonly [name: string]: ReduceOp } = {
  sum: 'sum',
  prod: 'prod',
  max: 'max',
  min: 'min',
  argmax: 'argmax',
};

/** Whether a node's value is what its kernel's template computes, rather than an expression. */
export function isCore(n: TemplateNode): boolean {
  return n.op.kind === 'reduce' || n.op.kind === 'result' || isLine(n) || isProduct(n);
}

export class KernelReader {
  readonly nodes: readonly TemplateNode[];
  readonly group: Group;
  readonly variables: Variables;
  readonly exprs: Expr[] = [];
  readonly buffers: KernelBuffer[] = [];
  readonly bindings: Binding[] = [];
  readonly stages: Stage[] = [];
  readonly argumentTypes: DType[] = [];
  /** Every place in memory that an expression reads. */
  readonly loads: { readonly node: number; readonly index: IndexExpr }[] = [];
  /** Ops for the kernel's name, in the order in which they were met. */
  readonly names: string[] = [];
  readonly #fusion: Fusion;
  readonly #stored: ReadonlySet<number>;
  readonly #exprMemo = new Map<string, ExprId>();
  readonly #slots = new Map<string, number>();
  readonly #argumentSlots = new Map<number, number>();
  readonly #stageOf = new Map<number, number>();
  readonly #computed = new Map<string, ExprId>();

  /** @param stored nodes whose values are in memory once their own kernel has run. */
  constructor(
    nodes: readonly TemplateNode[],
    fusion: Fusion,
    stored: ReadonlySet<number>,
    group: Group,
    variables: Variables,
  ) {
    this.nodes = nodes;
    this.#fusion = fusion;
    this.#stored = stored;
    this.group = group;
    this.variables = variables;
  }

  /** Template argument of each of the kernel's arguments. */
  get arguments(): readonly number[] {
    return [...this.#argumentSlots.keys()];
  }

  /** Where a member is computed, in the kernel's variables. */
  place(id: number): IndexExpr[] {
    return placeOf(this.nodes, this.group, this.variables, id);
  }

  /** The slot of a node's memory. */
  slot(node: number, access: 'read' | 'write'): number {
    const key = `${node}:${access}`;
    const have = this.#slots.get(key);
    if (have !== undefined) return have;
    this.buffers.push({ dtype: this.nodes[node].dtype, access });
    this.bindings.push({ node, access });
    this.#slots.set(key, this.buffers.length - 1);
    return this.buffers.length - 1;
  }

  load(node: number, index: readonly IndexExpr[]): ExprId {
    const { dtype, shape } = this.nodes[node];
    const flat = flatten(shape, index);
    this.loads.push({ node, index: flat });
    const buffer = this.slot(node, 'read');
    return this.#add({ op: 'load', dtype, buffer, index: flat }, `load ${buffer} ${indexKey(flat)}`);
  }

  constant(dtype: DType, value: number): ExprId {
    return this.#add({ op: 'const', dtype, value }, `const ${dtype} ${Object.is(value, -0) ? '-0' : value}`);
  }

  /** What the template of a product or of attention computes. */
  dot(dtype: DType): ExprId {
    return this.#add({ op: 'dot', dtype }, `dot ${dtype}`);
  }

  /**
   * The value of a node at an index. One without elements has none: its loops run no round, but what does not depend on them is
   * computed ahead of them, and must not load.
   */
  read(id: number, index: readonly IndexExpr[]): ExprId {
    const n = this.nodes[id];
    const { dtype } = n;
    if (numel(n.shape) === 0) return this.constant(dtype, 0);
    if (n.leaf >= 0) return this.load(id, index);
    if (n.argument >= 0) return this.#argument(n);
    if (computes(n)) {
      const inGroup = this.#fusion.groupOf.get(id) === this.group;
      if (!inGroup && this.#stored.has(id)) return this.load(id, index);
      if (inGroup && isCore(n)) {
        if (!this.place(id).every((e, d) => sameIndex(e, index[d])))
          throw new InternalError(`node ${id} (${n.op.name}) is read out of place`);
        if (isProduct(n)) return this.dot(dtype);
        if (n.op.name === 'sort') return this.#sortedElement(n, index);
        return this.#stage(n.op.kind === 'reduce' ? this.#reduction(id) : this.#lineStage(n), dtype);
      }
    }
    return this.compute(id, index);
  }

  /** What a node computes at an index; once, however many ways lead to it. */
  compute(id: number, index: readonly IndexExpr[]): ExprId {
    const key = `${id}@${index.map(indexKey).join()}`;
    const have = this.#computed.get(key);
    if (have !== undefined) return have;
    const made = this.#compute(id, index);
    this.#computed.set(key, made);
    return made;
  }

  #add(e: Expr, key: string): ExprId {
    const have = this.#exprMemo.get(key);
    if (have !== undefined) return have;
    this.exprs.push(e);
    this.#exprMemo.set(key, this.exprs.length - 1);
    return this.exprs.length - 1;
  }

  #name(op: string): void {
    if (!this.names.includes(op)) this.names.push(op);
  }

  #argument({ argument, dtype }: TemplateNode): ExprId {
    let slot = this.#argumentSlots.get(argument);
    if (slot === undefined) {
      slot = this.argumentTypes.push(dtype) - 1;
      this.#argumentSlots.set(argument, slot);
    }
    return this.#add({ op: 'argument', dtype, slot }, `argument ${slot}`);
  }

  #stage(stage: number, dtype: DType): ExprId {
    return this.#add({ op: 'stage', dtype, stage }, `stage ${stage}`);
  }

  #guarded(value: ExprId, guards: readonly Guard[]): ExprId {
    if (guards.length === 0) return value;
    const key = guards.map((g) => `${indexKey(g.index)} ${g.low} ${g.high} ${g.step}`).join('&');
    return this.#add({ op: 'guard', dtype: this.exprs[value].dtype, guards, value }, `guard ${value} ${key}`);
  }

  #compute(id: number, index: readonly IndexExpr[]): ExprId {
    const { nodes } = this;
    const n = nodes[id];
    const { dtype } = n;
    if (numel(n.shape) === 0) return this.constant(dtype, 0);
    switch (n.op.kind) {
      case 'elementwise': {
        const args = n.inputs.map((i) => this.read(i, index));
        this.#name(n.op.name);
        return this.#add(
          {
            op: 'call',
            dtype,
            name: n.op.name,
            lower: n.op.lower,
            isLong: n.op.isLong === true,
            args,
          },
          `${n.op.name} ${dtype} ${args.join(',')}`,
        );
      }
      case 'movement': {
        const { index: inner, guards } = readMovement(n, nodes[n.inputs[0]].shape, index);
        return this.#guarded(this.read(n.inputs[0], inner), guards);
      }
      case 'gather':
        return this.#gathered(id, index);
      case 'random': {
        const [k0, k1, stream] = n.inputs.map((i) => this.read(i, []));
        const flat = flatten(n.shape, index);
        this.#name('random');
        return this.#add(
          { op: 'random', dtype: 'float32', args: [k0, k1, stream], index: flat },
          `random ${k0},${k1},${stream} ${indexKey(flat)}`,
        );
      }
      case 'source': {
        if (n.op.name === 'constant')
          return this.constant(dtype, bitsNumber(n.attributes[0], n.attributes[1]));
        const position = index[n.attributes[0]];
        return this.#add({ op: 'index', dtype, index: position }, `index ${dtype} ${indexKey(position)}`);
      }
      default:
        throw new InternalError(`node ${id} (${n.op.name}) cannot be computed inside of a kernel`);
    }
  }

  #gathered(id: number, index: readonly IndexExpr[]): ExprId {
    const { nodes } = this;
    const n = nodes[id];
    const at = this.read(n.inputs[1], lookupIndex(n, index));
    const through = known(readThrough(nodes, id, index, at)[1], 'what gather reads');
    this.#name('gather');
    const value = this.read(through.node, through.index);
    if (this.#uses(value, at)) return value;
    // A gather from a constant reads nothing at the index, which is an error all the same when it is out of range.
    const position = valueIndex(at, nodes[n.inputs[0]].shape[n.attributes[0]]);
    return this.#add(
      { op: 'checked', dtype: n.dtype, value, index: position },
      `checked ${value} ${indexKey(position)}`,
    );
  }

  /** Whether an expression reads at the position that another gives. */
  #uses(id: ExprId, position: ExprId): boolean {
    const e = this.exprs[id];
    if (exprIndices(e).some((index) => indexValues(index).includes(position))) return true;
    return exprArguments(e).some((a) => this.#uses(a, position));
  }

  /** The stage of the line's scan or sort that a result of it is. */
  #lineStage(n: TemplateNode): number {
    const isScan = this.nodes[this.variables.core].op.kind === 'scan';
    return n.op.kind === 'result' && isScan ? n.attributes[0] : 0;
  }

  /** The element whose turn it is in a sorted line. */
  #sortedElement({ inputs: [input] }: TemplateNode, index: readonly IndexExpr[]): ExprId {
    const { line } = this.variables;
    const position = valueIndex(this.#stage(0, 'int64'), this.nodes[input].shape[line]);
    return this.read(
      input,
      index.map((e, d) => (d === line ? position : e)),
    );
  }

  /** The stage that is a reduction of the group. */
  #reduction(id: number): number {
    const have = this.#stageOf.get(id);
    if (have !== undefined) return have;
    const { op, inputs, attributes } = this.nodes[id];
    const value = this.read(inputs[0], this.variables.domain);
    const variable = op.name === 'argmax' ? this.variables.variableAt[attributes[0]] : -1;
    const stage =
      this.stages.push({ op: reduceOps[op.name], value, dtype: this.exprs[value].dtype, variable }) - 1;
    this.names.push(op.name);
    this.#stageOf.set(id, stage);
    return stage;
  }
}
