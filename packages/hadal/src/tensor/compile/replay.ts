/** A traced call, repeated: without running the function, without a graph. */
import { CompiledGradFn, type TapeValues } from '../../autograd/recorded-tape.js';
import type { Edge } from '../../autograd/tape.js';
import { Value } from '../../autograd/value.js';
import { InternalError, known } from '../../base/errors.js';
import { sameShape } from '../../base/shape.js';
import type { Engine } from '../../engine/engine.js';
import type { Buffer } from '../../graph/buffer.js';
import type { Node } from '../../graph/node.js';
import type { GradSlot } from '../grad-slot.js';
import { Storage } from '../storage.js';
import { putTogether } from '../structure.js';
import { Tensor } from '../tensor.js';
import type { Found } from './places.js';
import { doublyUsedError, find, isExclusive, slotAt, slotOfEdge, slotState } from './places.js';
import { unreadNode } from './saved-nodes.js';
import type { TraceContents, Written } from './trace.js';

export class Replay {
  readonly contents: TraceContents;
  /** Tensors around the function that it uses, those that it writes to, and those whose gradient it uses. */
  readonly #used = new Set<Storage>();
  readonly #written = new Set<Storage>();
  readonly #slots = new Set<GradSlot>();
  readonly #writesArguments: boolean;

  constructor(contents: TraceContents) {
    this.contents = contents;
    for (const { source, updates } of contents.places) {
      if (source.kind !== 'storage') continue;
      this.#used.add(source.storage);
      if (updates > 0) this.#written.add(source.storage);
    }
    for (const { source } of contents.slots) if (source.of === 'slot') this.#slots.add(source.slot);
    this.#writesArguments = contents.places.some((p) => p.source.kind === 'argument' && p.updates > 0);
  }

  get #engine(): Engine {
    return this.contents.space.engine;
  }

  /** Whether the trace still holds: what it rested on is as it was. */
  fits(args: readonly Tensor[]): boolean {
    const { guards, slots, places } = this.contents;
    for (const { read, value } of guards) if (!Object.is(read(), value)) return false;
    for (const { source, expects } of slots)
      if (expects !== null && slotState(slotAt(source, args)) !== expects) return false;
    for (const place of places) {
      if (place.source.kind === 'argument') continue;
      const { node, edge } = find(place.source, args);
      if (node.dtype !== place.dtype || (edge === null ? 0 : edge.kind === 'leaf' ? 1 : 2) !== place.edgeKind)
        return false;
      if (node.shape !== place.shape && !sameShape(node.shape, place.shape)) return false;
    }
    return true;
  }

  #checkAliases(args: readonly Tensor[]): void {
    if (this.#written.size === 0 && this.#slots.size === 0 && !this.#writesArguments) return;
    args.forEach((arg, index) => {
      const { storage } = arg;
      const slot = slotOfEdge(arg.value.edge);
      const clash =
        this.#written.has(storage) ||
        (slot !== null && this.#slots.has(slot)) ||
        (this.#writesArguments && this.#used.has(storage));
      if (clash) throw doublyUsedError(index);
    });
  }

  run(args: readonly Tensor[]): unknown {
    this.#checkAliases(args);
    const { contents } = this;
    const engine = this.#engine;
    for (const { source, expects } of contents.slots) if (expects === null) slotAt(source, args).clear();
    const memory = new Array<Buffer | null>(contents.recording.registers).fill(null);
    const found = this.#bind(args, memory);
    const versions = found.map(({ storage }) => storage?.version ?? 0);
    const edges = contents.boundary.map((b) => (b.at === 'place' ? found[b.place].edge : b.edge));
    for (const numbers of contents.live) numbers.renew();
    try {
      contents.recording.replay(engine, memory);
    } catch (error) {
      this.#giveUp(found);
      throw error;
    }
    const nodes = new Map<number, Node>();
    contents.places.forEach(({ register, overwritten }, i) => {
      if (!overwritten) nodes.set(register, found[i].node);
    });
    const nodeOf = ({ register, shape, dtype }: Written): Node => {
      let node = nodes.get(register);
      if (node === undefined || !sameShape(node.shape, shape)) {
        node = engine.pending.leaf(known(memory[register], 'memory'), shape, dtype);
        nodes.set(register, node);
      }
      return node;
    };
    const ends = this.#ends(found, versions, edges, memory);
    this.#update(args, found, nodeOf, ends);
    const results = contents.results.map((result): Tensor => {
      switch (result.kind) {
        case 'argument':
          return args[result.index];
        case 'held':
          return result.tensor;
        case 'written': {
          const value = new Value(nodeOf(result.value), ends(result.value));
          const t = new Tensor(new Storage(contents.space, value));
          return result.leaf ? t.requiresGrad_() : t;
        }
      }
    });
    return putTogether(contents.form, (index) => results[index]);
  }

  /** Memory of everything that comes from outside. What is to be overwritten and is somebody else's as well becomes a copy. */
  #bind(args: readonly Tensor[], memory: (Buffer | null)[]): Found[] {
    const engine = this.#engine;
    return this.contents.places.map((place) => {
      const found = find(place.source, args);
      engine.materialize(found.node);
      let { node } = found;
      if (place.overwritten && !isExclusive(node)) {
        node = engine.duplicate(node);
        found.storage?.relocate(node);
      }
      memory[place.register] = node.buffer;
      return node === found.node ? found : { ...found, node };
    });
  }

  /** After an error on the way: tensors whose memory has been overwritten have what is in it now. */
  #giveUp(found: readonly Found[]): void {
    for (const { storage, node, edge } of found) {
      if (storage === null || node.buffer === null || !node.isStale) continue;
      storage.adopt(this.#engine.pending.leaf(node.buffer, node.shape, node.dtype), edge, 1);
    }
  }

  /** The place on the tape of each value that has one. */
  #ends(
    found: readonly Found[],
    versions: readonly number[],
    edges: readonly (Edge | null)[],
    memory: readonly (Buffer | null)[],
  ): (value: Written) => Edge | null {
    const { tape, ends, saved } = this.contents;
    if (tape === null) return () => null;
    const read = tape.spent ? null : saved.reader(saved.hold(memory));
    const values: TapeValues | null = read && {
      node: read,
      unread: unreadNode,
      origin: (place) => ({
        storage: known(found[place].storage, 'a storage'),
        version: versions[place],
      }),
    };
    const fn = new CompiledGradFn(tape, ends, edges, values);
    return ({ end }) => (end < 0 ? null : fn.outputs[end]);
  }

  #update(
    args: readonly Tensor[],
    found: readonly Found[],
    nodeOf: (value: Written) => Node,
    ends: (value: Written) => Edge | null,
  ): void {
    const { places, slots } = this.contents;
    places.forEach(({ final, keepsEdge, updates }, i) => {
      const { storage, edge } = found[i];
      if (final === null) return;
      if (storage === null) throw new InternalError('a gradient without a storage was updated in place');
      storage.adopt(nodeOf(final), keepsEdge ? edge : ends(final), updates);
    });
    for (const { source, final } of slots) {
      const slot = slotAt(source, args);
      if (final.kind === 'updated') slot.refresh();
      else if (final.kind === 'none') slot.clear();
      else if (final.kind === 'written') slot.set(new Value(nodeOf(final.value), ends(final.value)));
    }
  }
}
