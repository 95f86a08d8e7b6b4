/** Results as a table for people. */
import { isMet, type Result } from './result.js';

function time(ms: number): string {
  if (ms < 0.1) return `${(ms * 1000).toPrecision(3)} us`;
  return `${ms < 1000 ? ms.toPrecision(3) : ms.toFixed(0)} ms`;
}

function percent(share: number | undefined): string {
  return share === undefined ? '' : `${(share * 100).toFixed(0)} %`;
}

function ratio(r: Result): string {
  if (r.ratio === undefined) return '';
  return `${r.ratio.median.toFixed(2)} (${r.ratio.min.toFixed(2)}-${r.ratio.max.toFixed(2)})`;
}

function notes(r: Result): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(r.detail ?? {}))
    parts.push(`${name} ${Number(value.toPrecision(4))}`);
  if (r.peerForm !== undefined) parts.push(`${r.peer}: ${r.peerForm}`);
  if (r.peerMissing !== undefined) parts.push(`not compared with ${r.peer}: ${r.peerMissing}`);
  if (r.disturbed !== undefined) {
    const byCpu = r.cpuRatio === undefined ? '' : `, by CPU time ${r.cpuRatio.toFixed(2)}`;
    parts.push(`BUSY MACHINE: ${r.disturbed} rounds disturbed${byCpu}`);
  }
  if (r.cpu !== undefined && r.cpu > r.threads + 0.2) parts.push(`hadal used ${r.cpu.toFixed(1)} CPUs`);
  if (r.peerCpu !== undefined && r.peerCpu > r.threads + 0.2)
    parts.push(`PEER USED ${r.peerCpu.toFixed(1)} CPUs`);
  for (const t of r.targets ?? []) {
    parts.push(
      `${isMet(t) ? 'ok' : 'MISSED'}: ${t.what} ${Number(t.value.toPrecision(3))}, at ${t.is} ${t.bound}`,
    );
  }
  return parts.join('; ');
}

const columns: readonly (readonly [string, (r: Result) => string])[] = [
  ['suite', (r) => r.suite],
  ['case', (r) => r.case],
  ['engine', (r) => r.engine],
  ['median', (r) => time(r.ms)],
  ['min', (r) => time(r.minMs)],
  ['GFLOP/s', (r) => r.gflops?.toFixed(1) ?? ''],
  ['limit', (r) => r.limitedBy ?? ''],
  ['share', (r) => percent(r.limitShare)],
  ['best', (r) => percent(r.bestShare)],
  ['first run', (r) => (r.compileMs === undefined ? '' : time(r.compileMs))],
  ['peer', (r) => (r.peer === 'none' ? '' : r.peer)],
  ['its median', (r) => (r.peerMs === undefined ? '' : time(r.peerMs))],
  ['ratio', ratio],
  ['notes', notes],
];

export function formatTable(results: readonly Result[]): string {
  const cells = [columns.map(([title]) => title), ...results.map((r) => columns.map(([, show]) => show(r)))];
  const used = columns.map((_, c) => cells.slice(1).some((row) => row[c] !== ''));
  const widths = columns.map((_, c) => Math.max(...cells.map((row) => row[c].length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, c) => (c < 3 || c === row.length - 1 ? cell.padEnd(widths[c]) : cell.padStart(widths[c])))
      .filter((_, c) => used[c])
      .join('  ')
      .trimEnd();
  return cells.map(line).join('\n');
}
