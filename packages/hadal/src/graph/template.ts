/**
 * A template is the pending graph in positional form: plain data without buffers or live nodes, so that a plan can keep it. It is
 * what the scheduler reads, and its `key` is what plans are cached under: two pending graphs with equal keys run the same plan on
 * different memory and different arguments.
 */
import type { DType } from '../base/dtype.js';
import { ArgumentError, InternalError, known } from '../base/errors.js';
import { sortByNumber } from '../base/number-order.js';
import type { Shape } from '../base/shape.js';
import { numel } from '../base/shape.js';
import type { Node } from './node.js';
import type { Attributes, Op } from './op.js';
import type { RegionBody } from './regions/region.js';
import { dtypeIds, dtypesById, opIds, opsById, opTable } from './table.js';

export interface TemplateNode {
  readonly op: Op;
  readonly inputs: readonly number[];
  readonly attributes: Attributes;
  readonly shape: Shape;
  readonly dtype: DType;
  /** Which of the template's leaves this is (a node that has a buffer), or -1. */
  readonly leaf: number;
  /** Which of the template's arguments this is, or -1. */
  readonly argument: number;
  /** Must have a buffer of its own after the run. */
  readonly root: boolean;
  /** A Tensor stands for it: if it is written at all, its buffer is its own. */
  readonly handle: boolean;
  /** No kernel fuses across it. */
  readonly boundary: boolean;
  /** The leaf whose buffer it replaces (an update in place), or -1. */
  readonly into: number;
  /** scan, once it is decided that its steps run as one kernel: the body of that kernel. */
  readonly body?: RegionBody;
}

export interface Template {
  readonly nodes: readonly TemplateNode[];
  readonly leaves: number;
  readonly arguments: number;
  /** Where the captured graph's nodes are now, after passes that moved them; absent while nothing has. */
  readonly origin?: readonly number[];
}

/** The structure of a graph as numbers. */
export interface GraphKey {
  /** The first `keyLength` numbers of this are the key. */
  readonly key: ArrayLike<number>;
  readonly keyLength: number;
}

/** A pending graph made ready for lookup: its key, which stays until the next capture, and the live nodes behind the positions. */
export interface CapturedGraph extends GraphKey {
  readonly hash: number;
  /** Live nodes in topological order, leaves and arguments among them. */
  readonly nodes: readonly Node[];
  readonly leafNodes: readonly Node[];
  readonly argumentNodes: readonly Node[];
  /** Position of each root. */
  readonly roots: readonly Root[];
}

export interface Root {
  readonly node: Node;
  /** The node whose buffer this one's value is to replace in place. */
  readonly into: Node | null;
}

/** The computed value that a saved node is a view of; null if it is there already or made of nothing but numbers. */
function underMovement(node: Node): Node | null {
  let n = node;
  while (n.buffer === null && n.op.kind === 'movement') n = n.inputs[0];
  return n.buffer !== null || n.op.kind === 'source' || n.op.kind === 'random' ? null : n;
}

function outsideOfStep(): ArgumentError {
  return new ArgumentError(
    'scan: a tensor that was made in a step is used outside of it; give it back from the step, as a carry or as an output',
  );
}

/** Keys are written here, again and again: a key of its own for every step would be most of a step's garbage. */
const scratch: number[] = [];

const idOf = ({ id }: Node): number => id;

/** What an entry of a key begins with: these less the number of a dtype, or what says of which op it is. */
const LEAF = -1;
const ARGUMENT = -16;
const INTO = -64;

const ROOT = 1;
const HANDLE = 2;
const BOUNDARY = 4;

/**
 * Those of an op's results that somebody may need when the run is over, and that could not be had then without the others: something
 * outside of the run uses them, or a value with a Tensor that rests on them and is perhaps not written.
 */
function neededLater(
  results: readonly Node[],
  computed: readonly Node[],
  roots: readonly Root[],
): ReadonlySet<Node> {
  const needed = new Set<Node>();
  if (results.length === 0) return needed;
  const usesLeft = new Map(results.map((node) => [node, node.uses]));
  for (const { inputs } of computed)
    for (const input of inputs) {
      const left = usesLeft.get(input);
      if (left !== undefined) usesLeft.set(input, left - 1);
    }
  const written = new Set(roots.map(({ node }) => node));
  const isWritten = (node: Node): boolean => node.buffer !== null || node.boundary || written.has(node);
  const askedFor = new Set(computed.filter((node) => node.isHeld && !isWritten(node)));
  for (const node of askedFor) for (const input of node.inputs) if (!isWritten(input)) askedFor.add(input);
  for (const [node, left] of usesLeft) if (left > 0 || askedFor.has(node)) needed.add(node);
  return needed;
}

/**
 * Collects what the roots need and encodes its structure. Values that the tape keeps for gradients become roots as well. Computed
 * nodes are in the order of creation, which is topological.
 */
export function capture(wanted: readonly Root[]): CapturedGraph {
  const first = wanted[0];
  if (first === undefined) throw new InternalError('nothing to capture');
  const walk = first.node.home.newWalk();
  const computed: Node[] = [];
  const stack: Node[] = [];
  /** Results that only other nodes may ask for. */
  const passing: Node[] = [];
  const roots = [...wanted];
  for (const r of wanted) {
    stack.push(r.node);
    if (r.into !== null) stack.push(r.into);
  }
  for (let n = stack.pop(); n !== undefined; n = stack.pop()) {
    if (n.mark === walk) continue;
    n.mark = walk;
    if (n.op === opTable.parameter) throw outsideOfStep();
    if (n.buffer === null && n.op.name !== 'argument') computed.push(n);
    if (n.saved > 0) {
      const kept = underMovement(n);
      if (kept !== null) roots.push({ node: kept, into: null });
    }
    if (n.buffer !== null) continue;
    const { inputs, projections } = n;
    for (let i = 0; i < inputs.length; i++) if (inputs[i].mark !== walk) stack.push(inputs[i]);
    if (projections.length > 0) {
      // What is not written together with the op's other results could not be had later.
      for (const result of n.handle ? [n, ...projections] : projections) {
        if (result.buffer !== null) continue;
        if (result.handle || result.saved > 0) roots.push({ node: result, into: null });
        else if (result.uses > 0) passing.push(result);
        else continue;
        if (result.mark !== walk) stack.push(result);
      }
    }
  }
  for (const node of neededLater(passing, computed, roots)) roots.push({ node, into: null });
  // In the order of their making: a node is younger than its inputs.
  sortByNumber(computed, idOf);

  // Buffers and arguments come where they are first read: their own age says nothing about the structure.
  const placed = first.node.home.newWalk();
  const nodes: Node[] = [];
  const place = (n: Node): void => {
    n.mark = placed;
    n.position = nodes.length;
    nodes.push(n);
  };
  for (let i = 0; i < computed.length; i++) {
    const { inputs } = computed[i];
    for (let k = 0; k < inputs.length; k++) if (inputs[k].mark !== placed) place(inputs[k]);
    if (computed[i].mark !== placed) place(computed[i]);
  }
  for (const r of roots) if (r.into !== null && r.into.mark !== placed) place(r.into);

  let length = 0;
  const put = (x: number): void => {
    scratch[length++] = x;
  };
  const leafNodes: Node[] = [];
  const argumentNodes: Node[] = [];
  const rootFlags = new Uint8Array(nodes.length);
  for (let i = 0; i < roots.length; i++) rootFlags[roots[i].node.position] = ROOT;
  for (let i = 0; i < nodes.length; i++) {
    const n = nodes[i];
    const { shape, attributes, inputs } = n;
    if (n.buffer !== null) {
      put(LEAF - dtypeIds[n.dtype]);
      put(shape.length);
      for (let d = 0; d < shape.length; d++) put(shape[d]);
      leafNodes.push(n);
      continue;
    }
    if (n.op.name === 'argument') {
      put(ARGUMENT - dtypeIds[n.dtype]);
      argumentNodes.push(n);
      continue;
    }
    const flags = rootFlags[i] | (n.handle ? HANDLE : 0) | (n.boundary ? BOUNDARY : 0);
    put((known(opIds.get(n.op), n.op.name) * 16 + dtypeIds[n.dtype]) * 8 + flags);
    put(shape.length);
    put(attributes.length);
    put(inputs.length);
    for (let d = 0; d < shape.length; d++) put(shape[d]);
    for (let d = 0; d < attributes.length; d++) put(attributes[d]);
    for (let d = 0; d < inputs.length; d++) put(inputs[d].position);
  }
  for (const r of roots) {
    if (r.into === null) continue;
    put(INTO);
    put(r.node.position);
    put(r.into.position);
  }
  let hash = length;
  for (let i = 0; i < length; i++) hash = (Math.imul(hash, 0x01000193) ^ scratch[i]) | 0;
  return { key: scratch, keyLength: length, hash, nodes, leafNodes, argumentNodes, roots };
}

const NONE: readonly number[] = [];

/** The template that a key stands for: what a plan was made of need not be kept beside it. */
export function templateOf({ key, keyLength }: GraphKey): Template {
  let at = 0;
  const list = (length: number): readonly number[] => {
    if (length === 0) return NONE;
    const numbers: number[] = [];
    for (const end = at + length; at < end; at++) {
      const x = key[at];
      // What came out of an array of doubles would be a double again, and eight bytes more.
      numbers.push(x === (x | 0) ? x | 0 : x);
    }
    return numbers;
  };
  const nodes: TemplateNode[] = [];
  const plain = { inputs: NONE, attributes: NONE, leaf: -1, argument: -1, into: -1 };
  const unmarked = { root: false, handle: false, boundary: false };
  let leaves = 0;
  let scalars = 0;
  while (at < keyLength) {
    const head = key[at++];
    if (head === INTO) {
      const root = key[at++];
      nodes[root] = { ...nodes[root], into: nodes[key[at++]].leaf };
    } else if (head <= ARGUMENT) {
      const dtype = dtypesById[ARGUMENT - head];
      nodes.push({ ...plain, ...unmarked, op: opTable.argument, shape: NONE, dtype, argument: scalars++ });
    } else if (head < 0) {
      const shape = list(key[at++]);
      const dtype = dtypesById[LEAF - head];
      nodes.push({ ...plain, ...unmarked, op: opTable.buffer, shape, dtype, leaf: leaves++ });
    } else {
      const [rank, attributeCount, inputCount] = [key[at++], key[at++], key[at++]];
      const shape = list(rank);
      const attributes = list(attributeCount);
      nodes.push({
        op: opsById[head >> 7],
        inputs: list(inputCount),
        attributes,
        shape,
        dtype: dtypesById[(head >> 3) & 15],
        leaf: -1,
        argument: -1,
        root: (head & ROOT) !== 0,
        handle: (head & HANDLE) !== 0,
        boundary: (head & BOUNDARY) !== 0,
        into: -1,
      });
    }
  }
  return { nodes, leaves, arguments: scalars };
}

/** Checks that a template is topological and that shapes are shapes; tests run it on every plan. */
export function verifyTemplate(t: Template): void {
  t.nodes.forEach((n, i) => {
    for (const input of n.inputs) {
      if (input >= i)
        throw new InternalError(`node ${i} (${n.op.name}) reads node ${input}, which comes later`);
    }
    if (n.leaf >= t.leaves || n.argument >= t.arguments)
      throw new InternalError(`node ${i} names a leaf or argument that is not there`);
    if (!Number.isSafeInteger(numel(n.shape))) throw new InternalError(`node ${i} has no countable shape`);
    const { op } = n;
    if (op.kind === 'elementwise' && n.leaf < 0 && n.inputs.length !== op.arity) {
      throw new InternalError(`node ${i}: ${op.name} takes ${op.arity} inputs, has ${n.inputs.length}`);
    }
  });
}

/** A template as text, one node a line. */
export function printTemplate(t: Template): string {
  return t.nodes
    .map((n, i) => {
      const what = n.leaf >= 0 ? `leaf ${n.leaf}` : n.argument >= 0 ? `argument ${n.argument}` : n.op.name;
      const attributes = n.attributes.length > 0 && n.leaf < 0 ? ` {${n.attributes.join(', ')}}` : '';
      const inputs = n.inputs.map((x) => `n${x}`).join(', ');
      const flags = [n.root && 'root', n.boundary && 'boundary', n.into >= 0 && `into leaf ${n.into}`]
        .filter(Boolean)
        .join(', ');
      return `n${i}: ${n.dtype}[${n.shape.join(', ')}] = ${what}${attributes}(${inputs})${flags ? `  # ${flags}` : ''}`;
    })
    .join('\n');
}

/** A key of its own, for longer than until the next capture. */
export function keptKey({ key, keyLength }: GraphKey): GraphKey {
  const numbers = new Int32Array(keyLength);
  for (let i = 0; i < keyLength; i++) {
    numbers[i] = key[i];
    if (numbers[i] !== key[i])
      return { key: Float64Array.from({ length: keyLength }, (_, k) => key[k]), keyLength };
  }
  return { key: numbers, keyLength };
}
