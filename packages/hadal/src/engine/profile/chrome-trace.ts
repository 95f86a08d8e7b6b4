/**
 * A report's timeline as Chrome trace events ("Trace Event Format", Google, 2016), which Perfetto and chrome://tracing show.
 *
 * What the program's thread does are complete events (`X`), which nest as the calls did; a launch on another thread is on a row of
 * its own. Marks and waits may overlap, so they are pairs of asynchronous events (`b`, `e`). Memory is counters (`C`).
 */
import { DeviceError, FileError } from '../../base/errors.js';
import { version } from '../../base/version.js';
import type { ProfileReport } from './report.js';

export interface TraceEvent {
  readonly name: string;
  readonly cat?: string;
  /** The kind of event. */
  readonly ph: 'X' | 'b' | 'e' | 'C' | 'M';
  /** Microseconds. */
  readonly ts?: number;
  readonly dur?: number;
  readonly pid: number;
  readonly tid: number;
  readonly id?: number;
  readonly args?: { readonly [name: string]: unknown };
}

const PROCESS = 1;
/** Row of the program's own thread; further threads follow. */
const PROGRAM = 1;

function microseconds(milliseconds: number): number {
  return Math.round(milliseconds * 1e6) / 1e3;
}

export function* chromeTrace(report: ProfileReport): Generator<TraceEvent> {
  const named = (name: string, tid: number, text: string): TraceEvent => ({
    name,
    ph: 'M',
    pid: PROCESS,
    tid,
    args: { name: text },
  });
  yield named('process_name', PROGRAM, `hadal ${version}`);
  yield named('thread_name', PROGRAM, 'program');
  const threads = new Set(report.timeline.flatMap((e) => (e.kind === 'launch' ? [e.thread] : [])));
  threads.delete(0);
  for (const thread of threads) yield named('thread_name', PROGRAM + thread, `thread ${thread}`);

  let id = 0;
  for (const event of report.timeline) {
    const ts = microseconds(event.start);
    const dur = microseconds(event.duration);
    const at = { ts, pid: PROCESS, tid: PROGRAM };
    switch (event.kind) {
      case 'launch': {
        const { name, engine, kind, size, ops, nodes, lines, flops, bytesRead, bytesWritten } =
          report.kernels[event.kernel];
        yield {
          ...{ name, cat: kind === 'host' ? 'JavaScript op' : 'kernel', ph: 'X', ...at, dur },
          tid: PROGRAM + event.thread,
          args: { engine, size, ops, nodes, lines, flops, bytesRead, bytesWritten, run: event.run },
        };
        break;
      }
      case 'activity': {
        const name = event.name === null ? event.activity : `${event.activity}: ${event.name}`;
        yield { name, cat: 'engine', ph: 'X', ...at, dur };
        break;
      }
      case 'mark':
      case 'wait': {
        const pair = { name: event.kind === 'mark' ? event.name : 'wait', cat: event.kind, id: id++ };
        yield { ...pair, ph: 'b', ...at };
        yield { ...pair, ph: 'e', ...at, ts: microseconds(event.start + event.duration) };
      }
    }
  }
  for (const { time, engine, inputs, outputs, arena, process } of report.memory.samples) {
    const at = { ph: 'C', ts: microseconds(time), pid: PROCESS, tid: PROGRAM } as const;
    yield { name: `memory of a run on ${engine}`, ...at, args: { inputs, outputs, arena } };
    if (process !== null) yield { name: 'memory of the process', ...at, args: { ...process } };
  }
}

/** The file as pieces of text: all of a long timeline at once could be more than a string may hold. */
function* pieces(report: ProfileReport): Generator<string> {
  let piece = '{"displayTimeUnit":"ms","traceEvents":[\n';
  let separator = '';
  for (const event of chromeTrace(report)) {
    piece += separator + JSON.stringify(event);
    separator = ',\n';
    if (piece.length > 1 << 16) {
      yield piece;
      piece = '';
    }
  }
  yield `${piece}\n]}\n`;
}

export async function saveChromeTrace(report: ProfileReport, path: string): Promise<void> {
  if (typeof process === 'undefined' || typeof process.getBuiltinModule !== 'function')
    throw new DeviceError(
      'saveTrace: there are no files here; take toChromeTrace() and offer it for download',
    );
  const files = process.getBuiltinModule('node:fs').promises;
  try {
    await files.writeFile(path, pieces(report));
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    throw new FileError(`saveTrace: ${path} cannot be written: ${message}`, path, code, { cause: error });
  }
}
