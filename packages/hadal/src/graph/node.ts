/**
 * Nodes of the graph (L1) and the pending graph they belong to.
 *
 * A node is pending until a realise computes it; then it either holds a buffer (`settle`) or was fused away, in which case it can
 * be computed again as long as no buffer under it has been overwritten. Equal nodes of one pending graph are one node
 * (interning), which is the compiler's common subexpression elimination; the table is dropped at every realise.
 */
import { numberBits } from '../base/attributes.js';
import { config } from '../base/config.js';
import type { DType } from '../base/dtype.js';
import { dtypeInfo } from '../base/dtype.js';
import { DeviceError, known, StaleValueError } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import { numel, sameShape } from '../base/shape.js';
import type { Buffer } from './buffer.js';
import { InternTable } from './intern-table.js';
import type { LiveNumber } from './live.js';
import type { Attributes, Op, Operand, ResultType } from './op.js';
import type { RegionTrace } from './regions/trace.js';
import type { OpName, TupleName } from './table.js';
import { dtypeIds, opIds, opTable } from './table.js';

let nextId = 1;

const NONE: readonly Node[] = [];

export class Node implements Operand {
  readonly id = nextId++;
  readonly op: Op;
  readonly attributes: Attributes;
  readonly shape: Shape;
  readonly dtype: DType;
  readonly home: PendingGraph;
  readonly epoch: number;
  /** The other results of an op that has several. */
  projections: readonly Node[] = NONE;
  /** Emptied when the node settles, so that what it was made of can be freed. */
  inputs: readonly Node[];
  /** How many nodes take this one as input. */
  uses = 0;
  /** Whether a Tensor ever stood for this node; if so and if it is written, it gets a buffer of its own. */
  handle = false;
  /** Whether kernels may not fuse across this node: it is written before anything reads it. */
  boundary = false;
  /** How many leaves hold this node as their gradient, apart from gradients that became Storages since somebody looked at them. */
  sharers = 0;
  /** How many places on the tape keep this node for their gradient. */
  saved = 0;
  /** How many Storages have this node as their value; only memory that none has may be overwritten. */
  storages = 0;
  buffer: Buffer | null = null;
  /** The version of `buffer` that is this node's value. */
  version = 0;
  /** The number of an `argument` node. */
  value: number | bigint = 0;
  /** Where that number comes from if it goes on by itself. */
  live: LiveNumber | null = null;
  /** Where the user made it, if traced. */
  madeAt: Error | null = null;
  /** The intern table's; scratch of graph walks. */
  hash = 0;
  next: Node | null = null;
  mark = 0;
  position = 0;

  constructor(
    home: PendingGraph,
    op: Op,
    inputs: readonly Node[],
    attributes: Attributes,
    shape: Shape,
    dtype: DType,
  ) {
    this.home = home;
    this.epoch = home.epoch;
    this.op = op;
    this.inputs = inputs;
    this.attributes = attributes;
    this.shape = shape;
    this.dtype = dtype;
    for (let i = 0; i < inputs.length; i++) inputs[i].uses++;
  }

  /** From now on this node is what `buffer` holds. */
  settle(buffer: Buffer): void {
    this.buffer = buffer;
    this.version = buffer.version;
    this.inputs = NONE;
  }

  /** Whether somebody can still ask for this node itself: a Storage, a leaf whose gradient it is, or the tape. */
  get isHeld(): boolean {
    return this.storages > 0 || this.sharers > 0 || this.saved > 0;
  }

  get isStale(): boolean {
    return this.buffer !== null && this.buffer.version !== this.version;
  }

  get bytes(): number {
    return numel(this.shape) * dtypeInfo[this.dtype].bytes;
  }
}

function sameList(a: Attributes, b: Attributes): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function sameInputs(a: readonly Node[], b: readonly Node[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** All that is waiting to be computed on one engine. */
export class PendingGraph {
  readonly name: string;
  /** Counts realises. */
  epoch = 0;
  readonly #interned = new InternTable();
  /** Nodes with Tensor handles, oldest first. */
  handles: Node[] = [];
  nodes = 0;
  bytes = 0;
  /** Runs everything pending; set by the realiser of this engine. */
  flush: (wanted: readonly Node[]) => void = () => {
    throw new DeviceError(`${this.name}: this engine cannot realise`);
  };
  /** Called when the first op is about to join, after a run: the last one's graph is gone by then. */
  begins: () => void = () => {};
  /** What is traced now: nothing is realised until it is done. */
  trace: RegionTrace | null = null;
  #walk = 0;
  #onTheWay = false;
  /** Nodes of earlier graphs. */
  #passed = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** The node for an op on inputs; one that was made before in this pending graph if there is one. */
  node(name: OpName, inputs: readonly Node[], attributes: Attributes, shape: Shape, dtype: DType): Node {
    const op: Op = opTable[name];
    let hash = known(opIds.get(op), name) * 31 + dtypeIds[dtype];
    for (let i = 0; i < inputs.length; i++) {
      const input = inputs[i];
      if (input.home !== this) {
        throw new DeviceError(
          `${name}: one operand is on the ${input.home.name} engine, another on the ${this.name} engine; make both under one engine`,
        );
      }
      if (input.epoch !== this.epoch || input.buffer !== null) this.checkUsable(input);
      hash = (Math.imul(hash, 0x01000193) ^ input.id) | 0;
    }
    for (let i = 0; i < attributes.length; i++) hash = (Math.imul(hash, 0x01000193) ^ attributes[i]) | 0;
    for (let i = 0; i < shape.length; i++) hash = (Math.imul(hash, 0x01000193) ^ shape[i]) | 0;
    for (let n = this.#interned.at(hash); n !== null; n = n.next) {
      if (
        n.hash === hash &&
        n.op === op &&
        n.dtype === dtype &&
        n.buffer === null &&
        sameInputs(n.inputs, inputs) &&
        sameList(n.attributes, attributes) &&
        sameShape(n.shape, shape)
      ) {
        return n;
      }
    }
    if (this.nodes === 0) this.begins();
    const node = new Node(this, op, inputs, attributes, shape, dtype);
    this.#interned.add(node, hash);
    this.nodes++;
    return node;
  }

  /** All results of an op that has several; the first is the op's own node. */
  tuple(
    name: TupleName,
    inputs: readonly Node[],
    attributes: Attributes,
    types: readonly ResultType[],
  ): Node[] {
    const [first, ...rest] = types;
    const node = this.node(name, inputs, attributes, first.shape, first.dtype);
    const others = rest.map((t, i) => this.node('result', [node], [i + 1], t.shape, t.dtype));
    node.projections = others;
    return [node, ...others];
  }

  /** A value once more, for another place in memory. Never interned: nobody else asks for it. */
  copyOf(node: Node): Node {
    return new Node(this, opTable.copy, [node], [], node.shape, node.dtype);
  }

  /** A number that is handed over at launch. Never interned: whether two arguments are equal is no part of a graph's structure. */
  argument(value: number | bigint, dtype: DType, live: LiveNumber | null = null): Node {
    const node = new Node(this, opTable.argument, [], [], [], dtype);
    node.value = value;
    node.live = live;
    return node;
  }

  /** A value that there is in the steps of a scan only. */
  parameter(shape: Shape, dtype: DType): Node {
    return new Node(this, opTable.parameter, [], [], shape, dtype);
  }

  /** Runs `body` under a trace. What it makes is no handle: the nodes belong to a region, which is computed as a whole. */
  tracing<T>(trace: RegionTrace, body: () => T): T {
    const { trace: before, handles, bytes } = this;
    this.trace = trace;
    this.handles = [];
    try {
      return body();
    } finally {
      this.trace = before;
      this.handles = handles;
      this.bytes = bytes;
    }
  }

  constant(value: number, dtype: DType): Node {
    return this.node('constant', [], numberBits(value), [], dtype);
  }

  /** A node for memory that is there already. */
  leaf(buffer: Buffer, shape: Shape, dtype: DType): Node {
    const node = new Node(this, opTable.buffer, [], [], shape, dtype);
    node.settle(buffer);
    return node;
  }

  /** Notes that a Tensor stands for this node, and runs the graph when it has grown past its budget. */
  addHandle(node: Node): void {
    if (node.handle || this.#onTheWay) return;
    node.handle = true;
    if ((config.debug || config.tracedTensors > 0) && node.madeAt === null) {
      config.tracedTensors--;
      node.madeAt = new Error('made here');
    }
    if (node.buffer !== null || node.op.kind === 'source') return;
    this.handles.push(node);
    this.bytes += node.bytes;
    if (this.trace !== null) return;
    if (config.debug || this.nodes > config.pendingNodes || this.bytes > config.pendingBytes) this.flush([]);
  }

  /**
   * Runs `body`, whose tensors are steps on the way to others and stay inside of the package: they are no handles, so what of them is
   * written may lie in memory that is shared. No tensor may be changed in place in `body`, and none be handed to the user.
   */
  onTheWay<T>(body: () => T): T {
    const before = this.#onTheWay;
    this.#onTheWay = true;
    try {
      return body();
    } finally {
      this.#onTheWay = before;
    }
  }

  /** Notes that this node is a leaf's gradient: it is written even if nothing else needs it, and before anything reads it. */
  addGradient(node: Node): void {
    node.boundary = true;
    if (node.buffer !== null || node.op.kind === 'source' || node.handle) return;
    this.handles.push(node);
  }

  /** Forgets what was pending; called by the realiser after a run. */
  reset(): void {
    this.epoch++;
    this.#interned.clear();
    // One by one: an array that is let go of, or cut off, keeps what was in it like the table of a Map.
    while (this.handles.length > 0) this.handles.pop();
    this.#passed += this.nodes;
    this.nodes = 0;
    this.bytes = 0;
  }

  /** How many nodes were forgotten since this was last asked. */
  takePassed(): number {
    const passed = this.#passed;
    this.#passed = 0;
    return passed;
  }

  /** A new number for marking the nodes of one walk. */
  newWalk(): number {
    return ++this.#walk;
  }

  /** Throws `StaleValueError` if a node's value is gone; quick for nodes that are pending or in memory. */
  checkUsable(node: Node): void {
    if (node.buffer === null ? node.epoch !== this.epoch : node.isStale) this.checkFresh(node);
  }

  /** Throws `StaleValueError` if a fused-away value rests on a buffer that was overwritten since. */
  checkFresh(node: Node): void {
    const walk = this.newWalk();
    const stack = [node];
    for (let n = stack.pop(); n !== undefined; n = stack.pop()) {
      if (n.mark === walk) continue;
      n.mark = walk;
      if (n.isStale) throw staleError(node, n);
      for (const input of n.inputs) stack.push(input);
    }
  }
}

/** The first line of a trace outside of this package. */
export function userLine(trace: Error | null): string | null {
  if (!trace?.stack) return null;
  const here = new URL('..', import.meta.url).href;
  const path = here.startsWith('file://') ? here.slice('file://'.length) : here;
  for (const line of trace.stack.split('\n').slice(1)) {
    if (!line.includes(here) && !line.includes(path) && !line.includes('node:'))
      return line.trim().replace(/^at /, '');
  }
  return null;
}

function staleError(value: Node, overwritten: Node): StaleValueError {
  const made = userLine(value.madeAt);
  const over = userLine(overwritten.buffer?.overwrittenAt ?? null);
  return new StaleValueError(
    `this ${value.op.name} result of shape [${value.shape.join(', ')}] was fused into the kernel that used it and never written, ` +
      'and a tensor it was computed from has been overwritten since, so its value is gone.\n' +
      `  made at ${made ?? 'a line that was not recorded (set hadal.config.tracedTensors = Infinity to record all)'}\n` +
      `  overwritten at ${over ?? 'a line that was not recorded'}\n` +
      'Call .keep() on it where it is made to have it written, or read it before the update.',
  );
}
