/**
 * Kernels of groups that were seen before. A loop in plain code, a stack of equal blocks, or another length of the same sequence makes
 * graphs of which most groups are alike; building one's kernel costs many times what it takes to see that it is one of those.
 *
 * The **form** of a group is everything of the template that its kernel is built from, as integers, with nodes, leaves and arguments
 * numbered in the order in which they are met: groups of equal forms have equal kernels, on other memory.
 */
import { dtypeInfo } from '../base/dtype.js';
import { InternalError } from '../base/errors.js';
import type { Op } from '../graph/op.js';
import type { Template, TemplateNode } from '../graph/template.js';
import type { Kernel } from '../kernel/l2.js';
import type { BuildOptions, BuiltKernel } from './build.js';
import { computes, type Group, type Level } from './groups.js';
import type { Binding } from './kernel-reader.js';
import { replacedPart } from './partial-updates.js';

/** A kernel, with what it works on by the numbers of a form. */
interface KnownKernel {
  readonly form: readonly number[];
  readonly kernel: Kernel;
  readonly bindings: readonly Binding[];
  readonly arguments: readonly number[];
  readonly scatteredReads: readonly number[];
  readonly next: KnownKernel | null;
}

/** Kept kernels: those of some ten models. When there are more, all are forgotten. */
const MOST = 2048;

const knownKernels = new Map<number, KnownKernel>();
let count = 0;

/** Every kernel is built again when it is next met. */
export function forgetKernels(): void {
  knownKernels.clear();
  count = 0;
}

/** Numbers of ops in forms. Not by name: several ops may share one. */
const opNumbers = new WeakMap<Op, number>();
let nextOp = 0;

function opNumber(op: Op): number {
  let number = opNumbers.get(op);
  if (number === undefined) {
    number = nextOp++;
    opNumbers.set(op, number);
  }
  return number;
}

const dtypes: readonly string[] = Object.keys(dtypeInfo);

const kinds: { readonly [K in Group['kind']]: number } = {
  map: 0,
  row: 1,
  gemm: 2,
  stencil: 3,
  attention: 4,
  scan: 5,
  sort: 6,
  scatter: 7,
  host: 8,
  region: 9,
};
const levels: { readonly [L in Level]: number } = { full: 1, outer: 2, columns: 3 };

/** Words that begin what is no op: a node that was met before, an argument, what is read from memory, and a certain leaf, counted down. */
const AGAIN = -1;
const ARGUMENT = -2;
const MEMORY = -3;
const LEAF = -4;

/** Forms are written here, one after the other. */
const scratch: number[] = [];

/** The kernels of one template's groups. */
export class TemplateKernels {
  readonly #nodes: readonly TemplateNode[];
  readonly #stored: ReadonlySet<number>;
  readonly #options: BuildOptions;
  readonly #build: (group: Group) => BuiltKernel | null;
  /** Leaves that are overwritten. */
  readonly #overwritten: ReadonlySet<number>;
  /** The number of a node in the form being written, where `#walkOf` says that it has one. */
  readonly #numberOf: Int32Array;
  readonly #walkOf: Int32Array;
  #walk = 0;
  #length = 0;
  /** What has numbers in the form: nodes, leaves, arguments. */
  #met: number[] = [];
  #leaves: number[] = [];
  #arguments: number[] = [];

  /** @param build makes the kernel of a group that was not seen before. */
  constructor(
    { nodes }: Template,
    stored: ReadonlySet<number>,
    options: BuildOptions,
    build: (group: Group) => BuiltKernel | null,
  ) {
    this.#nodes = nodes;
    this.#stored = stored;
    this.#options = options;
    this.#build = build;
    const overwritten = new Set<number>();
    for (const { into } of nodes) if (into >= 0) overwritten.add(into);
    this.#overwritten = overwritten;
    this.#numberOf = new Int32Array(nodes.length);
    this.#walkOf = new Int32Array(nodes.length);
  }

  /** The kernel of a group, or null if it writes nothing. */
  of(group: Group): BuiltKernel | null {
    // These take whole arrays, and a scan's body is a template of its own.
    if (group.kind === 'host' || group.kind === 'region') return this.#build(group);
    if (!this.#writes(group)) return null;
    this.#writeForm(group);
    const hash = this.#hash();
    const first = knownKernels.get(hash) ?? null;
    for (let k = first; k !== null; k = k.next) if (this.#isForm(k.form)) return this.#bound(k, group);
    const form = scratch.slice(0, this.#length);
    const built = this.#build(group);
    if (built !== null) this.#note(built, form, hash, first);
    return built;
  }

  #writes(group: Group): boolean {
    for (const id of group.members.keys()) if (this.#stored.has(id)) return true;
    return false;
  }

  #note(built: BuiltKernel, form: readonly number[], hash: number, next: KnownKernel | null): void {
    const kept = count >= MOST ? null : next;
    if (count >= MOST) forgetKernels();
    knownKernels.set(hash, {
      form,
      kernel: built.kernel,
      bindings: built.bindings.map(({ node, access }) => ({ node: this.#number(node), access })),
      arguments: built.arguments.map((argument) => positionIn(this.#arguments, argument)),
      scatteredReads: [...built.scatteredReads].map((leaf) => positionIn(this.#leaves, leaf)),
      next: kept,
    });
    count++;
  }

  #number(node: number): number {
    if (this.#walkOf[node] !== this.#walk)
      throw new InternalError(`node ${node} is missing in its group's form`);
    return this.#numberOf[node];
  }

  #bound(known: KnownKernel, group: Group): BuiltKernel {
    const bindings: Binding[] = [];
    for (const { node, access } of known.bindings) bindings.push({ node: this.#met[node], access });
    const scatteredReads = new Set<number>();
    for (const leaf of known.scatteredReads) scatteredReads.add(this.#leaves[leaf]);
    return {
      group,
      kernel: known.kernel,
      bindings,
      arguments: known.arguments.map((argument) => this.#arguments[argument]),
      scatteredReads,
    };
  }

  #hash(): number {
    let hash = this.#length;
    for (let i = 0; i < this.#length; i++) hash = (Math.imul(hash, 0x01000193) ^ scratch[i]) | 0;
    return hash;
  }

  #isForm(form: readonly number[]): boolean {
    if (form.length !== this.#length) return false;
    for (let i = 0; i < form.length; i++) if (form[i] !== scratch[i]) return false;
    return true;
  }

  #put(x: number): void {
    scratch[this.#length++] = x;
  }

  #putAll(list: readonly number[]): void {
    scratch[this.#length++] = list.length;
    for (let i = 0; i < list.length; i++) scratch[this.#length++] = list[i];
  }

  #writeForm(group: Group): void {
    this.#walk++;
    this.#length = 0;
    this.#met = [];
    this.#leaves = [];
    this.#arguments = [];
    const { packsOnce, fresh } = this.#options;
    this.#put(kinds[group.kind] * 2 + (packsOnce ? 1 : 0));
    this.#putAll(group.domain);
    this.#putAll(group.reduced);
    for (const id of group.members.keys()) this.#visit(id, group);
    for (const id of group.members.keys()) {
      const { into } = this.#nodes[id];
      if (into < 0) continue;
      // An update in place: whether and where the old value is read, and what part of it is replaced.
      this.#put(this.#number(id));
      this.#put(this.#leaves.indexOf(into));
      const part = fresh.has(id) ? null : replacedPart(this.#nodes, id);
      if (part === null) {
        this.#put(fresh.has(id) ? 1 : 0);
        continue;
      }
      this.#put(2);
      this.#putAll(part.starts);
      this.#putAll(part.steps);
      this.#putAll(part.shape);
    }
  }

  /** Whether a node is memory that the run leaves as it is. */
  #isKept(id: number): boolean {
    const { leaf } = this.#nodes[id];
    return leaf >= 0 && !this.#overwritten.has(leaf);
  }

  /** Writes a node and all that its kernel reads through it, as `KernelReader` goes. */
  #visit(id: number, group: Group): void {
    if (this.#walkOf[id] === this.#walk) {
      this.#put(AGAIN);
      this.#put(this.#numberOf[id]);
      return;
    }
    this.#walkOf[id] = this.#walk;
    this.#numberOf[id] = this.#met.push(id) - 1;
    const n = this.#nodes[id];
    const dtype = dtypes.indexOf(n.dtype);
    if (n.argument >= 0) {
      this.#put(ARGUMENT);
      this.#put(place(this.#arguments, n.argument) * 16 + dtype);
      this.#putAll(n.shape);
      return;
    }
    const level = group.members.get(id);
    const isStored = this.#stored.has(id);
    if (n.leaf >= 0 || (level === undefined && isStored && computes(n))) {
      // Which leaf it is counts where the kernel may not overwrite what it reads.
      const isLeaf = n.leaf >= 0 && (group.kind === 'attention' || this.#overwritten.has(n.leaf));
      this.#put(isLeaf ? LEAF - place(this.#leaves, n.leaf) : MEMORY);
      this.#put(dtype * 2 + (n.leaf < 0 && n.op.kind === 'conv' ? 1 : 0));
      this.#putAll(n.shape);
      return;
    }
    const isKept = n.op.kind === 'conv' && this.#isKept(n.inputs[1]);
    const flags = (isKept ? 1 : 0) + (n.into >= 0 ? 2 : 0) + (isStored ? 4 : 0);
    this.#put((opNumber(n.op) * 16 + dtype) * 32 + flags * 4 + (level === undefined ? 0 : levels[level]));
    this.#putAll(n.shape);
    this.#putAll(n.attributes);
    this.#put(n.inputs.length);
    for (let i = 0; i < n.inputs.length; i++) this.#visit(n.inputs[i], group);
  }
}

/** The position of an item in a list, at whose end it is put if it is not there. */
function place(list: number[], item: number): number {
  const have = list.indexOf(item);
  return have >= 0 ? have : list.push(item) - 1;
}

function positionIn(list: readonly number[], item: number): number {
  const at = list.indexOf(item);
  if (at < 0) throw new InternalError(`${item} is missing in its group's form`);
  return at;
}
