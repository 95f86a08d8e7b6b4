/**
 * What this machine can do at most in WebAssembly, as its JavaScript engine compiles it: the limits that kernels are measured
 * against, in the same run. Both probes are written by hand, without L3.
 */
import { DeviceError } from '../../base/errors.js';
import { webAssembly } from '../../runtime/wasm/webassembly.js';
import { FunctionWriter } from './function-writer.js';
import { writeModule } from './module-writer.js';

export interface ComputeProbe {
  /** 10^9 multiplications and additions of float32 a second. */
  readonly gflops: number;
  /** Independent chains that gave the most: enough to hide latency, few enough for the registers. */
  readonly chains: number;
}

export interface CopyProbe {
  /** 10^9 bytes a second, read and written counted once each. */
  readonly gigabytesPerSecond: number;
}

const PAGE = 65536;
const ROUNDS = 200_000;
const FLOPS_PER_STEP = 8;

/** run(address, rounds): `chains` accumulators of x = x * a + b, `rounds` times; stores them all. */
function computeModule(chains: number, relaxed: boolean): Uint8Array {
  const writer = new FunctionWriter(['i32', 'i32']);
  const { code } = writer;
  const [factor, term] = [writer.local('v128'), writer.local('v128')];
  const accumulators = Array.from({ length: chains }, () => writer.local('v128'));
  // Loaded, not constant: nothing can be worked out beforehand.
  for (const [i, local] of [factor, term, ...accumulators].entries()) {
    code.get(0);
    code.memory('v128.load', 4, 16 * i);
    code.set(local);
  }
  code.open('loop');
  for (const x of accumulators) {
    code.get(x);
    code.get(factor);
    if (!relaxed) code.op('f32x4.mul');
    code.get(term);
    code.op(relaxed ? 'f32x4.relaxed_madd' : 'f32x4.add');
    code.set(x);
  }
  code.get(1);
  code.i32(-1);
  code.op('i32.add');
  code.tee(1);
  code.branchIf(0);
  code.end();
  for (const [i, x] of accumulators.entries()) {
    code.get(0);
    code.get(x);
    code.memory('v128.store', 4, 16 * i);
  }
  return writeModule({ shared: false }, [{ params: writer.params, body: writer.finish() }], 'run');
}

/** run(from, bytes): copies `bytes`, a multiple of 64, to the address behind them. */
function copyModule(): Uint8Array {
  const writer = new FunctionWriter(['i32', 'i32']);
  const { code } = writer;
  const [to, end] = [writer.local('i32'), writer.local('i32')];
  for (const local of [to, end]) {
    code.get(0);
    code.get(1);
    code.op('i32.add');
    code.set(local);
  }
  code.open('loop');
  for (let i = 0; i < 64; i += 16) {
    code.get(to);
    code.get(0);
    code.memory('v128.load', 4, i);
    code.memory('v128.store', 4, i);
  }
  code.get(to);
  code.i32(64);
  code.op('i32.add');
  code.set(to);
  code.get(0);
  code.i32(64);
  code.op('i32.add');
  code.tee(0);
  code.get(end);
  code.op('i32.lt_u');
  code.branchIf(0);
  code.end();
  return writeModule({ shared: false }, [{ params: writer.params, body: writer.finish() }], 'run');
}

function instantiate(code: Uint8Array, bytes: number): (a: number, b: number) => void {
  const api = webAssembly();
  if (!api) throw new DeviceError('this host has no WebAssembly');
  const memory = new api.Memory({ initial: Math.ceil(bytes / PAGE) });
  const { run } = new api.Instance(new api.Module(code), { env: { memory } }).exports;
  if (typeof run !== 'function') throw new DeviceError('the probe has no function run');
  return run as (a: number, b: number) => void;
}

/** The shortest of several runs, in seconds, after the engine has had time to optimise. */
export function bestSeconds(run: () => void, repeats: number): number {
  const warm = performance.now() + 100;
  while (performance.now() < warm) run();
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    run();
    best = Math.min(best, performance.now() - start);
  }
  return best / 1000;
}

export function probeCompute(options: { relaxed?: boolean } = {}): ComputeProbe {
  let found: ComputeProbe = { gflops: 0, chains: 0 };
  for (let chains = 8; chains <= 13; chains++) {
    const run = instantiate(computeModule(chains, options.relaxed ?? false), PAGE);
    const gflops = (ROUNDS * chains * FLOPS_PER_STEP) / bestSeconds(() => run(64, ROUNDS), 20) / 1e9;
    if (gflops > found.gflops) found = { gflops, chains };
  }
  return found;
}

/** Copying `bytes` at a time: a few KiB show the first cache, many MiB the memory. */
export function probeCopy(bytes: number): CopyProbe {
  const whole = Math.max(64, Math.ceil(bytes / 64) * 64);
  const run = instantiate(copyModule(), 64 + 2 * whole);
  const times = Math.max(1, Math.floor(2 ** 22 / whole));
  const seconds = bestSeconds(() => {
    for (let i = 0; i < times; i++) run(64, whole);
  }, 20);
  return { gigabytesPerSecond: (2 * whole * times) / seconds / 1e9 };
}
