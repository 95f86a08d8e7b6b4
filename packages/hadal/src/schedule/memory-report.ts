/** The memory plan of a run as people read it: which value lies where and for how long, and what sharing saved. */
import { showBytes } from '../base/bytes.js';
import type { DType } from '../base/dtype.js';
import { dtypeInfo } from '../base/dtype.js';
import { known } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import { numel, showShape } from '../base/shape.js';
import type { ExplainedPlan } from './plan.js';

export interface PlacedValue {
  /** Position in the graph, or null for the workspace of a launch. */
  readonly node: number | null;
  /** The op that makes it, or 'workspace'. */
  readonly name: string;
  readonly shape: Shape | null;
  readonly dtype: DType | null;
  readonly bytes: number;
  /**
   * `arena`: memory that values share in turn; `output`: a buffer of its own that outlives the run; `update`: it overwrites the buffer
   * of a tensor that was there before.
   */
  readonly place: 'arena' | 'output' | 'update';
  /** From the beginning of the arena; null elsewhere. */
  readonly byteOffset: number | null;
  /** First and last launch that use it; an output is used to the end. */
  readonly from: number;
  readonly to: number;
}

export class MemoryReport {
  /** In the order in which they are made. */
  readonly values: readonly PlacedValue[];
  readonly launches: number;
  /** Bytes of results that outlive the run. */
  readonly outputBytes: number;
  /** Bytes of the arena. */
  readonly arenaBytes: number;
  /** What the values of the arena would take with memory of their own. */
  readonly unsharedBytes: number;
  /** The least that any arrangement needs: the most that is alive in one launch. */
  readonly leastBytes: number;

  /** @internal */
  constructor(plan: ExplainedPlan | null) {
    this.launches = plan?.launches.length ?? 0;
    this.values = plan === null ? [] : placedValues(plan);
    this.outputBytes = plan?.outputs.reduce((sum, o) => sum + o.bytes, 0) ?? 0;
    this.arenaBytes = plan?.arena.bytes ?? 0;
    this.unsharedBytes = plan?.arena.unshared ?? 0;
    this.leastBytes = Math.max(0, ...this.alive);
  }

  /** Bytes of the arena that are in use in each launch. */
  get alive(): readonly number[] {
    const alive = new Array<number>(this.launches).fill(0);
    for (const v of this.values)
      if (v.place === 'arena') for (let t = v.from; t <= v.to; t++) alive[t] += v.bytes;
    return alive;
  }

  /** What sharing saved. */
  get savedBytes(): number {
    return this.unsharedBytes - this.arenaBytes;
  }

  toString(): string {
    const { outputBytes, arenaBytes, unsharedBytes, savedBytes, leastBytes } = this;
    const outputs = this.values.filter((v) => v.place === 'output').length;
    const updates = this.values.filter((v) => v.place === 'update').length;
    const own = this.values.filter((v) => v.place === 'arena');
    const head = [
      `memory: ${outputs} ${outputs === 1 ? 'result' : 'results'} of ${showBytes(outputBytes)}`,
      ...(updates > 0 ? [`${updates} updated in place`] : []),
      own.length === 0
        ? 'nothing in between'
        : `an arena of ${showBytes(arenaBytes)} for ${own.length} values of ${showBytes(unsharedBytes)}` +
          ` (${showBytes(savedBytes)} saved by sharing; at least ${showBytes(leastBytes)} are needed)`,
    ].join(', ');
    return own.length === 0 ? head : `${head}\n${this.picture()}`;
  }

  /** The arena as text: a line for each value with the launches in which it lives. */
  picture(): string {
    const width = Math.min(this.launches, 60);
    const column = (launch: number): number => Math.floor((launch * width) / this.launches);
    const rows = this.values
      .filter((v) => v.place === 'arena')
      .map((v) => {
        const first = column(v.from);
        const last = column(v.to);
        const life = ' '.repeat(first) + '#'.repeat(last - first + 1) + ' '.repeat(width - last - 1);
        const shape = v.shape === null ? '' : ` ${v.dtype}${showShape(v.shape)}`;
        const node = v.node === null ? '' : `n${v.node} `;
        return [`${v.byteOffset}`, showBytes(v.bytes), `|${life}|`, `${node}${v.name}${shape}`];
      });
    const table = [
      ['offset', 'size', `|${'-'.repeat(width)}|`, `launches 0 to ${this.launches - 1}`],
      ...rows,
    ];
    const widths = [0, 1].map((i) => Math.max(...table.map((row) => row[i].length)));
    return table
      .map(
        ([offset, size, life, name]) =>
          `  ${offset.padStart(widths[0])}  ${size.padStart(widths[1])}  ${life} ${name}`,
      )
      .join('\n');
  }

  /** The arena as an SVG image: launches from left to right, addresses from top to bottom, a box for each value. */
  svg(): string {
    const [width, height] = [960, 540];
    const x = (launch: number): number => (launch * width) / Math.max(this.launches, 1);
    const y = (bytes: number): number => (bytes * height) / Math.max(this.arenaBytes, 1);
    const boxes = this.values.flatMap((v, i): string[] => {
      if (v.byteOffset === null) return [];
      const hue = (i * 47) % 360;
      const shape = v.shape === null ? '' : ` ${v.dtype}${showShape(v.shape)}`;
      const label = `${v.node === null ? '' : `n${v.node} `}${v.name}${shape}: ${showBytes(v.bytes)}, launches ${v.from} to ${v.to}`;
      const box =
        `x="${x(v.from).toFixed(1)}" y="${y(v.byteOffset).toFixed(1)}" ` +
        `width="${(x(v.to + 1) - x(v.from)).toFixed(1)}" height="${Math.max(y(v.bytes), 0.5).toFixed(1)}"`;
      return [
        `<rect ${box} fill="hsl(${hue} 60% 70%)" stroke="white" stroke-width="0.5"><title>${label}</title></rect>`,
      ];
    });
    return [
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif">`,
      `<title>An arena of ${showBytes(this.arenaBytes)}, ${showBytes(this.unsharedBytes)} without sharing</title>`,
      ...boxes,
      '</svg>',
    ].join('\n');
  }
}

function placedValues(plan: ExplainedPlan): PlacedValue[] {
  const { nodes } = plan.template;
  const lives = new Map<number, { from: number; to: number }>();
  plan.launches.forEach((launch, at) => {
    for (const block of launch.blocks)
      for (const id of block.values) {
        const life = lives.get(id) ?? { from: at, to: at };
        life.to = at;
        lives.set(id, life);
      }
  });
  const values: PlacedValue[] = [];
  for (const [node, place] of plan.where) {
    if (place.in === 'arena' || place.in === 'status') continue;
    const { op, shape, dtype } = nodes[node];
    const { from, to } = known(lives.get(node), 'the life of a value');
    const isOutput = place.in === 'output';
    values.push({
      ...{ node, name: op.name, shape, dtype, bytes: numel(shape) * dtypeInfo[dtype].bytes },
      ...{ place: isOutput ? 'output' : 'update', byteOffset: null },
      ...{ from, to: isOutput ? plan.launches.length - 1 : to },
    });
  }
  for (const { node, bytes, byteOffset, from, to } of plan.arena.values) {
    if (node < 0) {
      const common = { node: null, name: 'workspace', shape: null, dtype: null } as const;
      values.push({ ...common, bytes, place: 'arena', byteOffset, from, to });
      continue;
    }
    const { op, shape, dtype } = nodes[node];
    values.push({ node, name: op.name, shape, dtype, bytes, place: 'arena', byteOffset, from, to });
  }
  return values.sort((a, b) => a.from - b.from || (a.byteOffset ?? -1) - (b.byteOffset ?? -1));
}
