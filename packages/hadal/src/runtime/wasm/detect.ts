/** What the host's WebAssembly can do, found out with modules of a few bytes. */
import { webAssembly } from './webassembly.js';

export interface WasmSupport {
  readonly simd: boolean;
  /** Whether `f32x4.relaxed_madd` exists and rounds once; hosts without an FMA instruction may round twice. */
  readonly relaxed: boolean;
}

const HEADER = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
/** () -> v128: i32.const 0, i8x16.splat. */
const SIMD = [...HEADER, 1, 5, 1, 0x60, 0, 1, 0x7b, 3, 2, 1, 0, 10, 8, 1, 6, 0, 0x41, 0, 0xfd, 0x0f, 0x0b];
/** run(f32, f32, f32) -> f32: lane 0 of relaxed_madd of the three as splats. */
const RELAXED = [
  ...HEADER,
  ...[1, 8, 1, 0x60, 3, 0x7d, 0x7d, 0x7d, 1, 0x7d],
  ...[3, 2, 1, 0],
  ...[7, 7, 1, 3, 0x72, 0x75, 0x6e, 0, 0],
  ...[
    10, 22, 1, 20, 0, 0x20, 0, 0xfd, 0x13, 0x20, 1, 0xfd, 0x13, 0x20, 2, 0xfd, 0x13, 0xfd, 0x85, 2, 0xfd,
    0x1f, 0, 0x0b,
  ],
];

let found: WasmSupport | null = null;

export function detectWasm(): WasmSupport {
  found ??= detect();
  return found;
}

function detect(): WasmSupport {
  const api = webAssembly();
  if (!api?.validate(Uint8Array.from(SIMD))) return { simd: false, relaxed: false };
  const bytes = Uint8Array.from(RELAXED);
  if (!api.validate(bytes)) return { simd: true, relaxed: false };
  const { run } = new api.Instance(new api.Module(bytes), {}).exports;
  // (1 + 2^-12)^2 - (1 + 2^-11) is 2^-24; the product alone rounds to 1 + 2^-11.
  const x = 1 + 2 ** -12;
  return { simd: true, relaxed: typeof run === 'function' && run(x, x, -(1 + 2 ** -11)) === 2 ** -24 };
}
