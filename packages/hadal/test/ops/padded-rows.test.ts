/** Rows with padding at their ends, several paddings in one kernel among them: all engines give what the reference gives. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cat, fromTypedArray, pad, type Tensor, where } from '../../src/index.js';
import { type Workspace, withWorkspace } from '../../src/tensor/workspace.js';
import { forEachEngine, openWorkspace, testEngines } from '../support/engines.js';

const reference = openWorkspace('reference');
if (!reference.ok) throw new Error(reference.reason);

const few = fc.nat(9);
const cases = fc.record({
  rows: fc.integer({ min: 1, max: 4 }),
  columns: fc.nat(40),
  before: few,
  after: few,
  above: fc.nat(2),
  shift: fc.integer({ min: -6, max: 6 }),
  dtype: fc.constantFrom('float32', 'float32', 'int32', 'float16', 'uint8', 'float64', 'bool'),
  what: fc.constantFrom('copy', 'with another', 'with itself', 'twice', 'joined', 'turned', 'sum', 'mask'),
});
type Case = typeof cases extends fc.Arbitrary<infer T> ? T : never;

function run(space: Workspace, c: Case): number[] {
  return withWorkspace(space, () => {
    // In memory, since numbers that are computed on the way are int64 and go one by one.
    const fill = (rows: number, columns: number, by: number): Tensor => {
      const data = Float32Array.from(
        { length: rows * columns },
        (_, i) => ((i * by) % 23) - (c.dtype === 'uint8' ? 0 : 7),
      );
      const t = fromTypedArray(data, [rows, columns]).to(c.dtype);
      t.dataSync();
      return t;
    };
    const x = fill(c.rows, c.columns, 5);
    const width = c.columns + c.before + c.after;
    const y = pad(x, [c.before, c.after, c.above, 0]);
    const [left, right] = [Math.max(0, c.before + c.shift), Math.max(0, c.after - c.shift)];
    const result = ((): Tensor => {
      switch (c.what) {
        case 'copy':
          return y;
        case 'with another':
          return where(y.ne(0), y, fill(c.rows + c.above, width, 3));
        case 'with itself': {
          const z = pad(x, [left, right, c.above, 0]);
          return z.shape[1] === width ? where(y.ne(0), y, z) : z;
        }
        case 'twice':
          return pad(y, [1, 2], { value: c.dtype === 'bool' ? 1 : 3 });
        case 'joined':
          return cat([x, fill(c.rows, c.before, 11), x], 1);
        case 'turned':
          return y.transpose(0, 1).contiguous();
        case 'sum':
          return y.to('float32').sum(1);
        case 'mask':
          return y.gt(2);
      }
    })();
    return Array.from(result.to('float64').dataSync(), Number);
  });
}

forEachEngine(
  'padded rows',
  (space) => {
    test('are those of the reference engine', () => {
      fc.assert(
        fc.property(cases, (c) => {
          expect(run(space, c)).toEqual(run(reference.space, c));
        }),
        { numRuns: 200 },
      );
    });
  },
  testEngines.filter((engine) => engine !== 'reference'),
);
