/**
 * Fork and join in machine code: what walks a plan's launches, and what workers do between them. Everything here is called through the
 * System V convention. Waiting begins with looking (a few tens of microseconds, `spins` times) and goes on in `futex`, so that a
 * process at rest uses no processor time.
 */
import type { Stub } from '../stubs.js';
import { layout, state } from './layout.js';

const { seats, seatShift, seatBytes, lock, workers, spins, fn, blocks, count } = layout;
const { idle, asleep, posted, taken, awaited } = state;

// Linux: futex is system call 202; the system takes rdi, rsi, rdx, r10 and overwrites rax, rcx and r11.
const FUTEX = 202;
const FUTEX_WAIT_PRIVATE = 128;
const FUTEX_WAKE_PRIVATE = 129;

/** Wakes the thread that sleeps on the seat in a register. */
const wake = (seat: string): string =>
  `mov rdi, ${seat}; mov esi, ${FUTEX_WAKE_PRIVATE}; mov edx, 1; mov eax, ${FUTEX}; syscall`;

/** Sleeps while the seat in a register has this state, or a little less long. */
const sleep = (seat: string, while_: number): string =>
  `mov rdi, ${seat}; mov esi, ${FUTEX_WAIT_PRIVATE}; mov edx, ${while_}; xor r10d, r10d; mov eax, ${FUTEX}; syscall`;

/** Bytes of an entry of the list that `run` walks, and of each of its other shares behind it. */
export const ENTRY_BYTES = 32;
export const SHARE_BYTES = 16;

export const threadStubs = {
  /**
   * void run(list, pool): an entry of the list is [fn, blocks, count, n], and n times [blocks, count] of other shares; it ends with an
   * entry of zeros. A share runs by fn(blocks, count). `pool` is the memory of `layout.ts`, or 0 where there are no other threads.
   *
   * Shares are posted to the first seats, as many as there are. This thread runs its own share and those without a seat, then whatever
   * no worker has begun, and then waits for the others. It runs all of them while another thread's launch uses the workers.
   *
   * rbx: entry; rbp: pool; r12: other shares; r13: the first of them; r14: how many are posted, and then the lock is held.
   */
  run: {
    text: `push rbx; push rbp; push r12; push r13; push r14; push r15; sub rsp, 8
mov rbx, rdi; mov rbp, rsi; jmp 2f
1: mov rdi, [rbx + 8]; mov rsi, [rbx + 16]; add rbx, ${ENTRY_BYTES}; call rax
2: mov rax, [rbx]; mov r12, [rbx + 24]; test r12, r12; jne 3f; test rax, rax; jne 1b
add rsp, 8; pop r15; pop r14; pop r13; pop r12; pop rbp; pop rbx; ret
3: lea r13, [rbx + ${ENTRY_BYTES}]; xor r14d, r14d; test rbp, rbp; je 7f
mov edx, [rbp + ${workers}]; test edx, edx; je 7f
mov ecx, 1; xor eax, eax; lock cmpxchg [rbp + ${lock}], ecx; jne 7f
mov r14d, edx; cmp r14, r12; cmova r14, r12
lea r15, [rbp + ${seats}]; mov r8, r13; mov r9d, r14d
5: mov rax, [rbx]; mov [r15 + ${fn}], rax; mov rax, [r8]; mov [r15 + ${blocks}], rax; mov rax, [r8 + 8]; mov [r15 + ${count}], rax
mov eax, ${posted}; xchg [r15], eax; cmp eax, ${asleep}; jne 6f
${wake('r15')}
6: add r15, ${seatBytes}; add r8, ${SHARE_BYTES}; dec r9d; jne 5b
7: mov rdi, [rbx + 8]; mov rsi, [rbx + 16]; call [rbx]
mov r15, r14; jmp 9f
8: mov rax, r15; shl rax, 4; mov rdi, [r13 + rax]; mov rsi, [r13 + rax + 8]; call [rbx]; inc r15
9: cmp r15, r12; jb 8b
test r14, r14; je 17f
mov r15, r14
10: dec r15; js 11f
mov rcx, r15; shl rcx, ${seatShift}; lea rcx, [rbp + rcx + ${seats}]; cmp dword ptr [rcx], ${posted}; jne 10b
mov eax, ${posted}; mov edx, ${idle}; lock cmpxchg [rcx], edx; jne 10b
mov rax, r15; shl rax, 4; mov rdi, [r13 + rax]; mov rsi, [r13 + rax + 8]; call [rbx]; jmp 10b
11: lea r15, [rbp + ${seats}]
12: mov ecx, [r15 + ${spins}]
13: cmp dword ptr [r15], ${taken}; jb 16f; pause; dec ecx; jne 13b
14: mov eax, ${taken}; mov ecx, ${awaited}; lock cmpxchg [r15], ecx
cmp dword ptr [r15], ${awaited}; jne 16f
${sleep('r15', awaited)}
jmp 14b
16: add r15, ${seatBytes}; dec r14; jne 12b
mov dword ptr [rbp + ${lock}], 0
17: shl r12, 4; lea rbx, [r13 + r12]; jmp 2b`,
    bytes:
      '535541544155415641574883ec084889fb4889f5eb0e488b7b08488b73104883c320ffd0488b034c8b63184d85e475144885c075e14883' +
      'c408415f415e415d415c5d5bc34c8d6b204531f64885ed74768b958000000085d2746cb90100000031c0f00fb14d00755e4189d64d39e6' +
      '4d0f47f44c8dbd000100004d89e84589f1488b0349894708498b0049894710498b400849894718b80200000041870783f80175144c89ff' +
      'be81000000ba01000000b8ca0000000f054981c7800000004983c01041ffc975b9488b7b08488b7310ff134d89f7eb164c89f848c1e004' +
      '498b7c0500498b740508ff1349ffc74d39e772e54d85f60f84990000004d89f749ffcf78394c89f948c1e107488d8c0d00010000833902' +
      '75e7b802000000ba00000000f00fb11175d74c89f848c1e004498b7c0500498b740508ff13ebc24c8dbd00010000418b4f0441833f0372' +
      '34f390ffc975f4b803000000b904000000f0410fb10f41833f0475194c89ffbe80000000ba040000004531d2b8ca0000000f05ebd24981' +
      'c78000000049ffce75b6c745000000000049c1e4044b8d5c2500e984feffff',
  },
  /** void* worker(seat): what a worker thread runs; it never returns. rbx: the seat. */
  worker: {
    text: `push rbx; mov rbx, rdi
1: mov ecx, [rbx + ${spins}]
2: cmp dword ptr [rbx], ${posted}; je 4f; pause; dec ecx; jne 2b
mov eax, ${idle}; mov ecx, ${asleep}; lock cmpxchg [rbx], ecx; jne 1b
3: ${sleep('rbx', asleep)}
cmp dword ptr [rbx], ${asleep}; je 3b; jmp 1b
4: mov eax, ${posted}; mov ecx, ${taken}; lock cmpxchg [rbx], ecx; jne 1b
mov rdi, [rbx + ${blocks}]; mov rsi, [rbx + ${count}]; call [rbx + ${fn}]
mov eax, ${idle}; xchg [rbx], eax; cmp eax, ${awaited}; jne 1b
${wake('rbx')}
jmp 1b`,
    bytes:
      '534889fb8b4b04833b027434f390ffc975f5b800000000b901000000f00fb10b75e24889dfbe80000000ba010000004531d2b8ca000000' +
      '0f05833b0174e4ebc4b802000000b903000000f00fb10b75b4488b7b10488b7318ff5308b800000000870383f804759d4889dfbe810000' +
      '00ba01000000b8ca0000000f05eb87',
  },
  /** void pauses(uint32 n): looks n times at nothing; for finding out how long that takes. */
  pauses: {
    text: 'sub rsp, 8; 1: cmp dword ptr [rsp], 0; pause; dec edi; jne 1b; add rsp, 8; ret',
    bytes: '4883ec08833c2400f390ffcf75f64883c408c3',
  },
  /** uint32 compareExchange(uint32* at, uint32 expected, uint32 desired): what was there; `desired` is there if it was `expected`. */
  compareExchange: {
    text: 'mov eax, esi; lock cmpxchg [rdi], edx; ret',
    bytes: '89f0f00fb117c3',
  },
} as const satisfies { readonly [name: string]: Stub };
