/** Random words and numbers as L3. */
import type { Value } from './l3.js';
import type { L3Builder } from './l3-builder.js';

/** Threefry 2x32 with 20 rounds; Salmon et al. 2011. Word 0 of the block (counter0, counter1) under the key. */
export function lowerThreefry(
  b: L3Builder,
  key: readonly [Value, Value],
  counter: readonly [Value, Value],
): Value {
  const rotations = [13, 15, 26, 6, 17, 29, 16, 24];
  const parity = b.constant('i32', 0x1bd11bda);
  const keys = [key[0], key[1], b.binary('xor', parity, b.binary('xor', key[0], key[1]))];
  let x = b.add(counter[0], keys[0]);
  let y = b.add(counter[1], keys[1]);
  for (let round = 0; round < 20; round++) {
    x = b.add(x, y);
    const by = rotations[round % 8];
    y = b.binary('xor', b.shift('rol', y, by), x);
    if (round % 4 === 3) {
      const step = (round + 1) / 4;
      x = b.add(x, keys[step % 3]);
      y = b.add(b.add(y, keys[(step + 1) % 3]), b.constant('i32', step));
    }
  }
  return x;
}

/** Uniform in [0, 1) with 24 bits from a random word. */
export function lowerUniform(b: L3Builder, bits: Value): Value {
  const top = b.convert('f32', b.shift('shr', bits, 8));
  return b.mul(top, b.like(top, 2 ** -24));
}
