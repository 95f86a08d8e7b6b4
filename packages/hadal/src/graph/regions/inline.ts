/** A scan as the ops of all its steps one after the other: what it means, for whatever has no loop of its own. */

import type { Position, TemplateEmitter } from '../template-emitter.js';
import { RegionBuilder, replay } from './builder.js';
import type { Region, ScanDims } from './region.js';
import { parameterKind, scanDims } from './region.js';

/** Pieces that one kernel puts side by side. */
const PIECES = 16;

/** Arrays of one shape side by side along a new last dimension. */
function sideBySide(e: TemplateEmitter, pieces: readonly Position[]): Position {
  if (pieces.length <= PIECES) {
    const thin = pieces.map((p) => e.reshape(p, [...p.shape, 1]));
    return pieces.length === 1 ? thin[0] : e.interleave(thin, [pieces.length]);
  }
  // Piece number high * PIECES + low: first all of one low, then those side by side.
  const rounds = Math.ceil(pieces.length / PIECES);
  const filled = Array.from({ length: rounds * PIECES }, (_, i) => pieces[Math.min(i, pieces.length - 1)]);
  const parts = Array.from({ length: PIECES }, (_, low) =>
    sideBySide(
      e,
      filled.filter((_p, i) => i % PIECES === low),
    ),
  );
  const all = e.interleave(parts, [PIECES]);
  const shape = [...pieces[0].shape, pieces.length];
  return e.slice(
    all,
    shape.map(() => 0),
    shape.map(() => 1),
    shape,
  );
}

/** Arrays of one shape one behind the other along a new first dimension. */
function stack(e: TemplateEmitter, pieces: readonly Position[]): Position {
  const rank = pieces[0].shape.length;
  return e.permute(sideBySide(e, pieces), [rank, ...Array.from({ length: rank }, (_, d) => d)]);
}

function sliceAt(e: TemplateEmitter, x: Position, at: number): Position {
  const own = x.shape.slice(1);
  const starts = [at, ...own.map(() => 0)];
  const ones = x.shape.map(() => 1);
  return e.reshape(e.slice(x, starts, ones, [1, ...own]), own);
}

/** The results of a scan over positions of a template. */
export function inlineScan(e: TemplateEmitter, dims: ScanDims, inputs: readonly Position[]): Position[] {
  const { region, length, reverse } = dims;
  const { carries: count } = region;
  let carries = inputs.slice(0, count);
  const stacks: Position[][] = region.results.slice(count).map(() => []);
  for (let i = 0; i < length; i++) {
    const at = reverse ? length - 1 - i : i;
    const parameters = inputs.map((x, p) => {
      const kind = parameterKind(region, p);
      return kind === 'carry' ? carries[p] : kind === 'slice' ? sliceAt(e, x, at) : x;
    });
    const values = replay(e, region, parameters);
    const made = region.results.map((r) => values[r]);
    carries = made.slice(0, count);
    stacks.forEach((pieces, k) => {
      pieces[at] = made[count + k];
    });
  }
  const empty = (k: number): Position => {
    const { shape, dtype } = region.nodes[region.results[count + k]];
    return e.constant(0, dtype, [0, ...shape]);
  };
  return [...carries, ...stacks.map((pieces, k) => (pieces.length > 0 ? stack(e, pieces) : empty(k)))];
}

/** The region without scans in it. */
export function withoutScans(region: Region): Region {
  if (!region.nodes.some((n) => n.op.name === 'scan')) return region;
  const e = new RegionBuilder();
  const parameters = region.parameters.map((at) => e.parameter(region.nodes[at]));
  const moved: Position[] = [];
  const results = new Map<number, readonly Position[]>();
  region.nodes.forEach((n, i) => {
    const inputs = n.inputs.map((x) => moved[x]);
    if (n.leaf >= 0) moved.push(parameters[n.leaf]);
    else if (n.op.name === 'scan') {
      const dims = scanDims(n.attributes);
      const all = inlineScan(e, { ...dims, region: withoutScans(dims.region) }, inputs);
      results.set(i, all);
      moved.push(all[0]);
    } else if (n.op.kind === 'result' && results.has(n.inputs[0]))
      moved.push((results.get(n.inputs[0]) ?? [])[n.attributes[0]]);
    else moved.push(e.emit(n.op, inputs, n.attributes, n.shape, n.dtype));
  });
  const { carries, slices } = region;
  return e.finish(
    {
      carries: parameters.slice(0, carries),
      slices: parameters.slice(carries, carries + slices),
      invariants: parameters.slice(carries + slices),
    },
    region.results.map((r) => moved[r]),
  );
}
