/**
 * Kernels for callers of Windows, run here: a thunk calls them as Windows would and keeps what they leave in the registers that belong
 * to the caller (Microsoft, "x64 calling convention": rbx, rbp, rdi, rsi, r12 to r15, xmm6 to xmm15; 32 bytes of shadow space).
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Assembler } from '../../src/codegen/x86/assembler.js';
import { compileX86 } from '../../src/codegen/x86/compile.js';
import { I } from '../../src/codegen/x86/instructions.js';
import { gprs, mem, rax, rcx, rdi, rdx, rsp, xmms } from '../../src/codegen/x86/operands.js';
import { layoutOf } from '../../src/kernel/abi.js';
import type { L3Function } from '../../src/kernel/l3.js';
import { L3Builder } from '../../src/kernel/l3-builder.js';
import { openNative } from '../../src/runtime/native/index.js';
import { NativeExecutable } from '../../src/runtime/native/program.js';
import { levels, missing } from './run.js';

/** The caller's: general registers by number, then vector registers. rsp is checked by the thunk's own return. */
const callersGprs = [3, 5, 6, 7, 12, 13, 14, 15];
const callersXmms = Array.from({ length: 10 }, (_, i) => 6 + i);
const SAVED_BY_SYSTEM_V = [3, 5, 12, 13, 14, 15];

/** Where things are in the thunk's memory. */
const at = {
  kernel: 0,
  blocks: 8,
  count: 16,
  own: 24,
  gprs: 64,
  xmms: 128,
  shadow: 320,
  bytes: 1024,
} as const;

/**
 * `thunk(block, 1)` of one buffer: fills the caller's registers with its numbers, calls the kernel, and puts what it finds in them
 * afterwards in place of the numbers.
 */
function thunk(): Uint8Array {
  const asm = new Assembler();
  for (const r of SAVED_BY_SYSTEM_V) asm.push(gprs[r]);
  asm.mov(64, rax, mem(rdi));
  // 6 registers and the address to return to are on the stack: 8 more and it is aligned to 16.
  asm.alu('sub', 64, rsp, 8);
  asm.push(rax);
  asm.alu('sub', 64, rsp, 8);
  callersXmms.forEach((r, i) => {
    asm.op(I.vmovups, xmms[r], mem(rax, at.xmms + 16 * i));
  });
  asm.mov(64, rcx, mem(rax, at.blocks));
  asm.mov(64, rdx, mem(rax, at.count));
  callersGprs.forEach((r, i) => {
    asm.mov(64, gprs[r], mem(rax, at.gprs + 8 * i));
  });
  asm.alu('sub', 64, rsp, 32);
  asm.call(mem(rax, at.kernel));
  asm.alu('add', 64, rsp, 40);
  asm.pop(rax);
  callersGprs.forEach((r, i) => {
    asm.mov(64, mem(rax, at.gprs + 8 * i), gprs[r]);
  });
  callersXmms.forEach((r, i) => {
    asm.op(I.vmovupsStore, mem(rax, at.xmms + 16 * i), xmms[r]);
  });
  asm.alu('add', 64, rsp, 8);
  for (const r of [...SAVED_BY_SYSTEM_V].reverse()) asm.pop(gprs[r]);
  asm.ret();
  return asm.finish();
}

/** So many values alive at once that all registers are used, and as many spilled as are asked for; out[i] = a sum of them. */
function crowded(lanes: number, values: number): L3Function {
  const b = new L3Builder('crowded', lanes);
  const [input, output] = [b.buffer('f32', 'read'), b.buffer('f32', 'readwrite')];
  const offsets = Array.from({ length: 16 }, (_, i) => b.add(b.size(), b.index(i)));
  b.forEach(b.index(0), b.size(), lanes, (i) => {
    const all = Array.from({ length: values }, (_, k) =>
      b.mul(b.load(input, b.add(i, offsets[k % 16]), { lanes }), b.like(b.load(input, i, { lanes }), k + 1)),
    );
    const sum = all.reduce((x, y) => b.add(x, y));
    b.store(
      output,
      i,
      all.reduceRight((x, y) => b.add(x, y), sum),
    );
  });
  return b.finish();
}

describe.each(levels)('kernels for Windows on %s', (level) => {
  const why = missing(level);
  const lanes = level === 'avx512' ? 16 : 8;
  const features = { level, convention: 'windows' } as const;

  it.skipIf(why !== null).each([
    ['few values', 2],
    ['all registers', 60],
    ['a frame of several pages', 400],
    ['a frame of many pages', 2000],
  ])('give what those for System V give, and leave the caller its registers: %s', (_, values) => {
    const opened = openNative({ level });
    if (!opened.ok) throw new Error(opened.reason);
    const { device } = opened;
    const fn = crowded(lanes, values);
    const layout = layoutOf(fn);
    const count = 4 * lanes;
    const sizes = [...new Array<number>(16).fill(0), count];
    const a = Float32Array.from({ length: count + 32 }, (_, i) => Math.fround(Math.sin(i)));
    const input = device.allocate(a.byteLength);
    device.write(input, 0, new Uint8Array(a.buffer));
    const output = device.allocate(count * 4);
    const plain = device.load(fn.name, compileX86(fn, { level }).code);
    const buffers = [0, 1].map((buffer) => ({ buffer, byteOffset: 0 }));
    device
      .program([{ executable: plain, layout, blocks: [{ buffers, sizes, scalars: [] }] }])
      .run([input, output], []);
    const wanted = device.read(output, 0, count * 4);

    device.clear(output);
    const kernel = device.load(fn.name, compileX86(fn, features).code);
    if (!(kernel instanceof NativeExecutable)) throw new Error('not native');
    const blocks = device.allocate(8 * (2 + layout.sizes));
    const pointers = [input.address, output.address, ...sizes];
    device.write(blocks, 0, new Uint8Array(BigUint64Array.from(pointers, (x) => BigInt(x)).buffer));
    const memory = device.allocate(at.bytes);
    const words = BigUint64Array.from(
      { length: at.bytes / 8 },
      (_, i) => (0x1234567890abcdefn * BigInt(i)) & 0xffffffffffffffffn,
    );
    words[at.kernel / 8] = BigInt(kernel.address);
    words[at.blocks / 8] = BigInt(blocks.address);
    words[at.count / 8] = 1n;
    device.write(memory, 0, new Uint8Array(words.buffer));
    const calling = {
      executable: device.load('thunk', thunk()),
      layout: { buffers: 1, sizes: 0, scalars: 0 },
      blocks: [{ buffers: [{ buffer: 0, byteOffset: 0 }], sizes: [], scalars: [] }],
    };
    device.program([calling]).run([memory], []);
    expect(device.read(output, 0, count * 4)).toEqual(wanted);
    expect(new BigUint64Array(device.read(memory, 0, at.bytes).buffer)).toEqual(words);
  });

  it('does nothing when there are no blocks', () => {
    const { listing } = compileX86(crowded(lanes, 2), features);
    expect(
      listing
        .split('\n')
        .slice(1, 3)
        .map((line) => line.trim()),
    ).toEqual(['test rdx, rdx', 'je L0']);
  });

  it('touches each page of its frame before the one below', () => {
    const { listing } = compileX86(crowded(lanes, 2000), features);
    const bytes = Number(/sub rsp, (\d{4,})/.exec(listing)?.[1]);
    const touched = [...listing.matchAll(/mov \[rsp - (\d+)\], rcx/g)].map((m) => Number(m[1]));
    expect(bytes).toBeGreaterThan(4 * 4096);
    expect(touched).toEqual(
      Array.from({ length: Math.floor((bytes + 63) / 4096) }, (_, i) => 4096 * (i + 1)),
    );
  });
});

describe('prologue and epilogue for Windows', () => {
  const expected = JSON.parse(readFileSync(new URL('golden/windows.json', import.meta.url), 'utf8')) as {
    readonly prologue: string;
    readonly epilogue: string;
  };
  const hex = (code: Uint8Array): string => Array.from(code, (x) => x.toString(16).padStart(2, '0')).join('');

  it('are the bytes that GNU as gives for them', () => {
    const b = new L3Builder('nothing', 1);
    const code = hex(compileX86(b.finish(), { level: 'avx2', convention: 'windows' }).code);
    // test rdx, rdx and the jump for no blocks come first.
    expect(code.slice(0, 6)).toBe('4885d2');
    expect(code.slice(2 * 9).startsWith(expected.prologue)).toBe(true);
    expect(code.endsWith(expected.epilogue)).toBe(true);
  });
});
