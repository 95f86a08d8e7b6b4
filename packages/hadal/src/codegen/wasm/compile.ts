/**
 * From an L3 function to a WebAssembly module. The module imports `env.memory` and exports `run(blocks, count)`, which calls
 * the body once for each block of arguments (see kernel/abi.ts).
 *
 * A running function never changes tiers in V8: a call that starts in baseline code ends in it, however long it takes, and
 * only the next call of that function finds the optimised code. So the body is a function of its own, and so is the inside
 * of deep loop nests: a long first launch then goes over to optimised code on its way.
 */
import { InternalError } from '../../base/errors.js';
import { blockBytes, layoutOf } from '../../kernel/abi.js';
import type { L3Function } from '../../kernel/l3.js';
import { FunctionEmitter, type KernelContext } from './function-emitter.js';
import { FunctionWriter } from './function-writer.js';
import { type ModuleFunction, writeModule } from './module-writer.js';
import { type Loop, planKernel } from './plan.js';

export interface WasmFeatures {
  /** Whether `f32x4.relaxed_madd` may be used; it has to round once. */
  readonly relaxed: boolean;
  /** Whether the memory is shared; the module then fits shared memories only. */
  readonly shared: boolean;
}

const BODY = 1;

/**
 * The inside of a loop is outlined where two more levels lie below: enough work for a call not to show (2 ns), little
 * enough to be called many times in a launch.
 */
const OUTLINED_HEIGHT = 2;

export function compileWasm(fn: L3Function, features: WasmFeatures): Uint8Array {
  if (fn.lanes !== 1 && fn.lanes !== 4)
    throw new InternalError(`L3 ${fn.name}: wasm vectors have 4 lanes, not ${fn.lanes}`);
  const plan = planKernel(fn);
  const functions: ModuleFunction[] = [
    writeRun(blockBytes(layoutOf(fn))),
    { params: [], body: new Uint8Array() },
  ];

  const context: KernelContext = { fn, plan, relaxed: features.relaxed, outline };

  function outline(loop: Loop): ReturnType<KernelContext['outline']> {
    if (loop.params.length > 0 || plan.blockOf(loop.body).height !== OUTLINED_HEIGHT) return null;
    const liveIns = plan.liveIns(loop);
    const emitter = new FunctionEmitter(context, [loop.index, ...liveIns]);
    emitter.block(loop.body);
    functions.push({ params: emitter.writer.params, body: emitter.writer.finish() });
    return { index: functions.length - 1, liveIns: [loop.index, ...liveIns] };
  }

  const body = new FunctionEmitter(context, []);
  body.block(fn.body);
  functions[BODY] = { params: body.writer.params, body: body.writer.finish() };
  return writeModule({ shared: features.shared }, functions, 'run');
}

/** run(blocks, count): for (; count != 0; count--) { body(blocks); blocks += bytes; } */
function writeRun(bytes: number): ModuleFunction {
  const writer = new FunctionWriter(['i32', 'i32']);
  const { code } = writer;
  const [blocks, count] = [0, 1];
  code.get(count);
  code.open('if');
  code.open('loop');
  code.get(blocks);
  code.call(BODY);
  code.get(blocks);
  code.i32(bytes);
  code.op('i32.add');
  code.set(blocks);
  code.get(count);
  code.i32(-1);
  code.op('i32.add');
  code.tee(count);
  code.branchIf(0);
  code.end();
  code.end();
  return { params: writer.params, body: writer.finish() };
}
