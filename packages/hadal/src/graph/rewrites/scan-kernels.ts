/**
 * Decides how each scan of a template runs: as one kernel whose body is its region, made ready for the scheduler; or, where an op of the
 * region has no kernel that a loop could hold, as the ops of all steps one after the other; or, where those are too many, by the
 * definition of the op, in JavaScript.
 */
import type { OpKind } from '../op.js';
import { templateOfRegion } from '../regions/builder.js';
import { inlineScan, withoutScans } from '../regions/inline.js';
import type { Region, RegionBody } from '../regions/region.js';
import { scanDims } from '../regions/region.js';
import type { Template, TemplateNode } from '../template.js';
import type { Position } from '../template-emitter.js';
import { TemplateEmitter } from '../template-emitter.js';

/** Kinds of op that run on the templates of which a loop can be made. */
const looped: ReadonlySet<OpKind> = new Set([
  'source',
  'elementwise',
  'movement',
  'reduce',
  'dot',
  'conv',
  'interleave',
  'gather',
]);

/** More nodes than this make too much code for one kernel. */
const MAX_NODES = 512;

/** What a reshape is a reshape of: the same elements in the same order. */
function underReshape(nodes: readonly TemplateNode[], id: number): number {
  let at = id;
  while (nodes[at].leaf < 0 && nodes[at].op.name === 'reshape') [at] = nodes[at].inputs;
  return at;
}

/** Whether a node is read through by what uses it, and so is not written by itself. */
function isRead({ op: { kind } }: TemplateNode): boolean {
  return kind === 'source' || kind === 'movement' || kind === 'gather';
}

/** More nodes than this are not written out: such a scan runs in JavaScript, step by step, as the op is defined. */
const MAX_INLINED = 1 << 14;

/** The body of the kernel that runs a region, or null if there is none. */
function kernelBody(region: Region, decompose: (t: Template) => Template): RegionBody | null {
  const made = decompose(templateOfRegion(region));
  if (made.nodes.length > MAX_NODES) return null;
  if (made.nodes.some((n) => n.leaf < 0 && !looped.has(n.op.kind))) return null;
  const { origin } = made;
  const e = new TemplateEmitter();
  e.nodes.push(...made.nodes);
  const taken = new Set<number>();
  const results = region.results.map((r) => {
    const whole = origin?.[r] ?? r;
    const at = underReshape(e.nodes, whole);
    // Each result is written by the step: what is only a view, a parameter, or a result already, is copied.
    const isOwn = !taken.has(at) && !isRead(e.nodes[at]);
    taken.add(at);
    return isOwn ? at : e.copy(e.position(whole)).at;
  });
  const { carries, slices, invariants } = region;
  return { nodes: e.nodes, carries, slices, invariants, results };
}

/** @param decompose what is done to the template that holds the scans, for their regions as well. */
export function placeScans(template: Template, decompose: (t: Template) => Template): Template {
  if (!template.nodes.some((n) => n.leaf < 0 && n.op.name === 'scan')) return template;
  const e = new TemplateEmitter();
  const moved: number[] = [];
  const inlined = new Map<number, readonly Position[]>();
  /** A value under the flags of the node that it replaces; a node of its own, since the value may stand for another one as well. */
  const under = (n: TemplateNode, value: Position): number => {
    const { at } = e.copy(value);
    e.standFor(at, n);
    return at;
  };
  template.nodes.forEach((n, i) => {
    const inputs = n.inputs.map((x) => moved[x]);
    const all = n.leaf < 0 && n.op.kind === 'result' ? inlined.get(n.inputs[0]) : undefined;
    if (all !== undefined) {
      moved.push(under(n, all[n.attributes[0]]));
      return;
    }
    if (n.leaf >= 0 || n.op.name !== 'scan') {
      moved.push(e.nodes.push({ ...n, inputs }) - 1);
      return;
    }
    const dims = scanDims(n.attributes);
    const region = withoutScans(dims.region);
    const body = kernelBody(region, decompose);
    if (body !== null) {
      moved.push(e.nodes.push({ ...n, inputs, body }) - 1);
      return;
    }
    if (dims.length * region.nodes.length > MAX_INLINED) {
      moved.push(e.nodes.push({ ...n, inputs }) - 1);
      return;
    }
    const results = inlineScan(
      e,
      { ...dims, region },
      inputs.map((x) => e.position(x)),
    );
    inlined.set(i, results);
    moved.push(under(n, results[0]));
  });
  return { ...template, nodes: e.nodes, origin: moved };
}
