/**
 * A value is a graph node with a place on the tape. Tensors hand values to ops and get values back; VJPs work on values too, which
 * is why gradients of gradients need nothing more.
 */
import type { DType } from '../base/dtype.js';
import type { Shape } from '../base/shape.js';
import type { Node } from '../graph/node.js';
import type { Operand } from '../graph/op.js';
import type { Edge } from './tape.js';

/** Something whose contents can be changed in place; every change moves the version on. */
export interface Versioned {
  readonly version: number;
  /** Where the last change was asked for, if traced. */
  readonly modifiedAt: Error | null;
}

export class Value implements Operand {
  readonly node: Node;
  /** Where gradients of this value go, or null. */
  readonly edge: Edge | null;
  /** The storage this value was read from, and its version then; null for values nobody can change. */
  origin: Versioned | null = null;
  originVersion = 0;

  constructor(node: Node, edge: Edge | null) {
    this.node = node;
    this.edge = edge;
  }

  get shape(): Shape {
    return this.node.shape;
  }

  get dtype(): DType {
    return this.node.dtype;
  }

  /** Remembers which storage this value belongs to. */
  belongTo(origin: Versioned): this {
    this.origin = origin;
    this.originVersion = origin.version;
    return this;
  }
}
