/**
 * Builds the kernel of a scan: its region is scheduled like any other template, and what comes out are the parts that every step runs.
 * Parameters of the region lie in the scan's operands, its results in those of the scan, and what a step hands to the next one in two
 * places that take turns.
 */
import type { DType } from '../base/dtype.js';
import { InternalError, known } from '../base/errors.js';
import { numel } from '../base/shape.js';
import type { RegionBody } from '../graph/regions/region.js';
import type { Template, TemplateNode } from '../graph/template.js';
import { variableIndex } from '../kernel/index-expr.js';
import type { KernelBuffer, LoopKernel, PartBuffer, RegionKernel, RegionPart } from '../kernel/l2.js';
import type { BuiltKernel } from './build.js';
import type { Group } from './groups.js';
import type { Binding } from './kernel-reader.js';
import { order } from './order.js';

/** What is needed of the results of a scan: the template node of each that is written, or -1. */
function writtenResults(
  template: Template,
  group: Group,
  stored: ReadonlySet<number>,
  body: RegionBody,
): number[] {
  const written = new Array<number>(body.results.length).fill(-1);
  for (const id of group.members.keys()) {
    const n = template.nodes[id];
    if (stored.has(id)) written[n.op.kind === 'result' ? n.attributes[0] : 0] = id;
  }
  return written;
}

/** The region as a template: its parameters as leaves or arguments, the results that are needed as roots. */
function bodyTemplate(
  body: RegionBody,
  argumentOf: readonly number[],
  needed: ReadonlySet<number>,
): Template {
  const nodes = body.nodes.map((n, i): TemplateNode => {
    const argument = n.leaf >= 0 ? (argumentOf[n.leaf] ?? -1) : -1;
    return { ...n, leaf: argument >= 0 ? -1 : n.leaf, argument, root: needed.has(i) };
  });
  return { nodes, leaves: argumentOf.length, arguments: argumentOf.filter((a) => a >= 0).length };
}

/** A copy of all elements of a buffer. */
function copyKernel(dtype: DType, elements: number): LoopKernel {
  const index = variableIndex(0, elements);
  return {
    kind: 'loops',
    name: 'copy',
    dims: [{ size: elements, reduced: false }],
    vectorVariable: 0,
    stages: [],
    exprs: [{ op: 'load', dtype, buffer: 0, index }],
    stores: [{ buffer: 1, index, value: 0, level: 'full' }],
    buffers: [
      { dtype, access: 'read' },
      { dtype, access: 'write' },
    ],
    arguments: [],
  };
}

/**
 * A product takes and gives elements tile by tile, a few of each row at a time. Slices come from far away in memory, which wants to be
 * walked from end to end: what the epilogue reads is copied near first, and what it writes is copied out after.
 */
function slicesApart(part: RegionPart, local: (dtype: DType, elements: number) => number): RegionPart[] {
  const { kernel } = part;
  if (kernel.kind !== 'gemm') return [part];
  const operands = new Set([kernel.a, kernel.b].map((id) => kernel.exprs[id]));
  const inEpilogue = new Set(
    kernel.exprs.flatMap((e) => (e.op === 'load' && !operands.has(e) ? [e.buffer] : [])),
  );
  const before: RegionPart[] = [];
  const after: RegionPart[] = [];
  const buffers = part.buffers.map((place, i): PartBuffer => {
    const { dtype, access } = kernel.buffers[i];
    const isWritten = access !== 'read';
    if (place.kind !== 'slice' || !(isWritten || inEpilogue.has(i))) return place;
    const near: PartBuffer = { kind: 'fixed', slot: local(dtype, place.size) };
    const copy = copyKernel(dtype, place.size);
    if (isWritten) after.push({ kernel: copy, buffers: [near, place], arguments: [] });
    else before.push({ kernel: copy, buffers: [place, near], arguments: [] });
    return near;
  });
  return [...before, { ...part, buffers }, ...after];
}

export function buildRegion(
  template: Template,
  stored: ReadonlySet<number>,
  group: Group,
  schedule: (t: Template) => readonly BuiltKernel[],
): BuiltKernel | null {
  const { nodes } = template;
  const [scan] = group.members.keys();
  const { inputs, attributes, op } = nodes[scan];
  const body = known(nodes[scan].body, `the body of ${op.name}`);
  const [, length, reverse] = attributes;
  const { carries } = body;
  const written = writtenResults(template, group, stored, body);
  if (written.every((id) => id < 0)) return null;

  // --- the scan's operands and results ---------------------------------------------------------------------------------------
  const buffers: KernelBuffer[] = [];
  const bindings: Binding[] = [];
  const slot = (node: number, access: 'read' | 'readwrite'): number => {
    const kind = access === 'read' ? 'read' : 'write';
    const have = bindings.findIndex((b) => b.node === node && b.access === kind);
    if (have >= 0) return have;
    buffers.push({ dtype: nodes[node].dtype, access });
    return bindings.push({ node, access: kind }) - 1;
  };
  const argumentOf: number[] = [];
  const templateArguments: number[] = [];
  const argumentTypes: DType[] = [];
  const operandSlots = inputs.map((node, i) => {
    const { argument, dtype } = nodes[node];
    argumentOf.push(-1);
    if (argument < 0) return slot(node, 'read');
    argumentOf[i] = templateArguments.push(argument) - 1;
    argumentTypes.push(dtype);
    return -1;
  });
  const resultSlots = written.map((node) => (node < 0 ? -1 : slot(node, 'readwrite')));

  // --- memory within the loop ------------------------------------------------------------------------------------------------
  const locals: { dtype: DType; elements: number }[] = [];
  const local = (dtype: DType, elements: number): number =>
    buffers.length + locals.push({ dtype, elements }) - 1;
  const carryPlaces = Array.from({ length: carries }, (_, c) => {
    const { dtype, shape } = body.nodes[body.results[c]];
    const size = numel(shape);
    return { dtype, size, slot: local(dtype, 2 * size) };
  });
  const carryPlace = (c: number, next: boolean): PartBuffer => {
    const { slot: at, size } = carryPlaces[c];
    return { kind: 'carry', slot: at, size, next };
  };

  // --- the parts of a step ---------------------------------------------------------------------------------------------------
  const needed = new Set(body.results.filter((_, r) => r < carries || written[r] >= 0));
  const inner = bodyTemplate(body, argumentOf, needed);
  const within = new Map<number, PartBuffer>();
  const placeOf = (id: number): PartBuffer => {
    const n = inner.nodes[id];
    const size = numel(n.shape);
    if (n.leaf >= 0) {
      if (n.leaf < carries) return carryPlace(n.leaf, false);
      const at = operandSlots[n.leaf];
      return n.leaf < carries + body.slices ? { kind: 'slice', slot: at, size } : { kind: 'fixed', slot: at };
    }
    const result = body.results.findIndex((at, r) => at === id && (r < carries || written[r] >= 0));
    if (result >= 0 && result < carries) return carryPlace(result, true);
    if (result >= 0) return { kind: 'slice', slot: resultSlots[result], size };
    const have = within.get(id);
    if (have !== undefined) return have;
    const made: PartBuffer = { kind: 'fixed', slot: local(n.dtype, size) };
    within.set(id, made);
    return made;
  };
  const built = schedule(inner);
  const sequence = order(
    inner,
    built,
    built.map((_, i) => `${i}`),
  ).launches.flat();
  const parts = sequence.map((i): RegionPart => {
    const { kernel, bindings: own, arguments: args } = built[i];
    if (kernel.kind !== 'loops' && kernel.kind !== 'gemm')
      throw new InternalError(`${kernel.name} cannot be part of a loop over steps`);
    return { kernel, buffers: own.map((b) => placeOf(b.node)), arguments: args };
  });
  const steps = parts.flatMap((part) => slicesApart(part, local));
  const before = carryPlaces.map(
    ({ dtype, size }, c): RegionPart => ({
      kernel: copyKernel(dtype, size),
      buffers: [{ kind: 'fixed', slot: operandSlots[c] }, carryPlace(c, false)],
      arguments: [],
    }),
  );
  const after = carryPlaces.flatMap(({ dtype, size }, c): RegionPart[] => {
    if (written[c] < 0) return [];
    const to: PartBuffer = { kind: 'fixed', slot: resultSlots[c] };
    return [{ kernel: copyKernel(dtype, size), buffers: [carryPlace(c, false), to], arguments: [] }];
  });

  const names = steps.map((p) => p.kernel.name).join('_');
  const kernel: RegionKernel = {
    kind: 'region',
    name: `scan_${names}`.slice(0, 80),
    length,
    reverse: reverse === 1,
    locals,
    before,
    steps,
    after,
    exprs: [],
    stores: [],
    buffers,
    arguments: argumentTypes,
  };
  return {
    group,
    kernel,
    bindings,
    arguments: templateArguments,
    // It reads its operands in every step, while it writes.
    scatteredReads: new Set(inputs.map((i) => nodes[i].leaf).filter((leaf) => leaf >= 0)),
  };
}
