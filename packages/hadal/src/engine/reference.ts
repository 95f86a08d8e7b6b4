/**
 * The reference backend: runs a plan op by op as the ops are defined. It follows the plan's decisions (what is written, what is
 * overwritten in place, in which order), so that everything but the arithmetic is as on the other engines.
 */
import { decodeElements, encodeElements, newElements } from '../base/dtype.js';
import { DeviceError, InternalError, known, OutOfMemoryError } from '../base/errors.js';
import { numel } from '../base/shape.js';
import { evaluate, evaluateAll } from '../codegen/reference/evaluate.js';
import type { PlainArray } from '../graph/op.js';
import { isTuple } from '../graph/op.js';
import type { Target } from '../kernel/target.js';
import { oneThread } from '../kernel/target.js';
import type { Memory } from '../runtime/device.js';
import { MemoryRange } from '../runtime/device.js';
import { availableMemory } from '../runtime/host-memory.js';
import type { ExplainedPlan, Place, PlannedBlock } from '../schedule/plan.js';
import type { Backend, PlanRunner, PlanSteps } from './backend.js';
import { bufferIndex } from './compiled.js';

class HostMemory implements Memory {
  readonly bytes: number;
  readonly data: ArrayBuffer;
  constructor(bytes: number) {
    this.bytes = bytes;
    this.data = new ArrayBuffer(bytes);
  }
}

/** Of a whole memory. */
function host(memory: Memory): ArrayBuffer {
  if (memory instanceof HostMemory) return memory.data;
  throw new DeviceError('reference: this memory belongs to another engine');
}

/** A memory as a whole, and where it begins in it. */
function located(memory: Memory): readonly [whole: ArrayBuffer, from: number] {
  return memory instanceof MemoryRange ? [host(memory.base), memory.byteOffset] : [host(memory), 0];
}

/** The reference has no vectors and no tiles; the numbers only shape the plan's workspaces, which it never touches. */
const target: Target = {
  id: 'reference',
  lanes: 1,
  masks: false,
  prefetches: false,
  float16: false,
  dots: [],
  wideLanes: 1,
  scales: false,
  gemm: {
    mr: 1,
    nr: 1,
    kc: 1,
    mc: 1,
    nc: 1,
    isPrompt: false,
    inPlace: { columns: 0, depth: 0, wideDepth: Number.POSITIVE_INFINITY },
  },
};

export class ReferenceBackend implements Backend {
  readonly name = 'reference';
  readonly description = 'reference: every op as it is defined, in plain TypeScript';
  readonly target = target;
  readonly threads = oneThread;
  readonly #seen = new Set<string>();

  get compiledKernels(): number {
    return this.#seen.size;
  }

  availableBytes(): number {
    return availableMemory();
  }

  expect(): void {}

  tidy(): void {}

  allocate(bytes: number): Memory {
    try {
      return new HostMemory(bytes);
    } catch {
      throw new OutOfMemoryError(`no memory for ${bytes} bytes`);
    }
  }

  release(): void {}

  write(memory: Memory, byteOffset: number, data: Uint8Array): void {
    new Uint8Array(host(memory), byteOffset, data.length).set(data);
  }

  clear(memory: Memory): void {
    new Uint8Array(host(memory)).fill(0);
  }

  duplicate(memory: Memory): Memory {
    const copy = this.allocate(memory.bytes);
    this.write(copy, 0, new Uint8Array(host(memory)));
    return copy;
  }

  read(memory: Memory, byteOffset: number, bytes: number): Uint8Array<ArrayBuffer> {
    if (memory instanceof MemoryRange) return this.read(memory.base, memory.byteOffset + byteOffset, bytes);
    return new Uint8Array(host(memory).slice(byteOffset, byteOffset + bytes));
  }

  prepare(plan: ExplainedPlan): PlanRunner {
    for (const launch of plan.launches) this.#seen.add(launch.key);
    return {
      run: (buffers, scalars) => {
        for (const launch of plan.launches)
          for (const block of launch.blocks) runBlock(plan, block, buffers, scalars);
      },
    };
  }

  prepareSteps(plan: ExplainedPlan): PlanSteps {
    let buffers: readonly Memory[] = [];
    let scalars: readonly (number | bigint)[] = [];
    return {
      bind: (...bound) => {
        [buffers, scalars] = bound;
      },
      launch: (index) => {
        for (const block of plan.launches[index].blocks) runBlock(plan, block, buffers, scalars);
      },
    };
  }

  code(): string {
    return 'the reference engine generates no code';
  }
}

function runBlock(
  plan: ExplainedPlan,
  block: PlannedBlock,
  buffers: readonly Memory[],
  scalars: readonly (number | bigint)[],
): void {
  const { nodes } = plan.template;
  const values = new Map<number, PlainArray>();
  const tuples = new Map<number, readonly PlainArray[]>();

  function placeOf(id: number): Place {
    const { leaf } = nodes[id];
    return leaf >= 0 ? { in: 'leaf', leaf } : known(plan.where.get(id), 'memory');
  }

  function inMemory(id: number): PlainArray {
    const { shape, dtype } = nodes[id];
    const { buffer, byteOffset } = bufferIndex(plan, placeOf(id));
    const [whole, from] = located(buffers[buffer]);
    return { shape, dtype, data: decodeElements(dtype, whole, from + byteOffset, numel(shape)) };
  }

  function value(id: number): PlainArray {
    const have = values.get(id);
    if (have) return have;
    const n = nodes[id];
    let result: PlainArray;
    if (n.leaf >= 0) result = inMemory(id);
    else if (n.argument >= 0) {
      const data = newElements(n.dtype, 1);
      if (data instanceof BigInt64Array) data[0] = BigInt(scalars[n.argument]);
      else data[0] = Number(scalars[n.argument]);
      result = { shape: [], dtype: n.dtype, data };
    } else if (plan.where.has(id) && !block.writes.includes(id)) result = inMemory(id);
    else if (n.op.kind === 'result') result = all(n.inputs[0])[n.attributes[0]];
    else if (isTuple(n.op)) [result] = all(id);
    else {
      const inputs = n.inputs.map(value);
      result = evaluate(n.op, inputs, n.attributes, n.shape, n.dtype);
    }
    values.set(id, result);
    return result;
  }

  /** All results of an op that has several. */
  function all(id: number): readonly PlainArray[] {
    const have = tuples.get(id);
    if (have) return have;
    const { op, inputs, attributes } = nodes[id];
    if (!isTuple(op)) throw new InternalError(`${op.name} has one result`);
    const made = evaluateAll(op, inputs.map(value), attributes);
    tuples.set(id, made);
    return made;
  }

  const results = block.writes.map((id) => ({ id, from: value(id) }));
  for (const { id, from } of results) {
    const { buffer, byteOffset } = bufferIndex(plan, placeOf(id));
    const bytes = encodeElements(nodes[id].dtype, from.data);
    const [whole, start] = located(buffers[buffer]);
    new Uint8Array(whole, start + byteOffset, bytes.length).set(bytes);
  }
}
