/**
 * Tensor: what people write with. A tensor is a storage and a view of it; its methods check, broadcast and promote, and add nodes
 * to the pending graph. Nothing is computed until a value is read, an optimizer steps, or the graph has grown large.
 *
 * The methods are in methods/, one concept a class, each extending the one before.
 */
import type { Value } from '../autograd/value.js';
import type { TapeStart, Through } from './base.js';
import { ReadingMethods } from './methods/reading.js';
import { Storage } from './storage.js';
import type { Workspace } from './workspace.js';

export type { Nested, NumberLike } from './format.js';

export class Tensor extends ReadingMethods {
  /** A tensor of its own storage for a value. */
  static of(workspace: Workspace, value: Value): Tensor {
    return new Tensor(new Storage(workspace, value));
  }

  /**
   * Gives `t` a new value in place, as an op with an underscore does.
   *
   * @internal
   */
  static overwrite<T extends Tensor>(name: string, t: T, value: Value): T {
    return t.update(name, value);
  }

  protected override get self(): Tensor {
    return this;
  }

  protected override alias(storage: Storage, through: Through | null, start: TapeStart): Tensor {
    return new Tensor(storage, through, start);
  }
}
