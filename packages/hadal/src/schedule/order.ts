/**
 * The order of kernels, and which of them go out as one launch.
 *
 * Kernels run after what they read. A kernel that overwrites a buffer in place runs after all others that read the old value;
 * where that is impossible the update gets memory of its own instead. Updates are put off until nothing else is ready, so that
 * all of an optimizer's kernels are ready together; those with equal code become one launch with a block of arguments each.
 */
import { InternalError } from '../base/errors.js';
import type { Template } from '../graph/template.js';
import type { BuiltKernel } from './build.js';

export interface Ordered {
  /** Launches in order; each is a list of kernels with equal keys. */
  readonly launches: readonly (readonly number[])[];
  /** Nodes that are to replace a leaf but must be written to memory of their own. */
  readonly fresh: ReadonlySet<number>;
}

/** What kernels wait for, and which updates in place can be none. */
interface Dependences {
  /** Of each kernel, those that run before it. */
  readonly before: readonly ReadonlySet<number>[];
  /** Kernels that overwrite a leaf. */
  readonly updates: ReadonlySet<number>;
  readonly fresh: ReadonlySet<number>;
}

/** Nodes that are to replace a leaf but must be written to memory of their own. */
export function freshUpdates(template: Template, kernels: readonly BuiltKernel[]): ReadonlySet<number> {
  return dependences(template, kernels).fresh;
}

function dependences(template: Template, kernels: readonly BuiltKernel[]): Dependences {
  const writer = new Map<number, number>();
  kernels.forEach((k, i) => {
    for (const b of k.bindings) if (b.access === 'write') writer.set(b.node, i);
  });
  const before: Set<number>[] = kernels.map((k, i) => {
    const set = new Set<number>();
    for (const b of k.bindings) {
      const w = b.access === 'read' ? writer.get(b.node) : undefined;
      if (w !== undefined && w !== i) set.add(w);
    }
    return set;
  });

  const after: Set<number>[] = kernels.map(() => new Set());
  before.forEach((set, i) => {
    for (const b of set) after[b].add(i);
  });

  /** Kernels that cannot run before another has: mostly none, for updates are what a step ends with. */
  function needing(kernel: number): ReadonlySet<number> {
    const found = new Set<number>(after[kernel]);
    for (const i of found) for (const next of after[i]) found.add(next);
    return found;
  }

  const readersOf = new Map<number, number[]>();
  kernels.forEach((k, i) => {
    for (const b of k.bindings) {
      const { leaf } = template.nodes[b.node];
      if (b.access !== 'read' || leaf < 0) continue;
      const readers = readersOf.get(leaf);
      if (readers === undefined) readersOf.set(leaf, [i]);
      else readers.push(i);
    }
  });

  const fresh = new Set<number>();
  const updates = new Set<number>();
  template.nodes.forEach((n, id) => {
    if (n.into < 0) return;
    const mine = writer.get(id);
    if (mine === undefined) return;
    const readers = (readersOf.get(n.into) ?? []).filter((r) => r !== mine);
    const late = needing(mine);
    if (kernels[mine].scatteredReads.has(n.into) || readers.some((r) => late.has(r))) {
      fresh.add(id);
      return;
    }
    for (const r of readers) {
      before[mine].add(r);
      after[r].add(mine);
    }
    updates.add(mine);
  });

  return { before, updates, fresh };
}

export function order(template: Template, kernels: readonly BuiltKernel[], keys: readonly string[]): Ordered {
  const { before, updates, fresh } = dependences(template, kernels);
  const waits = before.map((set) => set.size);
  const followers: number[][] = kernels.map(() => []);
  before.forEach((set, i) => {
    for (const b of set) followers[b].push(i);
  });
  const launches: number[][] = [];
  let ready = kernels.flatMap((_, i) => (waits[i] === 0 ? [i] : []));
  let done = 0;
  while (done < kernels.length) {
    const next = ready.find((i) => !updates.has(i)) ?? ready[0];
    if (next === undefined) throw new InternalError('kernels wait for each other');
    // Blocks of one launch run one after another, so equal kernels may share it; a gemm's workspace is used in turn.
    const launch = ready.filter((i) => keys[i] === keys[next] && updates.has(i) === updates.has(next));
    launches.push(launch);
    done += launch.length;
    const gone = new Set(launch);
    const freed = launch.flatMap((i) => followers[i].filter((f) => --waits[f] === 0));
    ready = [...ready.filter((i) => !gone.has(i)), ...freed].sort((a, b) => a - b);
  }
  return { launches, fresh };
}
