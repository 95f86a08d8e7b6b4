/**
 * Input values that differ in every repetition and that a peer can compute for itself from the seed, so that nothing large is
 * sent between processes. The mixing function is MurmurHash3's finaliser (Appleby 2011); peers/torch_peer.py has its twin.
 */

function mix(seed: number, index: number): number {
  let h = (Math.imul(index, 0x9e3779b1) + seed) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Uniform multiples of 2^-23 in [-scale, scale); exact in float32 before scaling. */
export function uniformValues(seed: number, count: number, scale = 1): Float32Array<ArrayBuffer> {
  const out = new Float32Array(count);
  for (let i = 0; i < count; i++) out[i] = ((mix(seed, i) >>> 8) * 2 ** -23 - 1) * scale;
  return out;
}

export function classNumbers(seed: number, count: number, classes: number): BigInt64Array<ArrayBuffer> {
  const out = new BigInt64Array(count);
  for (let i = 0; i < count; i++) out[i] = BigInt(mix(seed, i) % classes);
  return out;
}

/** The seed of one input of one repetition of one round. */
export function inputSeed(round: number, repetition: number, input: number): number {
  return round * 100_000 + repetition * 100 + input;
}
