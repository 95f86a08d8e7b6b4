/**
 * A region is the body of a loop as a graph of its own, in positional form: what one step of `scan` computes. Terms:
 * - a **carry** is what a step hands to the next one;
 * - a **slice** is a step's part of an array that has one for every step (`stacked`, along its first dimension);
 * - an **invariant** is the same for all steps.
 *
 * Regions are interned: bodies of equal structure are one region, and its number stands for it in attributes and keys of plans.
 */
import type { DType } from '../../base/dtype.js';
import { InternalError, known } from '../../base/errors.js';
import type { Shape } from '../../base/shape.js';
import { sameShape } from '../../base/shape.js';
import type { Attributes, ResultType } from '../op.js';
import type { TemplateNode } from '../template.js';

/** The body without its number. */
export interface RegionBody {
  /** Topological. The leaves are the parameters: carries, then slices, then invariants. */
  readonly nodes: readonly TemplateNode[];
  readonly carries: number;
  readonly slices: number;
  readonly invariants: number;
  /** The next value of every carry, then what is stacked: positions in `nodes`. */
  readonly results: readonly number[];
}

export interface Region extends RegionBody {
  readonly id: number;
  /** The position of each parameter. */
  readonly parameters: readonly number[];
}

const regions: Region[] = [];
const byKey = new Map<string, Region>();

function keyOf(body: RegionBody): string {
  const nodes = body.nodes.map((n) => {
    const what = n.leaf >= 0 ? `#${n.leaf}` : `${n.op.name}{${n.attributes.join()}}`;
    return `${what}(${n.inputs.join()})${n.dtype}[${n.shape.join()}]${n.boundary ? '!' : ''}`;
  });
  return `${body.carries},${body.slices},${body.invariants}|${nodes.join(';')}|${body.results.join()}`;
}

/** The region of a body: the one that an equal body was given before, if there was one. */
export function internRegion(body: RegionBody): Region {
  const key = keyOf(body);
  const have = byKey.get(key);
  if (have !== undefined) return have;
  const region: Region = { ...body, id: regions.length, parameters: parametersOf(body) };
  verifyRegion(region);
  regions.push(region);
  byKey.set(key, region);
  return region;
}

function regionOf(id: number): Region {
  return known(regions[id], `region ${id}`);
}

function parametersOf(body: RegionBody): number[] {
  const parameters: number[] = [];
  body.nodes.forEach((n, i) => {
    if (n.leaf >= 0) parameters[n.leaf] = i;
  });
  return parameters;
}

/** What `scan` is called with: attributes of its node. */
export interface ScanDims {
  readonly region: Region;
  readonly length: number;
  /** Whether steps run from the last slice to the first. */
  readonly reverse: boolean;
}

export function scanAttributes(d: ScanDims): Attributes {
  return [d.region.id, d.length, d.reverse ? 1 : 0];
}

export function scanDims(attributes: Attributes): ScanDims {
  const [id, length, reverse] = attributes;
  return { region: regionOf(id), length, reverse: reverse === 1 };
}

/** What a parameter of a region is to a step. */
export function parameterKind(body: RegionBody, parameter: number): 'carry' | 'slice' | 'invariant' {
  if (parameter < body.carries) return 'carry';
  return parameter < body.carries + body.slices ? 'slice' : 'invariant';
}

/** Shapes and dtypes of a scan's results: the last carries, then a stack of each other result. */
export function scanResults({ region, length }: ScanDims): readonly ResultType[] {
  return region.results.map((at, i) => {
    const { shape, dtype } = region.nodes[at];
    return { shape: i < region.carries ? shape : [length, ...shape], dtype };
  });
}

/** Shapes and dtypes of what a scan takes: initial carries, stacks, invariants. */
export function scanOperands({ region, length }: ScanDims): readonly ResultType[] {
  return region.parameters.map((at, i) => {
    const { shape, dtype } = region.nodes[at];
    return { shape: parameterKind(region, i) === 'slice' ? [length, ...shape] : shape, dtype };
  });
}

interface Typed {
  readonly shape: Shape;
  readonly dtype: DType;
}

export function sameType(a: Typed, b: Typed): boolean {
  return a.dtype === b.dtype && sameShape(a.shape, b.shape);
}

/** Checks that a region is topological, has all of its parameters, and gives carries of the kind that it takes. */
export function verifyRegion(region: Region): void {
  const { nodes, parameters, results, carries } = region;
  const count = carries + region.slices + region.invariants;
  const fail = (why: string): never => {
    throw new InternalError(`region ${region.id}: ${why}`);
  };
  nodes.forEach((n, i) => {
    if (n.inputs.some((x) => x >= i)) fail(`node ${i} (${n.op.name}) reads a node that comes later`);
    if (n.leaf >= count) fail(`node ${i} is parameter ${n.leaf} of ${count}`);
  });
  for (let i = 0; i < count; i++) if (parameters[i] === undefined) fail(`parameter ${i} is missing`);
  if (results.length < carries) fail(`${results.length} results for ${carries} carries`);
  for (let i = 0; i < carries; i++)
    if (!sameType(nodes[parameters[i]], nodes[results[i]])) fail(`carry ${i} changes its shape or dtype`);
}

/** A region as text, one node a line. */
export function printRegion(region: Region): string {
  const lines = region.nodes.map((n, i) => {
    const inputs = n.inputs.map((x) => `r${x}`).join(', ');
    const what =
      n.leaf >= 0
        ? `${parameterKind(region, n.leaf)} ${n.leaf}`
        : `${n.op.name}${n.attributes.length > 0 ? ` {${n.attributes.join(', ')}}` : ''}(${inputs})`;
    return `r${i}: ${n.dtype}[${n.shape.join(', ')}] = ${what}`;
  });
  const names = (list: readonly number[]): string => list.map((r) => `r${r}`).join(', ') || 'nothing';
  const { results, carries } = region;
  return [
    `region ${region.id}`,
    ...lines.map((l) => `  ${l}`),
    `  next: ${names(results.slice(0, carries))}; stacked: ${names(results.slice(carries))}`,
  ].join('\n');
}
