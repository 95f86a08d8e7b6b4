/** Registers that an instruction borrows hold what they held on every way through it. */
import { describe, expect, it } from 'vitest';
import type { L3Function } from '../../src/kernel/l3.js';
import { L3Builder } from '../../src/kernel/l3-builder.js';
import type { Level } from './run.js';
import { compareEngines, levels, missing } from './run.js';

const LIVE = 24;

/** A float16 at a spilled address behind a mask, while every general register holds one of `live` values that are stored afterwards. */
function maskedHalf(live: number): L3Function {
  const b = new L3Builder('maskedHalf', 1, { float16: true, scales: false, prefetches: true });
  const [longs, positions, halves] = [
    b.buffer('i64', 'read'),
    b.buffer('i32', 'read'),
    b.buffer('f16', 'read'),
  ];
  const [out, result] = [b.buffer('i64', 'readwrite'), b.buffer('f32', 'readwrite')];
  const values = Array.from({ length: live }, (_, i) => b.load(longs, b.index(0), { lanes: 1, offset: i }));
  const at = b.convert(
    'index',
    b.binary('and', b.load(positions, b.index(0), { lanes: 1 }), b.constant('i32', 7)),
  );
  const mask = b.compare('lt', values[0], values[1]);
  const half = b.load(halves, at, { lanes: 1, mask });
  b.store(result, b.index(0), half);
  for (const half of [0, LIVE])
    values.forEach((v, i) => {
      b.store(out, b.index(0), v, { offset: half + i });
    });
  return b.finish();
}

function bytes(data: ArrayBufferView): Uint8Array {
  return new Uint8Array(data.buffer);
}

function run(live: number, level: Level, isOn: boolean): void {
  const longs = BigInt64Array.from({ length: LIVE }, (_, i) => BigInt(i + 1) * 0x1_0000_0001n);
  if (!isOn) longs[0] = 2n ** 62n;
  compareEngines(maskedHalf(live), level, [
    {
      buffers: [
        bytes(longs),
        bytes(Int32Array.of(5)),
        bytes(Uint16Array.from({ length: 8 }, (_, i) => 0x3c00 + i)),
        bytes(new BigInt64Array(2 * LIVE)),
        bytes(new Float32Array(1)),
      ],
      sizes: [],
      scalars: [],
    },
  ]);
}

describe.each(levels)('borrowed registers on %s', (level) => {
  const why = missing(level);
  for (const isOn of [true, false]) {
    it.skipIf(why !== null)(`outlive a float16 load whose mask is ${isOn ? 'on' : 'off'}`, () => {
      for (let live = 2; live <= LIVE; live++)
        expect(() => run(live, level, isOn), `${live} values`).not.toThrow();
    });
  }
});
