import { describe, expect, test } from 'vitest';
import { wrapInteger } from '../../src/base/dtype.js';
import type { ElementwiseOp } from '../../src/graph/op.js';
import { elementwise } from '../../src/graph/ops/elementwise.js';
import type { ArithmeticName, UnaryName } from '../../src/graph/ops-interface.js';
import { type DType, fromTypedArray, Tensor } from '../../src/index.js';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine } from '../support/engines.js';
import { testAgainstPyTorch } from '../support/fixtures.js';
import { decode } from '../support/plain.js';

testAgainstPyTorch('elementwise');

const extremes: { readonly [dtype in DType]?: readonly bigint[] } = {
  int8: [0n, 1n, -1n, 2n, 7n, -7n, 100n, 127n, -128n],
  int16: [0n, 1n, -1n, 3n, -7n, 300n, 32767n, -32768n],
  int32: [0n, 1n, -1n, 3n, -7n, 65537n, 2n ** 31n - 1n, -(2n ** 31n)],
  int64: [0n, 1n, -1n, 3n, -7n, 2n ** 40n + 1n, 2n ** 63n - 1n, -(2n ** 63n)],
  uint8: [0n, 1n, 2n, 7n, 100n, 200n, 255n],
  uint32: [0n, 1n, 2n, 7n, 65537n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n],
};
const unary = ['neg', 'abs', 'relu', 'sign', 'floor', 'trunc', 'bitwiseNot'] as const;
const binary = [
  'add',
  'sub',
  'mul',
  'maximum',
  'minimum',
  'pow',
  'fmod',
  'remainder',
  'floorDivide',
  'truncDivide',
  'bitwiseAnd',
  'bitwiseOr',
  'bitwiseXor',
  'bitwiseLeftShift',
  'bitwiseRightShift',
] as const;

/** What the op means on exact integers, modulo the dtype's range. */
function meaning(name: UnaryName | ArithmeticName, x: readonly bigint[], dtype: DType): bigint {
  const { int } = (elementwise[name] as ElementwiseOp).scalar;
  if (int === undefined) throw new Error(`${name} has no meaning on integers`);
  return wrapInteger(BigInt(int(...x)), dtype);
}

function tensorOf(data: readonly bigint[], dtype: DType): Tensor {
  return fromTypedArray(decode({ shape: [data.length], dtype, data: data.map(String) }), [data.length], {
    dtype,
  });
}

forEachEngine('integers are exact and wrap', (space) => {
  describe.each(Object.entries(extremes) as [DType, readonly bigint[]][])('%s', (dtype, values) => {
    test.each(unary)('%s', (name) => {
      withWorkspace(space, () => {
        const y = Tensor.of(space, space.ops.unary(name, tensorOf(values, dtype).value));
        expect(Array.from(y.dataSync(), BigInt)).toEqual(values.map((v) => meaning(name, [v], dtype)));
      });
    });

    test.each(binary)('%s', (name) => {
      withWorkspace(space, () => {
        // A quotient of integers by 0 is an error, see corner-cases.test.ts.
        const others = ['fmod', 'remainder', 'floorDivide', 'truncDivide'].includes(name)
          ? values.filter((v) => v !== 0n)
          : values;
        const a = values.flatMap((v) => others.map(() => v));
        const b = values.flatMap(() => others);
        const made = space.ops.arithmetic(name, tensorOf(a, dtype).value, tensorOf(b, dtype).value);
        const y = Array.from(Tensor.of(space, made).dataSync(), BigInt);
        expect(y).toEqual(a.map((v, i) => meaning(name, [v, b[i]], dtype)));
      });
    });
  });
});

/** fmod and powers of integers are loops of their own, here inside of those over rows and columns, and beside other ops. */
forEachEngine('ops that loop', (space) => {
  test.each([
    [3, 37],
    [5, 16],
    [1, 1],
  ])('sums of [%i, %i] along both dimensions', (rows, columns) => {
    withWorkspace(space, () => {
      const n = rows * columns;
      const x = Float32Array.from({ length: n }, (_, i) => ((i * 37) % 101) * 64 - 3000);
      const y = Float32Array.from({ length: n }, (_, i) => ((i * 11) % 13) + 0.5);
      const k = Int32Array.from({ length: n }, (_, i) => ((i * 5) % 7) - 2);
      const shape = [rows, columns];
      const [a, b, c] = [x, y, k].map((data) => fromTypedArray(data, shape));
      const mixed = a
        .fmod(b)
        .add(c.pow(tensorOf([3n], 'int32')))
        .mul(a.exp2().eq(0).logicalNot());
      const expected = Array.from(
        x,
        (v, i) => ((v % y[i]) + k[i] ** 3) * (Math.fround(2 ** v) === 0 ? 0 : 1),
      );
      const at = (i: number): number => expected[i];
      const sums = (count: number, of: number, index: (i: number, j: number) => number): number[] =>
        Array.from({ length: count }, (_, i) =>
          Array.from({ length: of }, (_, j) => at(index(i, j))).reduce((p, q) => p + q, 0),
        );
      expect(Array.from(mixed.sum(1).dataSync(), Number)).toEqual(
        sums(rows, columns, (i, j) => i * columns + j),
      );
      expect(Array.from(mixed.sum(0).dataSync(), Number)).toEqual(
        sums(columns, rows, (i, j) => j * columns + i),
      );
    });
  });
});

describe('powers and quotients of integers', () => {
  const int = (name: ArithmeticName, ...x: bigint[]): bigint => meaning(name, x, 'int64');

  test('a power is a product, modulo 2^64', () => {
    for (const base of [-3n, 2n, 10n, 12345n])
      for (let n = 0n; n < 70n; n++) expect(int('pow', base, n)).toBe(BigInt.asIntN(64, base ** n));
  });

  test('a negative power of all but 1 and -1 is 0', () => {
    expect([2n, -2n, 1n, -1n, -1n, 0n].map((base, i) => int('pow', base, BigInt(-1 - i)))).toEqual([
      0n,
      0n,
      1n,
      1n,
      -1n,
      0n,
    ]);
  });

  test('dividend = divisor times quotient, rounded down, plus remainder', () => {
    for (let x = -9n; x <= 9n; x++) {
      for (const y of [-4n, -3n, -1n, 1n, 3n, 4n]) {
        expect(int('floorDivide', x, y) * y + int('remainder', x, y)).toBe(x);
        expect(int('remainder', x, y) * (y < 0n ? -1n : 1n)).toBeGreaterThanOrEqual(0n);
        expect(int('fmod', x, y)).toBe(x % y);
      }
    }
  });
});
