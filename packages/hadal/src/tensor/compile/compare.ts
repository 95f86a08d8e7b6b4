/** What differs between two traces of one function; for `compile(fn, { check: true })`. */
import type { RecordedConstant, RecordedRun } from '../../engine/run-recorder.js';
import type { TemplateNode } from '../../graph/template.js';
import type { PlaceSource, SlotSource } from './places.js';
import type { RecordedPlace, RecordedResult, RecordedSlot, TraceContents, Written } from './trace.js';

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}

/** A difference in words, or null if both traces would do the same. */
export function differenceOf(a: TraceContents, b: TraceContents): string | null {
  const runs = a.recording.runs;
  const others = b.recording.runs;
  for (let i = 0; i < Math.min(runs.length, others.length); i++) {
    const difference = runDifference(runs[i], others[i]);
    if (difference !== null) return runs.length === 1 ? difference : `run ${i}: ${difference}`;
  }
  if (runs.length !== others.length)
    return `${count(runs.length, 'run')} of the engine became ${others.length}`;
  return (
    constantDifference(a, b) ??
    listDifference('tensor around the function', a.places, b.places, samePlace) ??
    listDifference('gradient', a.slots, b.slots, sameSlot) ??
    listDifference('output', a.results, b.results, sameResult) ??
    (JSON.stringify(a.form, plainJson) === JSON.stringify(b.form, plainJson)
      ? null
      : 'the output has another structure, or other values among its plain ones') ??
    (a.live.length === b.live.length
      ? null
      : `numbers were drawn or steps taken ${a.live.length} times, now ${b.live.length} times`)
  );
}

function plainJson(_: string, value: unknown): unknown {
  return typeof value === 'bigint' || typeof value === 'number' || value === undefined
    ? `${typeof value} ${value}`
    : value;
}

function runDifference(a: RecordedRun, b: RecordedRun): string | null {
  if (a.prepared.plan !== b.prepared.plan) {
    const difference = graphDifference(
      a.prepared.explained().template.nodes,
      b.prepared.explained().template.nodes,
    );
    const kernels = (run: RecordedRun): string =>
      run.prepared.plan.launches.map((l) => l.kernel.name).join(', ');
    return difference ?? `the kernels were ${kernels(a)} and are now ${kernels(b)}`;
  }
  for (let i = 0; i < a.numbers.length; i++) {
    const [x, y] = [a.numbers[i], b.numbers[i]];
    if ((x.live === null) !== (y.live === null))
      return `number ${i} of the graph was ${x.live === null ? 'fixed' : 'live'} and is not now`;
    if (x.live === null && !Object.is(x.value, y.value))
      return `number ${i} of the graph (${userOf(a, i)}) was ${x.value} and is now ${y.value}`;
  }
  const leaf = a.leaves.findIndex((register, i) => register !== b.leaves[i]);
  if (leaf >= 0) return `the graph reads another tensor as its input ${leaf}`;
  return null;
}

/** The op that a number of a graph goes into. */
function userOf({ prepared }: RecordedRun, argument: number): string {
  const { nodes } = prepared.explained().template;
  let at = nodes.findIndex((n) => n.argument === argument);
  for (;;) {
    const user = nodes.findIndex((n) => n.inputs.includes(at));
    if (user < 0) return 'of no op';
    const { op } = nodes[user];
    if (op.kind !== 'movement') return `an operand of ${op.name}`;
    at = user;
  }
}

function graphDifference(a: readonly TemplateNode[], b: readonly TemplateNode[]): string | null {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const [x, y] = [a[i], b[i]];
    const show = (n: TemplateNode): string => `${n.op.name} giving ${n.dtype}[${n.shape.join(', ')}]`;
    if (x.op !== y.op || x.dtype !== y.dtype || x.shape.join() !== y.shape.join())
      return `op ${i} was ${show(x)} and is now ${show(y)}`;
    if (x.attributes.join() !== y.attributes.join()) return `op ${i}, ${show(x)}, has other attributes`;
    if (x.inputs.join() !== y.inputs.join()) return `op ${i}, ${show(x)}, has other operands`;
  }
  return a.length === b.length ? null : `there were ${count(a.length, 'op')}, now ${b.length}`;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function constantDifference(a: TraceContents, b: TraceContents): string | null {
  const bytes = (of: TraceContents, { buffer, pristine }: RecordedConstant): Uint8Array =>
    pristine ?? of.space.engine.backend.read(buffer.memory, 0, buffer.memory.bytes);
  const [xs, ys] = [a.recording.constants, b.recording.constants];
  if (xs.length !== ys.length)
    return `${count(xs.length, 'tensor')} made from JavaScript became ${ys.length}`;
  const at = xs.findIndex((x, i) => x.renewed === null && !sameBytes(bytes(a, x), bytes(b, ys[i])));
  return at < 0 ? null : `a tensor made from numbers of JavaScript (number ${at} of them) has other contents`;
}

function listDifference<T>(
  what: string,
  a: readonly T[],
  b: readonly T[],
  same: (x: T, y: T) => boolean,
): string | null {
  if (a.length !== b.length) return `${count(a.length, what)} became ${b.length}`;
  const at = a.findIndex((x, i) => !same(x, b[i]));
  return at < 0 ? null : `${what} ${at} is another one, or is written in another way`;
}

function sameSlotSource(a: SlotSource, b: SlotSource): boolean {
  if (a.of === 'argument') return b.of === 'argument' && a.index === b.index;
  return b.of === 'slot' && a.slot === b.slot;
}

function sameSource(a: PlaceSource, b: PlaceSource): boolean {
  switch (a.kind) {
    case 'argument':
      return b.kind === 'argument' && a.index === b.index;
    case 'storage':
      return b.kind === 'storage' && a.storage === b.storage;
    case 'gradient':
      return b.kind === 'gradient' && sameSlotSource(a.of, b.of);
  }
}

function sameWritten(a: Written | null, b: Written | null): boolean {
  if (a === null || b === null) return a === b;
  return (
    a.register === b.register && a.end === b.end && a.dtype === b.dtype && a.shape.join() === b.shape.join()
  );
}

function samePlace(a: RecordedPlace, b: RecordedPlace): boolean {
  return (
    sameSource(a.source, b.source) &&
    a.register === b.register &&
    a.updates === b.updates &&
    sameWritten(a.final, b.final)
  );
}

function sameSlot(a: RecordedSlot, b: RecordedSlot): boolean {
  if (!sameSlotSource(a.source, b.source) || a.expects !== b.expects || a.final.kind !== b.final.kind)
    return false;
  return (
    a.final.kind !== 'written' || b.final.kind !== 'written' || sameWritten(a.final.value, b.final.value)
  );
}

function sameResult(a: RecordedResult, b: RecordedResult): boolean {
  switch (a.kind) {
    case 'argument':
      return b.kind === 'argument' && a.index === b.index;
    case 'held':
      return b.kind === 'held' && a.tensor.storage === b.tensor.storage;
    case 'written':
      return b.kind === 'written' && a.leaf === b.leaf && sameWritten(a.value, b.value);
  }
}
