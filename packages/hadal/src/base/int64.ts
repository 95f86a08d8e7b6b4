/** Numbers as int64 in memory: a bigint is an object each time that one is written, two halves of it are not. */

/** Of whole numbers that float64 holds exactly. */
export function int64Of(list: ArrayLike<number>): BigInt64Array<ArrayBuffer> {
  const halves = new Uint32Array(2 * list.length);
  for (let i = 0; i < list.length; i++) {
    halves[2 * i] = list[i];
    halves[2 * i + 1] = Math.floor(list[i] / 2 ** 32);
  }
  return new BigInt64Array(halves.buffer);
}
