/**
 * Where the values of a compiled function live outside of it, so that each call finds them again: its arguments, tensors that it uses
 * from around it, and gradients.
 */
import type { Edge } from '../../autograd/tape.js';
import { CompileError, known } from '../../base/errors.js';
import type { Node } from '../../graph/node.js';
import { GradSlot } from '../grad-slot.js';
import type { Storage } from '../storage.js';
import type { Tensor } from '../tensor.js';

/** Whose gradient: that of an argument, or of a tensor around the function. */
export type SlotSource =
  | { readonly of: 'argument'; readonly index: number }
  | { readonly of: 'slot'; readonly slot: GradSlot };

export type PlaceSource =
  | { readonly kind: 'argument'; readonly index: number }
  | { readonly kind: 'storage'; readonly storage: Storage }
  | { readonly kind: 'gradient'; readonly of: SlotSource };

/** How a gradient is there: not at all, as a value that nobody has looked at, or as a storage that people may hold. */
export type SlotState = 'none' | 'value' | 'storage';

export function slotState(slot: GradSlot): SlotState {
  const { storage, value } = slot.peek();
  if (storage !== null) return 'storage';
  return value === null ? 'none' : 'value';
}

/** The gradient of a leaf. */
export function slotOfEdge(edge: Edge | null): GradSlot | null {
  return edge?.kind === 'leaf' && edge.owner instanceof GradSlot ? edge.owner : null;
}

export function slotAt(source: SlotSource, args: readonly Tensor[]): GradSlot {
  if (source.of === 'slot') return source.slot;
  return known(slotOfEdge(args[source.index].value.edge), 'an argument that is a leaf');
}

/** What is at a place now. */
export interface Found {
  readonly node: Node;
  readonly edge: Edge | null;
  /** Null for gradients that nobody has looked at. */
  readonly storage: Storage | null;
}

function foundIn(storage: Storage): Found {
  const { node, edge } = storage.value;
  return { node, edge, storage };
}

export function find(source: PlaceSource, args: readonly Tensor[]): Found {
  switch (source.kind) {
    case 'storage':
      return foundIn(source.storage);
    case 'argument': {
      const { value, storage } = args[source.index];
      return { node: value.node, edge: value.edge, storage };
    }
    case 'gradient': {
      const { storage, value } = slotAt(source.of, args).peek();
      if (storage !== null) return foundIn(storage);
      const { node, edge } = known(value, 'a gradient');
      return { node, edge, storage: null };
    }
  }
}

/** Whether memory of this node may be overwritten for the sake of one holder: nobody else has it. */
export function isExclusive(node: Node): boolean {
  return node.storages + node.sharers <= 1;
}

export function doublyUsedError(index: number): CompileError {
  return new CompileError(
    `compile: tensor ${index} of the arguments is also used by the function directly, and one of the two is written to or differentiated; ` +
      'pass it as an argument or use it from around the function, not both',
  );
}
