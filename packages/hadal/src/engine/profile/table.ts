/** A report as people read it: where the time went, then the kernels, the longest first, then memory. */
import { showBytes } from '../../base/bytes.js';
import type { KernelProfile, ProfileReport } from './report.js';

const explanations: { readonly [activity: string]: string } = {
  kernels: 'generated code',
  'JavaScript ops': 'ops that no kernel covers yet',
  program: 'your JavaScript, making of the graph included',
  wait: 'the event loop did other things',
  backward: 'making the graph of the gradients',
  optimizer: 'making the graph of the update',
  realise: 'finding what is wanted, settling',
  allocation: 'memory for results',
  capture: 'the pending graph as a key',
  planning: 'fusion and memory of new graphs',
  'code generation': 'machine code of new kernels',
  profiling: 'the profiler itself',
  binding: 'handing over buffers and numbers',
  read: 'values to JavaScript',
  write: 'values from JavaScript',
};

/** 0.00123 ms as '1.23 us'. */
function showTime(milliseconds: number): string {
  if (milliseconds < 1e-3) return `${(milliseconds * 1e6).toFixed(0)} ns`;
  if (milliseconds < 1) return `${significant(milliseconds * 1e3)} us`;
  if (milliseconds < 1e3) return `${significant(milliseconds)} ms`;
  return `${significant(milliseconds / 1e3)} s`;
}

/** Three digits. */
function significant(x: number): string {
  return x.toFixed(x < 9.995 ? 2 : x < 99.95 ? 1 : 0);
}

function showShare(share: number): string {
  return `${(share * 100).toFixed(1)}%`;
}

function showRate(rate: number): string {
  if (rate === 0) return '';
  return rate < 0.005 ? '<0.01' : significant(rate);
}

const eighths = ' ▏▎▍▌▋▊▉';

function bar(share: number, width: number): string {
  const parts = Math.round(Math.min(Math.max(share, 0), 1) * width * 8);
  return ('█'.repeat(parts >> 3) + eighths[parts & 7]).trimEnd();
}

type Column = 'left' | 'right';

function columns(rows: readonly (readonly string[])[], sides: readonly Column[]): string[] {
  const widths = sides.map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  return rows.map((row) =>
    row
      .map((cell, i) => (sides[i] === 'left' ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
      .join('  ')
      .trimEnd(),
  );
}

function plural(n: number, noun: string): string {
  return `${n.toLocaleString('en-US')} ${noun}${n === 1 ? '' : noun.endsWith('ch') ? 'es' : 's'}`;
}

/** Where a line of the program is, without the way to it: 'train.js:12'. */
function shortLine(line: string): string {
  const place = /([^/\\(]+?):(\d+):\d+\)?$/.exec(line);
  return place ? `${place[1]}:${place[2]}` : line;
}

function kernelRow(k: KernelProfile): string[] {
  const blocks = k.blocks > 1 ? ` on ${k.blocks} tensors` : '';
  const from = k.lines.length > 0 ? `  (${[...new Set(k.lines.map(shortLine))].join(', ')})` : '';
  return [
    showTime(k.time),
    showShare(k.share),
    k.count.toLocaleString('en-US'),
    showTime(k.mean),
    showRate(k.gflops),
    showRate(k.gbs),
    `${k.name}${k.kind === 'host' ? ' (JavaScript)' : ''}  ${k.size}${blocks}${from}`,
  ];
}

export function printReport(report: ProfileReport, rows: number): string {
  const { kernels, activities, marks, memory, launches } = report;
  const out: string[] = [];
  const engines = [...report.engines].map(([name, description]) =>
    description.startsWith(name) ? description : `${name} (${description})`,
  );
  out.push(
    `${showTime(report.duration)} in all, ${plural(report.runs, 'graph')} run, ${plural(launches, 'launch')}` +
      `${engines.length > 0 ? ` on ${engines.join(' and ')}` : ''}`,
  );

  out.push('', 'where the time went');
  const parts = activities.map(({ name, time, share }) => [
    `  ${name}`,
    showTime(time),
    showShare(share),
    bar(share, 20).padEnd(20),
    explanations[name] ?? '',
  ]);
  out.push(...columns(parts, ['left', 'right', 'right', 'left', 'left']));

  if (kernels.length === 0) {
    out.push(
      '',
      'Nothing was launched: what nobody reads is not computed. Read a value, or step an optimizer.',
    );
  } else {
    const shown = kernels.slice(0, rows);
    const rest = kernels.slice(rows);
    const sum = (some: readonly KernelProfile[], of: (k: KernelProfile) => number): number =>
      some.reduce((total, k) => total + of(k), 0);
    const totals = (some: readonly KernelProfile[], label: string): string[] => {
      const time = sum(some, (k) => k.time);
      const rate = (amount: (k: KernelProfile) => number): string =>
        showRate(time > 0 ? sum(some, (k) => amount(k) * k.count) / (time * 1e6) : 0);
      return [
        showTime(time),
        showShare(sum(some, (k) => k.share)),
        sum(some, (k) => k.count).toLocaleString('en-US'),
        showTime(time / sum(some, (k) => k.count)),
        rate((k) => k.flops),
        rate((k) => k.bytesRead + k.bytesWritten),
        label,
      ];
    };
    const table = [
      ['time', 'share', 'count', 'mean', 'GFLOP/s', 'GB/s', 'kernel'],
      ...shown.map(kernelRow),
      ...(rest.length > 0 ? [totals(rest, `${plural(rest.length, 'more kernel')}`)] : []),
      ...(kernels.length > 1 ? [totals(kernels, 'all launches')] : []),
    ];
    const lines = columns(table, ['right', 'right', 'right', 'right', 'right', 'right', 'left']);
    out.push('', ...lines.map((line) => `  ${line}`));
  }

  if (marks.length > 0) {
    out.push('', 'marks');
    const table = marks.map(({ name, count, time }) => [
      `  ${name}`,
      showTime(time),
      showShare(report.duration > 0 ? time / report.duration : 0),
      `${count.toLocaleString('en-US')} x ${showTime(time / count)}`,
    ]);
    out.push(...columns(table, ['left', 'right', 'right', 'left']));
  }

  if (memory.peakSample !== null) {
    const { inputs, outputs, arena } = memory.peakSample;
    out.push(
      '',
      `memory: ${showBytes(memory.peak)} at most in one run (${showBytes(inputs)} read, ${showBytes(outputs)} of results, ` +
        `${showBytes(arena)} in between), ${showBytes(memory.allocated)} allocated in all runs`,
    );
  }
  if (report.dropped > 0)
    out.push(`${plural(report.dropped, 'event')} more than the timeline holds; totals have them all`);
  return out.join('\n');
}
