/**
 * Emits signed division. WebAssembly traps where the divisor is 0, and in `div` where the least number is divided by -1; L3 says
 * what they give. Vectors are divided lane by lane: there is no vector division of integers.
 */
import type { Value } from '../../kernel/l3.js';
import type { FunctionEmitter } from './function-emitter.js';
import type { CodeWriter } from './function-writer.js';

type Quotient = 'div' | 'rem';
type Width = 'i32' | 'i64';

export function emitSignedDivision(emitter: FunctionEmitter, fn: Quotient, a: Value, b: Value): void {
  const { code } = emitter.writer;
  const width: Width = a.type.kind === 'i64' ? 'i64' : 'i32';
  if (a.type.lanes > 1) {
    divideLanes(emitter, fn, a, b);
    return;
  }
  const divisor = emitter.constant(b);
  if (divisor !== undefined && BigInt(divisor) !== 0n && BigInt(divisor) !== -1n) {
    emitter.push(a);
    emitter.push(b);
    code.op(`${width}.${fn}_s`);
    return;
  }
  // Kept in locals first, since each is read several times.
  emitter.push(a);
  const x = emitter.writer.local(width);
  code.set(x);
  emitter.push(b);
  const y = emitter.writer.local(width);
  code.set(y);
  divide(code, fn, width, x, y);
  emitter.writer.release(x);
  emitter.writer.release(y);
}

function divideLanes(emitter: FunctionEmitter, fn: Quotient, a: Value, b: Value): void {
  const { writer } = emitter;
  const { code } = writer;
  emitter.push(a);
  const dividends = writer.local('v128');
  code.set(dividends);
  emitter.push(b);
  const divisors = writer.local('v128');
  code.set(divisors);
  const [x, y] = [writer.local('i32'), writer.local('i32')];
  code.get(dividends);
  for (let lane = 0; lane < a.type.lanes; lane++) {
    code.get(dividends);
    code.lane('i32x4.extract_lane', lane);
    code.set(x);
    code.get(divisors);
    code.lane('i32x4.extract_lane', lane);
    code.set(y);
    divide(code, fn, 'i32', x, y);
    code.lane('i32x4.replace_lane', lane);
  }
  for (const local of [dividends, divisors, x, y]) writer.release(local);
}

/** Pushes local x by local y. */
function divide(code: CodeWriter, fn: Quotient, width: Width, x: number, y: number): void {
  const push = (value: number): void => (width === 'i64' ? code.i64(BigInt(value)) : code.i32(value));
  if (fn === 'rem') {
    // What 1 leaves of anything is 0; only `div` overflows.
    code.get(x);
    push(1);
    code.get(y);
    code.get(y);
    code.op(`${width}.eqz`);
    code.op('select');
    code.op(`${width}.rem_s`);
    return;
  }
  // y = 0: 0 by 1; y = -1: -x by 1, which wraps; otherwise x by y.
  push(0);
  push(0);
  code.get(x);
  code.op(`${width}.sub`);
  code.get(x);
  code.get(y);
  push(-1);
  code.op(`${width}.eq`);
  code.op('select');
  code.get(y);
  code.op(`${width}.eqz`);
  code.op('select');
  push(1);
  code.get(y);
  code.get(y);
  push(1);
  code.op(`${width}.add`);
  push(1);
  code.op(`${width}.le_u`);
  code.op('select');
  code.op(`${width}.div_s`);
}
