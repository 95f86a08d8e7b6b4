/** Emits graph ops as nodes of a template under construction: what passes over templates and gradients of regions build with. */
import type { DType } from '../base/dtype.js';
import type { Shape } from '../base/shape.js';
import { OpEmitter } from './emitter.js';
import type { Attributes, Op, Operand, TupleOp } from './op.js';
import type { OpName, TupleName } from './table.js';
import { opTable } from './table.js';
import type { TemplateNode } from './template.js';

/** A node of the template under construction. */
export interface Position extends Operand {
  readonly at: number;
}

export const plain = { leaf: -1, argument: -1, root: false, handle: false, boundary: false, into: -1 };

export class TemplateEmitter extends OpEmitter<Position> {
  readonly nodes: TemplateNode[] = [];
  /** What was put in memory already, by what it was made of. */
  readonly #written = new Map<string, Position>();

  protected override apply(
    name: OpName,
    inputs: readonly Position[],
    attributes: Attributes,
    shape: Shape,
    dtype: DType,
  ): Position {
    return this.emit(opTable[name], inputs, attributes, shape, dtype);
  }

  /** Any op, its result's shape and dtype given. */
  emit(op: Op, inputs: readonly Position[], attributes: Attributes, shape: Shape, dtype: DType): Position {
    this.nodes.push({ op, inputs: inputs.map((i) => i.at), attributes, shape, dtype, ...plain });
    return { at: this.nodes.length - 1, shape, dtype };
  }

  protected override applyMany(
    name: TupleName,
    inputs: readonly Position[],
    attributes: Attributes,
  ): readonly Position[] {
    const op: TupleOp = opTable[name];
    const [first, ...others] = op.results(inputs, attributes);
    const node = this.apply(name, inputs, attributes, first.shape, first.dtype);
    return [node, ...others.map((t, i) => this.apply('result', [node], [i + 1], t.shape, t.dtype))];
  }

  position(at: number): Position {
    return { at, shape: this.nodes[at].shape, dtype: this.nodes[at].dtype };
  }

  /** Lets a node stand for one of another template: whoever wanted that one's value wants this one's, in the same place. */
  standFor(at: number, { root, handle, boundary, into }: TemplateNode): void {
    this.nodes[at] = { ...this.nodes[at], root, handle, boundary, into };
  }

  copy(x: Position): Position {
    return this.apply('copy', [x], [], x.shape, x.dtype);
  }

  /** A value that is written to memory as it is; once for one `key`. */
  written(key: string, make: () => Position): Position {
    const have = this.#written.get(key);
    if (have) return have;
    const x = make();
    // What is put together is written as it is.
    const copy = this.nodes[x.at].op.kind === 'interleave' ? x : this.copy(x);
    this.nodes[copy.at] = { ...this.nodes[copy.at], boundary: true };
    this.#written.set(key, copy);
    return copy;
  }

  /** The value itself where it lies in memory anyway, else a copy of it. */
  inMemory(x: Position): Position {
    return this.isInMemory(x) ? x : this.written(`as it is ${x.at}`, () => x);
  }

  /** Whether a value lies in memory anyway, in the order of its elements. */
  isInMemory(x: Position): boolean {
    const n = this.nodes[x.at];
    const { kind } = n.op;
    return n.leaf >= 0 || (kind !== 'movement' && kind !== 'gather' && kind !== 'source');
  }
}
