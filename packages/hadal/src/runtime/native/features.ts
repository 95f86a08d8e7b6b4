/** Which instruction set to use, from CPUID and XGETBV (Intel SDM volume 1, 14.3 and 15.2-15.4). */
import type { DotOp } from '../../kernel/l3.js';
import type { Machine } from './machine.js';

export type Level = 'avx512' | 'avx2';

export interface NativeFeatures {
  readonly level: Level;
}

/** Which dot products of L3 the processor has; they need the level avx512. */
export function detectDots(machine: Machine): readonly DotOp[] {
  if (machine.cpuid(0, 0).eax < 7) return [];
  const seven = machine.cpuid(7, 0);
  const dots: DotOp[] = [];
  // AVX512_VNNI and AVX512_BF16.
  if (bit(seven.ecx, 11)) dots.push('bytes');
  if (seven.eax >= 1 && bit(machine.cpuid(7, 1).eax, 5)) dots.push('bfloat16');
  return dots;
}

function bit(x: number, n: number): boolean {
  return ((x >>> n) & 1) === 1;
}

/** The levels this processor and system can run, the best first. */
export function detectLevels(machine: Machine): readonly Level[] {
  const highest = machine.cpuid(0, 0).eax;
  if (highest < 7) return [];
  const one = machine.cpuid(1, 0);
  const osxsave = bit(one.ecx, 27);
  if (!osxsave || !bit(one.ecx, 28)) return [];
  const state = machine.xcr0();
  const seven = machine.cpuid(7, 0);
  const fma = bit(one.ecx, 12);
  const f16c = bit(one.ecx, 29);
  const avx2 = (state & 6) === 6 && bit(seven.ebx, 5) && bit(seven.ebx, 8) && fma && f16c;
  if (!avx2) return [];
  // F 16, DQ 17, BW 30, VL 31; the system must save mask registers and the upper vectors.
  const avx512 =
    (state & 0xe0) === 0xe0 &&
    bit(seven.ebx, 16) &&
    bit(seven.ebx, 17) &&
    bit(seven.ebx, 30) &&
    bit(seven.ebx, 31);
  return avx512 ? ['avx512', 'avx2'] : ['avx2'];
}
