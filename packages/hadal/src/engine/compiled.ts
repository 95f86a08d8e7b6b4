/**
 * A backend that compiles: kernels are lowered from L2 to L3, emitted as code, loaded on a device, and cached by structure. A plan
 * becomes one device program.
 */
import { decodeElements, dtypeInfo, encodeElements } from '../base/dtype.js';
import { known } from '../base/errors.js';
import { recording } from '../base/recording.js';
import { numel } from '../base/shape.js';
import { type BlockLayout, layoutOf } from '../kernel/abi.js';
import type { HostArray, HostKernel, LoweredKernel } from '../kernel/l2.js';
import type { L3Function, ScalarKind } from '../kernel/l3.js';
import { printL3 } from '../kernel/l3-print.js';
import { lower } from '../kernel/lower.js';
import type { Target, Threads } from '../kernel/target.js';
import type { BlockSpec, Device, Executable, LaunchSpec, Memory, Program } from '../runtime/device.js';
import type { Place, Plan, PlannedBlock, PlannedLaunch } from '../schedule/plan.js';
import type { Backend, EngineName, PlanRunner, PlanSteps } from './backend.js';
import { STATUS_BYTES } from './status.js';

export interface EmittedCode {
  readonly code: Uint8Array;
  /** The code as text. */
  readonly listing: () => string;
}

/** Code that can run, and how it is called. What it was made of is gone: it takes many times the room, and can be made again. */
interface LoadedKernel {
  readonly executable: Executable;
  readonly layout: BlockLayout;
  readonly scalars: readonly ScalarKind[];
}

export class CompiledBackend implements Backend {
  readonly name: EngineName;
  readonly description: string;
  readonly target: Target;
  readonly #device: Device;
  readonly #emit: (fn: L3Function) => EmittedCode;
  readonly #kernels = new Map<string, LoadedKernel>();

  constructor(name: EngineName, description: string, device: Device, emit: (fn: L3Function) => EmittedCode) {
    this.name = name;
    this.description = description;
    this.target = device.target;
    this.#device = device;
    this.#emit = emit;
  }

  get compiledKernels(): number {
    return this.#kernels.size;
  }

  get threads(): Threads {
    return this.#device.threads;
  }

  availableBytes(wanted: number): number {
    return this.#device.availableBytes(wanted);
  }

  expect(bytes: number): void {
    this.#device.expect(bytes);
  }

  tidy(nodes: number): void {
    this.#device.tidy(nodes);
  }

  allocate(bytes: number): Memory {
    return this.#device.allocate(bytes);
  }

  release(memory: Memory): void {
    this.#device.release(memory);
  }

  write(memory: Memory, byteOffset: number, data: Uint8Array): void {
    this.#device.write(memory, byteOffset, data);
  }

  clear(memory: Memory): void {
    this.#device.clear(memory);
  }

  duplicate(memory: Memory): Memory {
    return this.#device.duplicate(memory);
  }

  read(memory: Memory, byteOffset: number, bytes: number): Uint8Array<ArrayBuffer> {
    return this.#device.read(memory, byteOffset, bytes);
  }

  #kernel({ key: whole, abstract, phase }: PlannedLaunch, kernel: LoweredKernel): LoadedKernel {
    const key = phase === undefined ? whole : `${whole}, ${phase}`;
    const have = this.#kernels.get(key);
    if (have) return have;
    const recorder = recording.current;
    const span = recorder?.begin('code generation', kernel.name) ?? 0;
    const fn = lower(kernel, abstract, this.target, phase);
    const { code } = this.#emit(fn);
    const executable = this.#device.load(fn.name, code);
    const loaded: LoadedKernel = {
      executable,
      layout: layoutOf(fn),
      scalars: fn.scalars,
    };
    this.#kernels.set(key, loaded);
    recorder?.end(span);
    return loaded;
  }

  #launchSpec(plan: Plan, launch: PlannedLaunch, kernel: LoweredKernel): LaunchSpec {
    const { executable, layout, scalars } = this.#kernel(launch, kernel);
    const blocksOf = (share: number): BlockSpec[] => shareBlocks(plan, launch, layout.sizes, scalars, share);
    return {
      executable,
      layout,
      blocks: blocksOf(0),
      others: launch.shares.slice(1).map((_, i) => blocksOf(i + 1)),
    };
  }

  prepare(plan: Plan): PlanRunner {
    const steps: PlanRunner[] = [];
    let launches: LaunchSpec[] = [];
    const endProgram = (): void => {
      if (launches.length > 0) steps.push(this.#device.program(launches));
      launches = [];
    };
    for (const launch of plan.launches) {
      const { kernel } = launch;
      if (kernel.kind === 'host') {
        endProgram();
        for (const block of launch.blocks) steps.push(this.#hostStep(kernel, buffersOf(plan, block)));
        continue;
      }
      launches.push(this.#launchSpec(plan, launch, kernel));
    }
    endProgram();
    if (steps.length === 1) return steps[0];
    return {
      run: (buffers, scalars) => {
        for (const step of steps) step.run(buffers, scalars);
      },
    };
  }

  prepareSteps(plan: Plan): PlanSteps {
    const steps = plan.launches.map((launch): Pick<Program, 'bind' | 'launch'> => {
      const { kernel } = launch;
      if (kernel.kind !== 'host') return this.#device.program([this.#launchSpec(plan, launch, kernel)]);
      const blocks = launch.blocks.map((block) => this.#hostStep(kernel, buffersOf(plan, block)));
      let bound: readonly Memory[] = [];
      return {
        bind: (buffers) => {
          bound = buffers;
        },
        launch: () => {
          for (const block of blocks) block.run(bound, []);
          bound = [];
        },
      };
    });
    return {
      bind: (buffers, scalars) => {
        for (const step of steps) step.bind(buffers, scalars);
      },
      launch: (index) => steps[index].launch(),
    };
  }

  /** An op in JavaScript between two programs: copies its inputs out and its result in. */
  #hostStep(kernel: HostKernel, refs: readonly BufferIndex[]): PlanRunner {
    const { compute, inputs, results } = kernel;
    return {
      run: (buffers) => {
        const arrays = inputs.map(({ shape, dtype }, i): HostArray => {
          const { buffer, byteOffset } = refs[i];
          const count = numel(shape);
          const bytes = this.#device.read(buffers[buffer], byteOffset, count * dtypeInfo[dtype].bytes);
          return { shape, dtype, data: decodeElements(dtype, bytes.buffer, 0, count) };
        });
        const made = compute(arrays);
        results.forEach(({ dtype, result }, i) => {
          const { buffer, byteOffset } = refs[inputs.length + i];
          this.#device.write(buffers[buffer], byteOffset, encodeElements(dtype, made[result]));
        });
      },
    };
  }

  code(plan: Plan): string {
    const seen = new Set<string>();
    const parts: string[] = [];
    for (const launch of plan.launches) {
      if (seen.has(launch.key)) continue;
      seen.add(launch.key);
      if (launch.kernel.kind === 'host') {
        parts.push(`${launch.kernel.name} runs in JavaScript`);
        continue;
      }
      const fn = lower(launch.kernel, launch.abstract, this.target, launch.phase);
      parts.push(printL3(fn), this.#emit(fn).listing());
    }
    return parts.join('\n\n');
  }
}

interface BufferIndex {
  readonly buffer: number;
  readonly byteOffset: number;
}

function buffersOf(plan: Plan, block: PlannedBlock): readonly BufferIndex[] {
  return block.places.map((p) => bufferIndex(plan, p));
}

/** Where the buffers of a plan lie in the list that a runner is given. */
export function bufferIndex(plan: Plan, place: Place): BufferIndex {
  const { leaves } = plan;
  switch (place.in) {
    case 'leaf':
      return { buffer: place.leaf, byteOffset: 0 };
    case 'output':
      return { buffer: leaves + place.output, byteOffset: 0 };
    case 'arena':
      return { buffer: leaves + plan.outputs.length, byteOffset: place.byteOffset };
    case 'status':
      return { buffer: leaves + plan.outputs.length + 1, byteOffset: 0 };
    case 'packed':
      return { buffer: leaves + plan.outputs.length + 2 + place.packed, byteOffset: 0 };
  }
}

/** The blocks of arguments of one share. */
function shareBlocks(
  plan: Plan,
  launch: PlannedLaunch,
  sizeCount: number,
  scalarKinds: readonly ScalarKind[],
  share: number,
): BlockSpec[] {
  const { parts, workspaces } = launch.shares[share];
  const added = workspaces.map((p) => bufferIndex(plan, p));
  if (launch.usesStatus) {
    const { buffer } = bufferIndex(plan, { in: 'status' });
    added.push({ buffer, byteOffset: share * STATUS_BYTES });
  }
  return parts.map(({ block, from, to }) => {
    const { sizes: own, places, arguments: scalars } = launch.blocks[block];
    // The range comes behind the numbers of the kernel's structure, of which lowering may have had no use for the last.
    const sizes = [...own, from, to];
    return {
      buffers: [...places.map((p) => bufferIndex(plan, p)), ...added],
      sizes: sizes.slice(0, sizeCount),
      scalars: scalars.map((argument, i) => ({ kind: known(scalarKinds[i], 'a scalar'), argument })),
    };
  });
}
