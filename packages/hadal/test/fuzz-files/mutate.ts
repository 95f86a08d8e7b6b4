/** Damage to files: a pure function of the bytes and of a stream of random numbers. */

/** Mulberry32 (Tommy Ettinger, 2017): enough for choosing places. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** An integer from 0 to `bound - 1`. */
  below(bound: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * bound);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }
}

type Mutation = (bytes: Uint8Array, random: Random) => Uint8Array;

function splice(bytes: Uint8Array, at: number, remove: number, insert: Uint8Array): Uint8Array {
  const out = new Uint8Array(bytes.length - remove + insert.length);
  out.set(bytes.subarray(0, at));
  out.set(insert, at);
  out.set(bytes.subarray(at + remove), at + insert.length);
  return out;
}

/** A range that begins more often near the front, where headers are. */
function range(bytes: Uint8Array, random: Random): readonly [number, number] {
  const end = random.below(3) === 0 ? bytes.length : Math.min(bytes.length, 200);
  const from = random.below(end + 1);
  return [from, Math.min(bytes.length, from + random.below(random.pick([4, 16, 200]) + 1))];
}

const extremes = [0, 1, 0x7f, 0x80, 0xff];
const numbers = [
  0n,
  1n,
  0x7fffn,
  0xffffn,
  0x7fffffffn,
  0xffffffffn,
  1n << 53n,
  (1n << 63n) - 1n,
  (1n << 64n) - 1n,
];
const digits = [
  '0',
  '-1',
  '1e9',
  '9007199254740993',
  '4294967296',
  '99999999999999999999',
  '0.5',
  'null',
  '"',
  '[',
  '{',
];

const mutations: readonly Mutation[] = [
  function flipBits(bytes, random) {
    const out = bytes.slice();
    for (let i = random.below(8); i >= 0; i--) {
      const [at] = range(out, random);
      if (at < out.length) out[at] ^= 1 << random.below(8);
    }
    return out;
  },
  function setByte(bytes, random) {
    const [at] = range(bytes, random);
    return bytes.map((byte, i) => (i === at ? random.pick(extremes) : byte));
  },
  function truncate(bytes, random) {
    return bytes.slice(0, random.below(bytes.length + 1));
  },
  function remove(bytes, random) {
    const [from, to] = range(bytes, random);
    return splice(bytes, from, to - from, new Uint8Array(0));
  },
  function duplicate(bytes, random) {
    const [from, to] = range(bytes, random);
    return splice(bytes, to, 0, bytes.subarray(from, to));
  },
  function insertNoise(bytes, random) {
    const noise = Uint8Array.from({ length: 1 + random.below(20) }, () => random.below(256));
    return splice(bytes, range(bytes, random)[0], 0, noise);
  },
  function moveAway(bytes, random) {
    const [from, to] = range(bytes, random);
    const rest = splice(bytes, from, to - from, new Uint8Array(0));
    return splice(rest, random.below(rest.length + 1), 0, bytes.subarray(from, to));
  },
  function hugeNumber(bytes, random) {
    const width = random.pick([2, 4, 8]);
    if (bytes.length < width) return bytes;
    const out = bytes.slice();
    const view = new DataView(out.buffer);
    const at = Math.min(range(bytes, random)[0], bytes.length - width);
    const value = random.pick(numbers);
    const little = random.below(2) === 0;
    if (width === 2) view.setUint16(at, Number(value & 0xffffn), little);
    else if (width === 4) view.setUint32(at, Number(value & 0xffffffffn), little);
    else view.setBigUint64(at, value, little);
    return out;
  },
  function otherNumberInText(bytes, random) {
    const places = [...bytes.keys()].filter((i) => bytes[i] >= 0x30 && bytes[i] <= 0x39);
    if (places.length === 0) return bytes;
    return splice(bytes, random.pick(places), 1, new TextEncoder().encode(random.pick(digits)));
  },
];

/** One to four mutations, one after the other. */
export function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  let out = bytes;
  for (let i = random.below(4); i >= 0; i--) out = random.pick(mutations)(out, random);
  return out;
}
