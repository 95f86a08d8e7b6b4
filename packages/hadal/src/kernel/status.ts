/**
 * What kernels note in the status buffer rather than fail: three 64-bit numbers, a code and what it is about. The first is 0 while all is
 * well.
 */
import { isFloat } from '../base/dtype.js';
import type { IndexExpr } from './index-expr.js';
import type { Expr, Kernel } from './l2.js';
import { exprIndices, indexValues, regionParts } from './l2.js';
import type { Value } from './l3.js';
import type { L3Builder } from './l3-builder.js';

/** An index out of range: the index and the last valid one follow. */
export const INDEX_CODE = 1n;
/** An integer was divided by 0; the op's position in `integerQuotients` follows. */
export const ZERO_DIVISION_CODE = 2n;

/** Ops that have no answer for integers and a divisor of 0. */
export const integerQuotients: readonly string[] = ['floorDivide', 'remainder', 'fmod', 'truncDivide'];

/** Whether an expression of a kernel is a quotient of integers whose divisor may turn out to be 0. */
function mayDivideByZero(e: Expr, exprs: readonly Expr[]): boolean {
  if (e.op !== 'call' || !integerQuotients.includes(e.name)) return false;
  const divisor = exprs[e.args[1]];
  return !isFloat(divisor.dtype) && !(divisor.op === 'const' && divisor.value !== 0);
}

/** Whether a kernel may meet what it has to note in a status buffer, which is then its last one. */
export function needsStatus(kernel: Kernel): boolean {
  if (kernel.kind === 'scatter') return true;
  if (kernel.kind === 'region') return regionParts(kernel).some((p) => needsStatus(p.kernel));
  const loaded = (e: IndexExpr): boolean => indexValues(e).length > 0;
  return (
    kernel.exprs.some((e) => exprIndices(e).some(loaded) || mayDivideByZero(e, kernel.exprs)) ||
    kernel.stores.some((s) => loaded(s.index))
  );
}

/** Adds the status buffer of a kernel that needs one; its slot, or -1. All other buffers come before it. */
export function statusBuffer(b: L3Builder, kernel: Kernel): number {
  return needsStatus(kernel) ? b.buffer('i64', 'write') : -1;
}

/** Notes a divisor of 0 in a kernel's status buffer, if there may be one; `mask` are the lanes that count, null for all. */
export function noteZeroDivision(
  b: L3Builder,
  status: number,
  exprs: readonly Expr[],
  call: Extract<Expr, { op: 'call' }>,
  divisor: Value,
  mask: Value | null,
): void {
  if (!mayDivideByZero(call, exprs)) return;
  const isZero = b.compare('eq', divisor, b.like(divisor, 0));
  const counts = mask === null || divisor.type.lanes === 1 ? isZero : b.binary('and', isZero, mask);
  b.when(b.horizontal('or', counts), () => {
    b.store(status, b.index(0), b.constant('i64', ZERO_DIVISION_CODE));
    b.store(status, b.index(0), b.constant('i64', BigInt(integerQuotients.indexOf(call.name))), {
      offset: 1,
    });
  });
}
