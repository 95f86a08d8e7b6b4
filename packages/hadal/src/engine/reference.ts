/**
 * The reference backend: runs a plan op by op as the ops are defined. It follows the plan's decisions (what is written, what is
 * overwritten in place, in which order), so that everything but the arithmetic is as on the other engines.
 */
import { dtypeInfo, typedView } from '../base/dtype.js';
import { DeviceError, IndexError, InternalError, known } from '../base/errors.js';
import { numel } from '../base/shape.js';
import { evaluate } from '../codegen/reference/evaluate.js';
import type { PlainArray } from '../graph/op.js';
import type { Target } from '../kernel/target.js';
import type { Memory } from '../runtime/device.js';
import type { Plan, PlannedBlock } from '../schedule/plan.js';
import type { Backend, PlanRunner } from './backend.js';
import { bufferIndex } from './compiled.js';

class HostMemory implements Memory {
  readonly bytes: number;
  readonly data: ArrayBuffer;
  constructor(bytes: number) {
    this.bytes = bytes;
    this.data = new ArrayBuffer(bytes);
  }
}

function host(memory: Memory): ArrayBuffer {
  if (memory instanceof HostMemory) return memory.data;
  throw new DeviceError('reference: this memory belongs to another engine');
}

/** The reference has no vectors and no tiles; the numbers only shape the plan's workspaces, which it never touches. */
const target: Target = {
  id: 'reference',
  lanes: 1,
  masks: false,
  gemm: { mr: 1, nr: 1, kc: 1, mc: 1, nc: 1 },
};

export class ReferenceBackend implements Backend {
  readonly name = 'reference';
  readonly description = 'reference: every op as it is defined, in plain TypeScript';
  readonly target = target;
  readonly #seen = new Set<string>();

  get compiledKernels(): number {
    return this.#seen.size;
  }

  allocate(bytes: number): Memory {
    return new HostMemory(bytes);
  }

  release(): void {}

  write(memory: Memory, byteOffset: number, data: Uint8Array): void {
    new Uint8Array(host(memory), byteOffset, data.length).set(data);
  }

  read(memory: Memory, byteOffset: number, bytes: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(host(memory).slice(byteOffset, byteOffset + bytes));
  }

  prepare(plan: Plan): PlanRunner {
    for (const launch of plan.launches) this.#seen.add(launch.key);
    return {
      run: (buffers, scalars) => {
        for (const launch of plan.launches)
          for (const block of launch.blocks) runBlock(plan, block, buffers, scalars);
      },
    };
  }

  code(): string {
    return 'the reference engine generates no code';
  }
}

function runBlock(
  plan: Plan,
  block: PlannedBlock,
  buffers: readonly Memory[],
  scalars: readonly (number | bigint)[],
): void {
  const { nodes } = plan.template;
  const values = new Map<number, PlainArray>();

  function inMemory(id: number): PlainArray {
    const { shape, dtype, leaf } = nodes[id];
    const place = leaf >= 0 ? ({ in: 'leaf', leaf } as const) : known(plan.where.get(id), 'memory');
    const { buffer, byteOffset } = bufferIndex(plan, place);
    return { shape, dtype, data: typedView(dtype, host(buffers[buffer]), byteOffset, numel(shape)) };
  }

  function value(id: number): PlainArray {
    const have = values.get(id);
    if (have) return have;
    const n = nodes[id];
    let result: PlainArray;
    if (n.leaf >= 0) result = inMemory(id);
    else if (n.argument >= 0) {
      const data = typedView(n.dtype, new ArrayBuffer(dtypeInfo[n.dtype].bytes));
      if (data instanceof BigInt64Array) data[0] = BigInt(scalars[n.argument]);
      else data[0] = Number(scalars[n.argument]);
      result = { shape: [], dtype: n.dtype, data };
    } else if (plan.where.has(id) && !block.writes.includes(id)) result = inMemory(id);
    else {
      const inputs = n.inputs.map(value);
      if (n.op.kind === 'gather') checkIndex(inputs[0], inputs[1], n.attributes[0]);
      result = evaluate(n.op, inputs, n.attributes, n.shape, n.dtype);
    }
    values.set(id, result);
    return result;
  }

  const results = block.writes.map((id) => ({ id, from: value(id) }));
  for (const { id, from } of results) {
    const to = inMemory(id).data;
    if (to instanceof BigInt64Array && from.data instanceof BigInt64Array) to.set(from.data);
    else if (!(to instanceof BigInt64Array) && !(from.data instanceof BigInt64Array)) to.set(from.data);
    else throw new InternalError(`node ${id}: result and memory differ in dtype`);
  }
}

function checkIndex(x: PlainArray, index: PlainArray, dim: number): void {
  for (const raw of index.data) {
    const i = Number(raw);
    if (i < 0 || i >= x.shape[dim]) throw indexError(i, x.shape[dim] - 1);
  }
}

/** The error for an index that a kernel found out of range. */
export function indexError(index: number, last: number): IndexError {
  const range = last < 0 ? 'the dimension is empty' : `expected 0 to ${last}`;
  return new IndexError(
    `gather: index ${index} is out of range; ${range}. (Labels that start at 1, or a class too many?)`,
  );
}
