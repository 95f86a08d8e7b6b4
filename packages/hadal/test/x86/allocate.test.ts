/** What register allocation promises, seen in the listing. */
import { describe, expect, it } from 'vitest';
import { compileX86 } from '../../src/codegen/x86/compile.js';
import { sequence } from '../../src/codegen/x86/moves.js';
import type { L3Function, Value } from '../../src/kernel/l3.js';
import { L3Builder } from '../../src/kernel/l3-builder.js';
import type { Level } from './run.js';
import { compareEngines, levels, missing } from './run.js';

/**
 * C tile = packed A panel x packed B panel, all accumulators in registers.
 *
 * @param kept vectors that are there from the beginning and that loops within loops add to C in the end
 */
export function microKernel(lanes: number, rows: number, vectors: number, kept = 0): L3Function {
  const b = new L3Builder('micro', lanes);
  const [pa, pb, pc] = [b.buffer('f32', 'read'), b.buffer('f32', 'read'), b.buffer('f32', 'readwrite')];
  const later = Array.from({ length: kept }, (_, i) => b.load(pb, b.index(0), { lanes, offset: i }));
  const depth = b.size();
  const zero = b.broadcast(b.constant('f32', 0));
  const inits: Value[] = [b.index(0), b.index(0), ...Array.from({ length: rows * vectors }, () => zero)];
  const results = b.loop(b.index(0), depth, 1, inits, (_, [ka, kb, ...sums]) => {
    const column = Array.from({ length: vectors }, (_, j) => b.load(pb, kb, { lanes, offset: j * lanes }));
    const next = sums.map((sum, i) => ({ sum, row: Math.floor(i / vectors), j: i % vectors }));
    const spread = Array.from({ length: rows }, (_, i) => i);
    const out: Value[] = [];
    for (const row of spread) {
      const a = b.broadcast(b.load(pa, ka, { offset: row }));
      for (const n of next) if (n.row === row) out.push(b.fma(a, column[n.j], n.sum));
    }
    return [b.add(ka, b.index(rows)), b.add(kb, b.index(vectors * lanes)), ...out];
  });
  results.slice(2).forEach((sum, i) => {
    b.store(pc, b.index(0), sum, { offset: i * lanes });
  });
  if (kept > 0)
    b.forEach(b.index(0), depth, 1, () =>
      b.forEach(b.index(0), depth, 1, (at) =>
        b.store(
          pc,
          at,
          later.reduce((sum, v) => b.add(sum, v), b.load(pc, at, { lanes })),
        ),
      ),
    );
  return b.finish();
}

/** The instructions between the innermost loop's label and the jump back to it. */
function innermost(listing: string): readonly string[] {
  const lines = listing.split('\n').map((l) => l.trim());
  const back = lines.findIndex((l) => l.startsWith('jl L'));
  const top = lines.indexOf(`${lines[back].slice(3)}:`);
  return lines.slice(top + 1, back + 1).filter((l) => !l.startsWith(';'));
}

describe.each([
  { level: 'avx512' as Level, lanes: 16, rows: 12, loads: 14 },
  { level: 'avx2' as Level, lanes: 8, rows: 6, loads: 8 },
])('the micro-kernel of $level', ({ level, lanes, rows, loads }) => {
  const fn = microKernel(lanes, rows, 2);
  const { listing } = compileX86(fn, { level });

  it('spills nothing and moves nothing in its loop', () => {
    const body = innermost(listing);
    expect(listing).toContain(' 0 spills');
    expect(body.filter((l) => l.startsWith('vfmadd231ps'))).toHaveLength(rows * 2);
    expect(body.filter((l) => l.startsWith('vmovups') || l.startsWith('vbroadcastss'))).toHaveLength(loads);
    // The rest: three index additions, the comparison, the jump.
    expect(body).toHaveLength(rows * 2 + loads + 5);
  });

  it('keeps its sums in registers beside values that deeper loops read', () => {
    const { listing: crowded } = compileX86(microKernel(lanes, rows, 2, 12), { level });
    expect(crowded).not.toContain(' 0 spills');
    const body = innermost(crowded);
    expect(body.filter((l) => l.startsWith('vfmadd231ps'))).toHaveLength(rows * 2);
    expect(body.filter((l) => l.includes('[rsp'))).toHaveLength(0);
  });

  it.skipIf(missing(level) !== null)('multiplies', () => {
    const depth = 5;
    const a = Float32Array.from({ length: depth * rows }, (_, i) => (i % 7) - 3);
    const b = Float32Array.from({ length: depth * 2 * lanes }, (_, i) => (i % 5) - 2);
    const c = new Float32Array(rows * 2 * lanes);
    const buffers = [a, b, c].map((x) => new Uint8Array(x.buffer));
    compareEngines(fn, level, [{ buffers, sizes: [depth], scalars: [] }]);
    compareEngines(fn, level, [{ buffers, sizes: [0], scalars: [] }]);
  });
});

describe.each(levels)('spilling on %s', (level) => {
  const lanes = level === 'avx512' ? 16 : 8;
  it.skipIf(missing(level) !== null).each([
    { what: 'vectors', kind: 'f32' as const, lanes },
    { what: 'general registers', kind: 'i32' as const, lanes: 1 },
    { what: 'masks', kind: 'mask' as const, lanes },
  ])('keeps more $what alive than there are registers', ({ kind, lanes: n }) => {
    const b = new L3Builder(`pressure_${kind}`, lanes);
    const mem = kind === 'mask' ? 'bool' : kind;
    const [input, output] = [b.buffer(mem, 'read'), b.buffer(mem, 'readwrite')];
    const values = Array.from({ length: 48 }, (_, i) => b.load(input, b.index(i), { lanes: n }));
    const carried = b.loop(b.index(0), b.size(), 1, values, (_, p) => {
      // Each goes one place on: nothing can stay where it is, and one long cycle has to be cut.
      return p.map((_, i) => p[(i + 1) % p.length]);
    });
    carried.forEach((v, i) => {
      b.store(output, b.index(i * n), v);
    });
    const fn = b.finish();
    expect(compileX86(fn, { level }).listing).not.toContain(' 0 spills');
    const bytes = Float32Array.from({ length: 1024 }, (_, i) => i * 3 - 1000);
    const buffers = [new Uint8Array(bytes.buffer), new Uint8Array(4096)];
    for (const rounds of [0, 1, 5]) compareEngines(fn, level, [{ buffers, sizes: [rounds], scalars: [] }]);
  });
});

describe('moves at once', () => {
  const run = (moves: readonly (readonly [string, string])[]): Map<string, string> => {
    const place = new Map('abcdef'.split('').map((x) => [x, x]));
    const ordered = sequence(
      moves.map(([to, from]) => ({ to, from })),
      (p) => (p.startsWith('#') ? null : p),
      'save',
    );
    for (const { to, from } of ordered) place.set(to, from.startsWith('#') ? from : (place.get(from) ?? '?'));
    return place;
  };
  it.each([
    {
      name: 'a chain',
      moves: [
        ['b', 'a'],
        ['c', 'b'],
        ['d', 'c'],
      ],
    },
    {
      name: 'a swap',
      moves: [
        ['a', 'b'],
        ['b', 'a'],
      ],
    },
    {
      name: 'two cycles and a branch',
      moves: [
        ['a', 'b'],
        ['b', 'c'],
        ['c', 'a'],
        ['d', 'e'],
        ['e', 'd'],
        ['f', 'a'],
      ],
    },
    {
      name: 'constants',
      moves: [
        ['a', '#1'],
        ['b', 'a'],
        ['c', '#1'],
      ],
    },
    {
      name: 'a move to itself',
      moves: [
        ['a', 'a'],
        ['b', 'a'],
      ],
    },
  ] as const)('$name', ({ moves }) => {
    const after = run(moves);
    for (const [to, from] of moves) expect(after.get(to)).toBe(from);
  });
});
