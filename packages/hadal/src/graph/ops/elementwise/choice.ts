/** Choice and conversion: operands of other dtypes than the result. */
import { isFloat } from '../../../base/dtype.js';
import { kinds } from '../../../kernel/elements.js';
import type { Value as L3Value } from '../../../kernel/l3.js';
import type { L3Builder } from '../../../kernel/l3-builder.js';
import { isFloatKind } from '../../../kernel/math/rounding.js';
import type { ElementwiseOp } from '../../op.js';
import { savesInputs, savesNothing } from '../../op.js';
import { constantLike, wrapped } from './rules.js';

/**
 * What a float becomes that no int32 (int64) holds, NaN among them: the least one, as x86 gives and so PyTorch there. Engines agree
 * below the range and differ above it.
 */
function bounded(b: L3Builder, x: L3Value, converted: L3Value): L3Value {
  const limit = converted.type.kind === 'i64' ? 2 ** 63 : 2 ** 31;
  return b.select(b.compare('lt', x, b.like(x, limit)), converted, b.like(converted, -limit));
}

export const choice = {
  /** The same value in memory of its own. */
  copy: {
    kind: 'elementwise',
    name: 'copy',
    arity: 1,
    scalar: { float: (x) => x, int: (x) => x },
    lower: (_, [x]) => x,
    saves: savesNothing,
    vjp: (_, g) => [g],
  },
  /** The same value, and no gradient goes through: what leaves the tape within a region. */
  detach: {
    kind: 'elementwise',
    name: 'detach',
    arity: 1,
    scalar: { float: (x) => x, int: (x) => x },
    lower: (_, [x]) => x,
    saves: savesNothing,
    vjp: null,
  },
  where: {
    kind: 'elementwise',
    name: 'where',
    arity: 3,
    scalar: { float: (c, a, b) => (c ? a : b), int: (c, a, b) => (c ? a : b) },
    lower: (b, [mask, x, y]) => {
      if (x.type.kind !== 'mask') return b.select(mask, x, y);
      return b.binary('or', b.binary('and', mask, x), b.binary('and', b.unary('not', mask), y));
    },
    saves: savesInputs(0),
    vjp: (c, g) => {
      const zero = constantLike(c, g, 0);
      return [
        null,
        c.needs[1] ? c.ops.where(c.input(0), g, zero) : null,
        c.needs[2] ? c.ops.where(c.input(0), zero, g) : null,
      ];
    },
  },
  cast: {
    kind: 'elementwise',
    name: 'cast',
    arity: 1,
    scalar: { float: (x) => x, int: (x) => x },
    lower: (b, [x], dtype) => {
      const kind = kinds[dtype];
      if (kind === 'mask') return x.type.kind === 'mask' ? x : b.compare('ne', x, b.like(x, 0));
      const converted = b.convert(kind, x);
      const cutOff = isFloatKind(x) && !isFloat(dtype);
      return wrapped(b, cutOff ? bounded(b, x, converted) : converted, dtype);
    },
    saves: savesNothing,
    vjp: (c, g) => [isFloat(c.inputDTypes[0]) ? c.ops.cast(g, c.inputDTypes[0]) : null],
  },
} as const satisfies Record<string, ElementwiseOp>;
