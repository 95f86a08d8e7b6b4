/** Line charts as inline SVG. */
import { type Html, html } from './html.js';

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Series {
  readonly name: string;
  /** The class that colours it. */
  readonly look: 'train' | 'test';
  readonly points: readonly Point[];
  /** Whether each point has a dot and its value beside it; for few points. */
  readonly labelled: boolean;
}

export interface Chart {
  readonly title: string;
  readonly xName: string;
  readonly scale: 'linear' | 'log';
  /** Digits behind the point of values. */
  readonly digits: number;
  readonly series: readonly Series[];
  /** Where the x axis has a mark across the chart, such as the ends of epochs. */
  readonly marks: readonly number[];
}

/** Units of the drawing; on a phone one is about a CSS pixel, so that its text stays readable. */
const size = { width: 400, height: 250, left: 42, right: 14, top: 14, bottom: 36 };
const inner = {
  right: size.width - size.right,
  bottom: size.height - size.bottom,
};

/** From values to positions, and the values that are written at the axis. */
interface Axis {
  at(value: number): number;
  readonly ticks: readonly number[];
}

export function drawChart(chart: Chart): Html {
  const { title, series, scale } = chart;
  const drawable = series.map((one) => ({
    ...one,
    points: one.points.filter(
      ({ x, y }) => Number.isFinite(x) && Number.isFinite(y) && (scale === 'linear' || y > 0),
    ),
  }));
  const all = drawable.flatMap(({ points }) => points);
  if (all.length === 0) return html`<figure class="chart"><h3>${title}</h3><p>No figures.</p></figure>`;
  const x = linearAxis([0, ...all.map((point) => point.x)], [size.left, inner.right], { exact: true });
  const y = (scale === 'log' ? logAxis : linearAxis)(
    all.map((point) => point.y),
    [inner.bottom, size.top],
  );
  return html`<figure class="chart">
<h3>${title}</h3>
<p class="legend">${drawable.map(({ name, look }) => html`<span><i class="${look}"></i>${name}</span> `)}</p>
<svg viewBox="0 0 ${size.width} ${size.height}" role="img" aria-label="${describe(chart)}">
${y.ticks.map((value) => yTick(value, y.at(value)))}
${chart.marks.map((mark) => html`<line class="mark" x1="${round(x.at(mark))}" x2="${round(x.at(mark))}" y1="${size.top}" y2="${inner.bottom}"/>`)}
${x.ticks.map((value) => html`<text class="tick" text-anchor="middle" x="${round(x.at(value))}" y="${inner.bottom + 15}">${plain(value)}</text>`)}
<line class="axis" x1="${size.left}" x2="${inner.right}" y1="${inner.bottom}" y2="${inner.bottom}"/>
<text class="tick" text-anchor="end" x="${inner.right}" y="${size.height - 5}">${chart.xName}</text>
${drawable.map((one) => drawSeries(one, chart.digits, x, y))}
</svg>
</figure>`;
}

function describe({ title, series, digits }: Chart): string {
  const ends = series.map(({ name, points }) => {
    const last = points.findLast(({ y }) => Number.isFinite(y));
    return last === undefined ? `${name}: none` : `${name}: last ${last.y.toFixed(digits)}`;
  });
  return `${title}. ${ends.join('; ')}`;
}

function yTick(value: number, at: number): Html {
  return html`<line class="grid" x1="${size.left}" x2="${inner.right}" y1="${round(at)}" y2="${round(at)}"/><text class="tick" text-anchor="end" x="${size.left - 5}" y="${round(at + 4)}">${plain(value)}</text>
`;
}

function drawSeries({ look, points, labelled, name }: Series, digits: number, x: Axis, y: Axis): Html {
  const path = points.map((p) => `${round(x.at(p.x))},${round(y.at(p.y))}`).join(' ');
  const line = html`<polyline class="${look}" points="${path}"/>`;
  if (!labelled) return line;
  // Above the dot, or below where there is no room above.
  const offset = (at: number): number => (at - size.top < 16 ? 16 : -8);
  return html`${line}${points.map((p) => {
    const [px, py] = [x.at(p.x), y.at(p.y)];
    return html`<circle class="${look}" cx="${round(px)}" cy="${round(py)}" r="3.5"><title>${name}, ${plain(p.x)}: ${p.y.toFixed(digits)}</title></circle><text class="value" text-anchor="${px > inner.right - 20 ? 'end' : 'middle'}" x="${round(px > inner.right - 20 ? px + 6 : px)}" y="${round(py + offset(py))}">${p.y.toFixed(digits)}</text>`;
  })}`;
}

type Range = readonly [from: number, to: number];

/** @param options `exact`: the axis ends with the last value, not with the tick above it. */
export function linearAxis(
  values: readonly number[],
  [from, to]: Range,
  options: { readonly exact?: boolean } = {},
): Axis {
  const [low, high] = [least(values), greatest(values)];
  const spread = high - low || Math.abs(high) || 1;
  const rough = spread / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough * 0.999) ?? 10);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(first + 1, Math.ceil(high / step - 1e-9));
  const exact = options.exact === true && high > low;
  const [bottom, top] = exact ? [low, high] : [first * step, last * step];
  const ticks: number[] = [];
  for (let i = first; i <= last; i++) if (i * step <= top * (1 + 1e-9)) ticks.push(i * step);
  return { at: (value) => from + ((value - bottom) / (top - bottom)) * (to - from), ticks };
}

/** Ticks at 1, 2 and 5 times powers of ten. */
export function logAxis(values: readonly number[], [from, to]: Range): Axis {
  const candidates: number[] = [];
  for (let power = -12; power <= 12; power++) {
    for (const factor of [1, 2, 5]) candidates.push(Number(`${factor}e${power}`));
  }
  const low = candidates.findLast((tick) => tick <= least(values)) ?? candidates[0];
  const high =
    candidates.find((tick) => tick >= greatest(values) && tick > low) ?? candidates[candidates.length - 1];
  const ticks = candidates.filter((tick) => tick >= low && tick <= high);
  const share = (value: number): number => Math.log(value / low) / Math.log(high / low);
  return { at: (value) => from + share(value) * (to - from), ticks };
}

function least(values: readonly number[]): number {
  return values.reduce((a, b) => Math.min(a, b));
}

function greatest(values: readonly number[]): number {
  return values.reduce((a, b) => Math.max(a, b));
}

/** A tick's value without the noise of its last bits. */
function plain(value: number): string {
  return String(Number(value.toPrecision(6)));
}

function round(value: number): number {
  return Number(value.toFixed(1));
}
