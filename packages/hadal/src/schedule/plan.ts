/**
 * A plan: everything that can be decided about a pending graph without its data. Pure: template and target in, plan out. It is made
 * once per structure and run many times on other memory and other arguments.
 */
import { dtypeInfo } from '../base/dtype.js';
import { known } from '../base/errors.js';
import { numel } from '../base/shape.js';
import type { Template } from '../graph/template.js';
import type { SplitPhase } from '../kernel/gemm/lower-gemm.js';
import type { Kernel } from '../kernel/l2.js';
import { printKernel } from '../kernel/l2-print.js';
import type { AbstractKernel } from '../kernel/l2-sizes.js';
import type { Part, Parts } from '../kernel/parts.js';
import { divide } from '../kernel/parts.js';
import type { Target, Threads } from '../kernel/target.js';
import { oneThread } from '../kernel/target.js';
import type { BuildOptions, BuiltKernel } from './build.js';
import { buildKernel } from './build.js';
import { chain } from './chain.js';
import { collapse } from './collapse.js';
import { fuse, type Group } from './groups.js';
import { factsOn } from './kernel-facts.js';
import { TemplateKernels } from './known-kernels.js';
import type { Lifetime } from './memory.js';
import { planArena } from './memory.js';
import { freshUpdates, order } from './order.js';
import type { PackableOperand } from './packed-operands.js';
import { packableOperands } from './packed-operands.js';
import { replacedPart } from './partial-updates.js';
import { buildRegion } from './region.js';
import { storedNodes } from './stored.js';

/** Where a kernel's buffer lies at run time. */
export type Place =
  | { readonly in: 'leaf'; readonly leaf: number }
  /** A buffer of its own, by position in `Plan.outputs`. */
  | { readonly in: 'output'; readonly output: number }
  | { readonly in: 'arena'; readonly byteOffset: number }
  | { readonly in: 'status' }
  /** What is packed once, by position in `Plan.packable`. */
  | { readonly in: 'packed'; readonly packed: number };

export interface PlannedBlock {
  readonly kernel: Kernel;
  readonly sizes: readonly number[];
  readonly parts: Parts;
  /** Of the kernel's own buffers. */
  readonly places: readonly Place[];
  /** Template argument of each scalar. */
  readonly arguments: readonly number[];
  /** Template nodes that this block writes. */
  readonly writes: readonly number[];
  /** Template node that each buffer of the kernel stands for; workspaces are no buffers of the kernel and follow in `places`. */
  readonly values: readonly number[];
}

/** What one thread runs of a launch, block after block. */
export interface PlannedShare {
  readonly parts: readonly Part[];
  /** Of the workspace buffers that lowering adds to the kernel's own; no other share uses this memory. */
  readonly workspaces: readonly Place[];
}

export interface PlannedLaunch {
  readonly key: string;
  /** The kernel that is compiled; all blocks have this structure. */
  readonly kernel: Kernel;
  readonly abstract: AbstractKernel;
  readonly blocks: readonly PlannedBlock[];
  /** One share where the launch runs on the calling thread alone. */
  readonly shares: readonly PlannedShare[];
  /** Whether the kernel's last buffer is one to note errors in: each share has its own part of it. */
  readonly usesStatus: boolean;
  /** What is run of a product, if not all of it. */
  readonly phase?: SplitPhase;
}

/** A value that outlives the run. */
export interface PlannedOutput {
  /** Position in the captured graph (before passes moved nodes). */
  readonly node: number;
  readonly bytes: number;
}

/** A value or a workspace that lives within the run. */
export interface ArenaValue extends Lifetime {
  /** Template node, or -1 for a workspace. */
  readonly node: number;
  readonly byteOffset: number;
}

export interface PlannedArena {
  readonly bytes: number;
  /** What its values would take without sharing. */
  readonly unshared: number;
  readonly values: readonly ArenaValue[];
}

export interface Plan {
  /** Buffers that it reads or writes and that are there before. */
  readonly leaves: number;
  readonly launches: readonly PlannedLaunch[];
  readonly outputs: readonly PlannedOutput[];
  /** Updates in place: captured node and the leaf whose buffer it takes over. */
  readonly updates: readonly { readonly node: number; readonly leaf: number }[];
  readonly arena: PlannedArena;
  /** Operands that could be packed once for many runs. */
  readonly packable: readonly PackableOperand[];
  /** Shares that a large launch was cut into. */
  readonly threads: number;
  readonly usesStatus: boolean;
  readonly where: ReadonlyMap<number, Place>;
}

/** A plan with what it was made of, which is most of its bytes: needed to explain it, not to run it. */
export interface ExplainedPlan extends Plan {
  readonly template: Template;
}

/** What engines keep. */
export function unexplained({ template: _, ...plan }: ExplainedPlan): Plan {
  return plan;
}

const none: ReadonlySet<number> = new Set();

function buildAll(template: Template, options: BuildOptions): BuiltKernel[] {
  const fusion = fuse(template);
  const stored = storedNodes(template, fusion);
  const build = (group: Group): BuiltKernel | null => {
    if (group.kind === 'region')
      return buildRegion(template, stored, group, (body) =>
        buildAll(body, { fresh: none, packsOnce: false }),
      );
    const built = buildKernel(template, fusion, stored, group, options);
    if (built === null || built.kernel.kind !== 'loops') return built;
    return { ...built, kernel: collapse(built.kernel) };
  };
  const kernels = new TemplateKernels(template, stored, options, build);
  const out: BuiltKernel[] = [];
  for (const group of fusion.groups) {
    const kernel = kernels.of(group);
    if (kernel !== null) out.push(kernel);
  }
  return out;
}

/** Kernels of all groups. What replaces a part of a leaf's memory writes that part, unless it has to have memory of its own. */
function buildKernels(template: Template, packsOnce: boolean): BuiltKernel[] {
  const kernels = buildAll(template, { fresh: none, packsOnce });
  if (!template.nodes.some((_, id) => replacedPart(template.nodes, id) !== null)) return kernels;
  const fresh = freshUpdates(template, kernels);
  return fresh.size === 0 ? kernels : buildAll(template, { fresh, packsOnce });
}

/** The largest workspace of any block, buffer by buffer: the blocks of a share run one after another. */
function shareWorkspace(workspaces: readonly (readonly number[])[]): readonly number[] {
  return workspaces.reduce((a, b) => b.map((bytes, i) => Math.max(bytes, a[i] ?? 0)));
}

/**
 * Plans a template that ops without a kernel of their own have been decomposed in.
 *
 * @param threads how many shares a large launch is cut into. Only shares and their workspaces depend on it.
 */
export function schedule(template: Template, target: Target, threads: Threads = oneThread): ExplainedPlan {
  const kernels = chain(template, buildKernels(template, target.masks));
  const factsOf = factsOn(target);
  const facts = kernels.map((k) => factsOf(k.kernel));
  const { launches, fresh } = order(
    template,
    kernels,
    facts.map((f) => f.abstract.key),
  );
  const launchOf = new Map<number, number>();
  launches.forEach((launch, at) => {
    for (const k of launch) launchOf.set(k, at);
  });

  // Captured position of each template node that was captured.
  const origin = template.origin ?? template.nodes.map((_, i) => i);
  const captureOf = new Map(origin.map((now, before) => [now, before]));

  const where = new Map<number, Place>();
  const outputs: PlannedOutput[] = [];
  const updates: { node: number; leaf: number }[] = [];
  const lifetimes: Lifetime[] = [];
  const inArena: { node: number }[] = [];
  const lastUse = new Map<number, number>();
  kernels.forEach((k, i) => {
    const at = known(launchOf.get(i), 'a launch');
    for (const b of k.bindings) lastUse.set(b.node, Math.max(lastUse.get(b.node) ?? 0, at));
  });
  kernels.forEach((k, i) => {
    const at = known(launchOf.get(i), 'a launch');
    for (const b of k.bindings) {
      if (b.access !== 'write') continue;
      const n = template.nodes[b.node];
      const bytes = numel(n.shape) * dtypeInfo[n.dtype].bytes;
      if (n.into >= 0 && !fresh.has(b.node)) {
        where.set(b.node, { in: 'leaf', leaf: n.into });
        updates.push({ node: known(captureOf.get(b.node), 'a captured node'), leaf: n.into });
      } else if ((n.root || n.handle || n.boundary) && captureOf.has(b.node)) {
        where.set(b.node, { in: 'output', output: outputs.length });
        outputs.push({ node: known(captureOf.get(b.node), 'a captured node'), bytes });
      } else {
        inArena.push({ node: b.node });
        lifetimes.push({ bytes, from: at, to: known(lastUse.get(b.node), 'a use') });
      }
    }
  });
  // Workspaces live for one launch only.
  const shares = launches.map((launch, at) => {
    const needed = shareWorkspace(launch.map((i) => facts[i].workspace));
    return divide(
      launch.map((i) => facts[i].parts),
      threads,
    ).map((share) => ({
      parts: share,
      slots: needed.map((bytes) => lifetimes.push({ bytes, from: at, to: at }) - 1),
    }));
  });
  const arena = planArena(lifetimes);
  inArena.forEach(({ node }, i) => {
    where.set(node, { in: 'arena', byteOffset: arena.offsets[i] });
  });

  const placeOf = (node: number): Place => {
    const { leaf } = template.nodes[node];
    return leaf >= 0 ? { in: 'leaf', leaf } : known(where.get(node), `memory of node ${node}`);
  };
  const planned = launches.map((launch, at): PlannedLaunch => {
    const first = launch[0];
    const blocks = launch.map((i): PlannedBlock => {
      const k = kernels[i];
      return {
        kernel: k.kernel,
        sizes: facts[i].abstract.sizes,
        parts: facts[i].parts,
        places: k.bindings.map((b) => placeOf(b.node)),
        arguments: k.arguments,
        writes: k.bindings.filter((b) => b.access === 'write').map((b) => b.node),
        values: k.bindings.map((b) => b.node),
      };
    });
    return {
      key: facts[first].abstract.key,
      kernel: kernels[first].kernel,
      abstract: facts[first].abstract,
      blocks,
      shares: shares[at].map(({ parts: own, slots }) => ({
        parts: own,
        workspaces: slots.map((slot) => ({ in: 'arena', byteOffset: arena.offsets[slot] })),
      })),
      usesStatus: facts[first].usesStatus,
    };
  });
  return {
    template,
    leaves: template.leaves,
    launches: planned,
    packable: packableOperands(planned, updates, target),
    outputs,
    updates,
    arena: {
      bytes: arena.bytes,
      unshared: arena.unshared,
      values: lifetimes.map(({ bytes, from, to }, i) => ({
        bytes,
        from,
        to,
        node: inArena[i]?.node ?? -1,
        byteOffset: arena.offsets[i],
      })),
    },
    threads: threads.count,
    usesStatus: planned.some((l) => l.usesStatus),
    where,
  };
}

/** A plan as text: the graph, then launch by launch what runs on what memory. */
export function printPlan(plan: Plan): string {
  const place = (p: Place): string => {
    switch (p.in) {
      case 'leaf':
        return `leaf ${p.leaf}`;
      case 'output':
        return `output ${p.output}`;
      case 'arena':
        return `arena + ${p.byteOffset}`;
      case 'status':
        return 'status';
      case 'packed':
        return `packed ${p.packed}`;
    }
  };
  const workspaceText = (s: PlannedShare): string => `\n    workspace ${s.workspaces.map(place).join(', ')}`;
  const launches = plan.launches.map((l, i) => {
    const blocks = l.blocks.map((b) => `    on ${b.places.map(place).join(', ')}`).join('\n');
    const times = l.blocks.length > 1 ? ` x ${l.blocks.length}` : '';
    const threads = l.shares.length > 1 ? ` on ${l.shares.length} threads` : '';
    const workspaces = l.shares[0].workspaces.length > 0 ? [...l.shares.map(workspaceText)].join('') : '';
    return `  launch ${i}: ${l.kernel.name}${times}${threads}\n${printKernel(l.kernel).replace(/^/gm, '    ')}\n${blocks}${workspaces}`;
  });
  return [`launches (${plan.launches.length})`, ...launches].join('\n');
}
