/**
 * Values that the tape of a compiled function's results keeps: written to memory by the traced runs, or views of such, or made of
 * numbers. Recipes say how to have them again in another call, when a backward pass asks.
 */
import type { AutogradOps } from '../../autograd/ops.js';
import { convertNumber, type DType } from '../../base/dtype.js';
import { CompileError, known } from '../../base/errors.js';
import type { Shape } from '../../base/shape.js';
import type { RecordedNumber, RunRecorder } from '../../engine/run-recorder.js';
import type { Buffer } from '../../graph/buffer.js';
import { Node } from '../../graph/node.js';
import type { Attributes } from '../../graph/op.js';
import { isTuple } from '../../graph/op.js';
import type { OpName } from '../../graph/table.js';
import { opTable } from '../../graph/table.js';

type Recipe =
  | {
      readonly kind: 'register';
      readonly register: number;
      readonly stale: boolean;
      readonly shape: Shape;
      readonly dtype: DType;
    }
  | ({ readonly kind: 'number' } & RecordedNumber)
  | {
      readonly kind: 'op';
      readonly name: OpName;
      readonly inputs: readonly number[];
      readonly attributes: Attributes;
      readonly shape: Shape;
      readonly dtype: DType;
    };

/** What one call has for the recipes: memory with its version, and numbers. */
export type SavedMemory = readonly ({ readonly buffer: Buffer; readonly version: number } | number | null)[];

export class SavedNodes {
  readonly #recipes: Recipe[] = [];
  readonly #names = new Map<Node, number>();

  /** A number for a node that is there when all traced runs are done. */
  name(node: Node, recorder: RunRecorder): number {
    const have = this.#names.get(node);
    if (have !== undefined) return have;
    const recipe = this.#recipeOf(node, recorder);
    const name = this.#recipes.push(recipe) - 1;
    this.#names.set(node, name);
    return name;
  }

  #recipeOf(node: Node, recorder: RunRecorder): Recipe {
    const { shape, dtype, buffer } = node;
    if (buffer !== null) {
      const register = recorder.registerOf(buffer);
      if (register < 0)
        throw new CompileError(
          `compile: a result depends on a value of shape [${shape.join(', ')}] from outside of the function`,
        );
      return { kind: 'register', register, stale: node.isStale, shape, dtype };
    }
    if (node.op.name === 'argument') return { kind: 'number', value: node.value, dtype, live: node.live };
    if (isTuple(node.op) || node.op.kind === 'result')
      throw new CompileError(`compile: a gradient needs a result of ${node.op.name} that was not written`);
    const inputs = node.inputs.map((input) => this.name(input, recorder));
    return { kind: 'op', name: node.op.name as OpName, inputs, attributes: node.attributes, shape, dtype };
  }

  /** Forgets the nodes of the trace; their numbers stay. */
  seal(): void {
    this.#names.clear();
  }

  /** Registers whose contents are wanted after the runs. */
  get registers(): readonly number[] {
    return this.#recipes.flatMap((r) => (r.kind === 'register' ? [r.register] : []));
  }

  /** Takes down what this call has for the recipes. */
  hold(memory: readonly (Buffer | null)[]): SavedMemory {
    return this.#recipes.map((recipe) => {
      switch (recipe.kind) {
        case 'register': {
          const buffer = known(memory[recipe.register], 'memory');
          return { buffer, version: recipe.stale ? -1 : buffer.version };
        }
        case 'number':
          return recipe.live === null ? null : recipe.live.numbers.values[recipe.live.index];
        case 'op':
          return null;
      }
    });
  }

  /** The nodes of one call, made as they are asked for. */
  reader(held: SavedMemory): (ops: AutogradOps, name: number) => Node {
    const made = new Map<number, Node>();
    const make = (ops: AutogradOps, name: number): Node => {
      const recipe = this.#recipes[name];
      const mine = held[name];
      const { home } = ops;
      switch (recipe.kind) {
        case 'register': {
          if (mine === null || typeof mine === 'number') throw new CompileError('compile: memory is missing');
          const node = home.leaf(mine.buffer, recipe.shape, recipe.dtype);
          node.version = mine.version;
          return node;
        }
        case 'number': {
          const value = typeof mine === 'number' ? convertNumber(mine, recipe.dtype) : recipe.value;
          return home.argument(value, recipe.dtype, recipe.live);
        }
        case 'op':
          return home.node(
            recipe.name,
            recipe.inputs.map((input) => read(ops, input)),
            recipe.attributes,
            recipe.shape,
            recipe.dtype,
          );
      }
    };
    const read = (ops: AutogradOps, name: number): Node => {
      let node = made.get(name);
      if (node === undefined) {
        node = make(ops, name);
        made.set(name, node);
      }
      return node;
    };
    return read;
  }
}

/** A node of which nothing but shape and dtype is read. */
export function unreadNode({ home }: AutogradOps, shape: Shape, dtype: DType): Node {
  return new Node(home, opTable.buffer, [], [], shape, dtype);
}
