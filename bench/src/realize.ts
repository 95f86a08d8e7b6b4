/** Computing tensors without reading them: a reading copies, which is no part of what is measured. */
import { engine, type Tensor } from 'hadal';

export function realize(...tensors: readonly Tensor[]): void {
  engine().realize(tensors.map((t) => t.value.node));
}

/** The elements of float32 tensors behind one another. */
export function readAll(tensors: readonly Tensor[]): Float32Array {
  const out = new Float32Array(tensors.reduce((sum, t) => sum + t.numel(), 0));
  let at = 0;
  for (const t of tensors) {
    const data = t.dataSync();
    if (!(data instanceof Float32Array)) throw new TypeError(`expected float32, got ${t.dtype}`);
    out.set(data, at);
    at += data.length;
  }
  return out;
}
