/**
 * What the machine can do at most, to judge kernels by: independent FMAs in registers, and copying memory. Assembled by hand,
 * without L3, so that a fault of the compiler cannot lower the limit it is measured against. Both follow the kernel ABI.
 */
import type { Device } from '../../runtime/device.js';
import { Assembler } from './assembler.js';
import type { X86Features } from './features.js';
import { I } from './instructions.js';
import { mem, r8, r9, rax, rcx, rdi, rdx, vec } from './operands.js';

/** Enough chains to hide a latency of 4 cycles at two FMAs a cycle, with room to spare. */
const CHAINS = 12;
const UNROLL = 4;

/** A block is one size: rounds of the loop. */
export function fmaProbe(features: X86Features): {
  readonly code: Uint8Array;
  readonly flopsPerRound: number;
} {
  const width = features.level === 'avx512' ? 512 : 256;
  const asm = new Assembler();
  const top = asm.label();
  asm.mov(64, rcx, mem(rdi));
  for (let i = 0; i < CHAINS + 2; i++) asm.op(I.vxorps, vec(i, 128), vec(i, 128), vec(i, 128));
  asm.align(64);
  asm.bind(top);
  for (let u = 0; u < UNROLL; u++) {
    for (let i = 0; i < CHAINS; i++)
      asm.op(I.vfmadd231ps, vec(i, width), vec(CHAINS, width), vec(CHAINS + 1, width));
  }
  asm.alu('sub', 64, rcx, 1);
  asm.jcc('ne', top);
  asm.vzeroupper();
  asm.ret();
  return { code: asm.finish(), flopsPerRound: 2 * CHAINS * UNROLL * (width / 32) };
}

/** A block: destination, source, bytes (a multiple of 256) and rounds. */
export function copyProbe(features: X86Features): Uint8Array {
  const width = features.level === 'avx512' ? 512 : 256;
  const bytes = width / 8;
  const asm = new Assembler();
  const again = asm.label();
  const top = asm.label();
  asm.mov(64, rdx, mem(rdi, 24));
  asm.bind(again);
  asm.mov(64, r8, mem(rdi));
  asm.mov(64, r9, mem(rdi, 8));
  asm.mov(64, rcx, mem(rdi, 16));
  asm.alu('xor', 32, rax, rax);
  asm.align(64);
  asm.bind(top);
  for (let i = 0; i < 256 / bytes; i++) asm.op(I.vmovups, vec(i, width), mem(r9, i * bytes, rax));
  for (let i = 0; i < 256 / bytes; i++) asm.op(I.vmovupsStore, mem(r8, i * bytes, rax), vec(i, width));
  asm.alu('add', 64, rax, 256);
  asm.alu('cmp', 64, rax, rcx);
  asm.jcc('l', top);
  asm.alu('sub', 64, rdx, 1);
  asm.jcc('ne', again);
  asm.vzeroupper();
  asm.ret();
  return asm.finish();
}

/** Best of several runs, in GFLOP/s. */
export function measureFma(device: Device, features: X86Features): number {
  const { code, flopsPerRound } = fmaProbe(features);
  const rounds = 200_000;
  const program = device.program([
    {
      executable: device.load('fma probe', code),
      layout: { buffers: 0, sizes: 1, scalars: 0 },
      blocks: [{ buffers: [], sizes: [rounds], scalars: [] }],
    },
  ]);
  return best(() => program.run([], []), flopsPerRound * rounds);
}

/** Best of several runs, in GB/s of bytes copied (each is read once and written once). */
export function measureCopy(device: Device, features: X86Features, bytes: number): number {
  const size = Math.max(256, bytes & ~255);
  const rounds = Math.max(1, Math.round((1 << 27) / size));
  const program = device.program([
    {
      executable: device.load('copy probe', copyProbe(features)),
      layout: { buffers: 2, sizes: 2, scalars: 0 },
      blocks: [
        {
          buffers: [
            { buffer: 0, byteOffset: 0 },
            { buffer: 1, byteOffset: 0 },
          ],
          sizes: [size, rounds],
          scalars: [],
        },
      ],
    },
  ]);
  const memories = [device.allocate(size), device.allocate(size)];
  return best(() => program.run(memories, []), size * rounds);
}

function best(run: () => void, work: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 5; i++) {
    const start = performance.now();
    run();
    least = Math.min(least, performance.now() - start);
  }
  return work / least / 1e6;
}
