/**
 * How a convolution's input lies in memory: padded, and where windows or their elements step over neighbours, taken apart into phases.
 *
 * With stride s (or kernel elements s apart) neighbouring results read elements that are s apart. Elements that are congruent modulo s lie
 * together as a **phase**, so that they are neighbours: [..., H, W] as [..., s, s, H / s, W / s]. What steps over all but one phase, a
 * kernel or a result of one element, gets that one alone. It is one pass over the input instead of one over every window.
 */
import type { ConvDims } from '../../base/attributes.js';
import { dilatedSize } from '../../base/attributes.js';
import type { Shape } from '../../base/shape.js';
import type { Position, TemplateEmitter } from '../template-emitter.js';

/** What one dimension becomes. */
interface Layout {
  readonly low: number;
  readonly high: number;
  readonly dilation: number;
  /** Every step-th element alone, this many of them; all for -1. */
  readonly step: number;
  readonly count: number;
  /** Phases that are laid apart. */
  readonly phases: number;
}

const untouched: Layout = { low: 0, high: 0, dilation: 1, step: 1, count: -1, phases: 1 };

function isUntouched(l: Layout): boolean {
  return l.low === 0 && l.high === 0 && l.dilation === 1 && l.count < 0 && l.phases === 1;
}

/**
 * How an input is read: with phases apart; padded, with phases as they are; or padded where it is read, which suits a few reads of few
 * elements.
 */
export type Reading = 'apart' | 'together' | 'fused';

/** The input as it is read, and what is left to do. */
export interface LaidOutInput {
  readonly x: Position;
  readonly dims: ConvDims;
}

/**
 * The input of a convolution in memory as it is best read; the same for equal inputs, whatever the order of dimensions.
 *
 * @param shape the result's
 */
export function laidOutInput(
  e: TemplateEmitter,
  x: Position,
  kernel: Shape,
  d: ConvDims,
  shape: Shape,
  how: Reading,
): LaidOutInput {
  const strides = [...d.strides];
  const rhsDilation = [...d.rhsDilation];
  const layouts = strides.map((stride, i): Layout => {
    const [taps, positions] = [kernel[i + 2], shape[i + 2]];
    const own = { low: d.low[i], high: d.high[i], dilation: d.lhsDilation[i] };
    const all = { ...own, step: 1, count: -1, phases: 1 };
    if (taps === 1 || positions === 1) {
      const step = taps === 1 ? stride : d.rhsDilation[i];
      strides[i] = 1;
      rhsDilation[i] = 1;
      const count = Math.max(taps, positions);
      const isAll = step === 1 && count === x.shape[i + 2];
      return { ...all, step, count: isAll ? -1 : count };
    }
    if (how !== 'apart' || (stride > 1 && d.rhsDilation[i] > 1)) return all;
    return { ...all, phases: Math.max(stride, d.rhsDilation[i]) };
  });
  const zeros = d.low.map(() => 0);
  const dims = {
    ...d,
    strides,
    rhsDilation,
    low: zeros,
    high: zeros,
    lhsDilation: d.low.map(() => 1),
  };
  if (layouts.every(isUntouched)) return { x, dims };
  if (how === 'fused') return { x: cut(e, x, [untouched, untouched, ...layouts]), dims };
  const n = e.nodes[x.at];
  if (n.leaf < 0 && n.op.name === 'permute') {
    // Layout commutes with permute: forward and backward pass share one copy.
    const order = n.attributes;
    const inner = new Array<Layout>(order.length).fill(untouched);
    layouts.forEach((l, i) => {
      inner[order[i + 2]] = l;
    });
    return { x: e.permute(laidOut(e, e.position(n.inputs[0]), inner), order), dims };
  }
  return { x: laidOut(e, x, [untouched, untouched, ...layouts]), dims };
}

/** Padded, and what is stepped over left out; phases are as they were. */
function cut(
  e: TemplateEmitter,
  x: Position,
  layouts: readonly Layout[],
  full: Shape | null = null,
): Position {
  const grown = x.shape.map(
    (s, i) =>
      dilatedSize(s, layouts[i].dilation) + Math.max(layouts[i].low, 0) + Math.max(layouts[i].high, 0),
  );
  const starts = layouts.map((l) => Math.max(-l.low, 0));
  const counts = full ?? countsOf(x, layouts);
  const wide = grown.map((s, i) => Math.max(s, starts[i] + (counts[i] - 1) * layouts[i].step + 1));
  const padded = e.pad(
    x,
    layouts.map((l) => Math.max(l.low, 0)),
    layouts.map((l) => l.dilation - 1),
    wide,
  );
  return e.slice(
    padded,
    starts,
    layouts.map((l) => l.step),
    counts,
  );
}

/** What is left of each dimension when it is padded and what is stepped over is left out. */
function countsOf(x: Position, layouts: readonly Layout[]): number[] {
  return layouts.map(({ count, dilation, low, high }, i) =>
    count < 0 ? dilatedSize(x.shape[i], dilation) + low + high : count,
  );
}

function laidOut(e: TemplateEmitter, x: Position, layouts: readonly Layout[]): Position {
  const key = JSON.stringify(layouts.map(Object.values));
  if (layouts.every((l) => l.phases === 1))
    return e.written(`laid out ${x.at} ${key}`, () => cut(e, x, layouts));
  const counts = countsOf(x, layouts);
  // Filled up to whole phases.
  const each = counts.map((s, i) => Math.ceil(s / layouts[i].phases));
  const split = counts.flatMap((_, i) =>
    layouts[i].phases === 1 ? [each[i]] : [each[i], layouts[i].phases],
  );
  const apart: number[] = [];
  const together: number[] = [];
  let at = 0;
  for (const l of layouts) {
    together.push(at++);
    if (l.phases > 1) apart.push(at++);
  }
  // The first dimensions stay in front, so that a sample, or a channel, is one piece.
  const lead = layouts.findIndex((l) => !isUntouched(l));
  const order = [...together.slice(0, lead), ...apart, ...together.slice(lead)];
  const back = new Array<number>(order.length);
  order.forEach((from, to) => {
    back[from] = to;
  });
  const written = e.written(`laid out ${x.at} ${key}`, () => {
    const full = each.map((s, i) => s * layouts[i].phases);
    const whole = cut(e, x, layouts, full);
    const last = layouts.length - 1;
    if (layouts[last].phases !== 2 || layouts[last].step !== 1)
      return e.permute(e.reshape(whole, split), order);
    // Even and odd elements of a row are taken from it, and written, in one pass.
    const source = e.written(`padded ${x.at} ${key}`, () => whole);
    const rows = e.permute(
      e.reshape(source, [...split.slice(0, -2), full[last]]),
      order.filter((from) => from !== split.length - 1),
    );
    const { shape } = rows;
    const own = [...together.slice(0, lead), ...apart.slice(0, -1)].length;
    const halves = [0, 1].map((start) => {
      const half = e.slice(
        rows,
        shape.map((_, i) => (i === shape.length - 1 ? start : 0)),
        shape.map((_, i) => (i === shape.length - 1 ? 2 : 1)),
        [...shape.slice(0, -1), each[last]],
      );
      return e.reshape(half, [...half.shape.slice(0, own), 1, ...half.shape.slice(own)]);
    });
    return e.interleave(halves, [2, ...shape.slice(own).map(() => 1)]);
  });
  const joined = e.reshape(
    e.permute(written, back),
    each.map((s, i) => s * layouts[i].phases),
  );
  return e.slice(
    joined,
    counts.map(() => 0),
    counts.map(() => 1),
    counts,
  );
}
