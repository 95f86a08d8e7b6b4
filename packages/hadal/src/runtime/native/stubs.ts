/**
 * The few machine code routines that the engine needs before it can compile anything, as bytes with their assembly (Intel
 * syntax). The tests assemble the text with GNU as and compare.
 */
import { threadStubs } from './threads/stubs.js';

export interface Stub {
  readonly text: string;
  readonly bytes: string;
}

export const stubs = {
  /** double address(void* p): the pointer as a number, exact below 2^53. */
  address: {
    text: 'cvtsi2sd xmm0, rdi; ret',
    bytes: 'f2480f2ac7c3',
  },
  /** void cpuid(uint32 leaf, uint32 subleaf, uint32* out): eax, ebx, ecx, edx. */
  cpuid: {
    text:
      'push rbx; mov r8, rdx; mov eax, edi; mov ecx, esi; cpuid; mov [r8], eax; mov [r8 + 4], ebx; mov [r8 + 8], ecx; ' +
      'mov [r8 + 12], edx; pop rbx; ret',
    bytes: '534989d089f889f10fa241890041895804418948084189500c5bc3',
  },
  /** uint32 xgetbv(): the low half of XCR0. */
  xgetbv: {
    text: 'xor ecx, ecx; xgetbv; ret',
    bytes: '31c90f01d0c3',
  },
  ...threadStubs,
} as const satisfies { readonly [name: string]: Stub };

export function stubBytes(stub: Stub): Uint8Array {
  return Uint8Array.from(stub.bytes.match(/../g) ?? [], (x) => Number.parseInt(x, 16));
}
