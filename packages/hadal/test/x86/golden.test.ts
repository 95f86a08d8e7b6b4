/** Every encoding against GNU as; `scripts/x86-golden.mjs` writes the expected bytes. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Assembler } from '../../src/codegen/x86/assembler.js';
import { type Form, I } from '../../src/codegen/x86/instructions.js';
import type { Operand, Scale } from '../../src/codegen/x86/operands.js';
import {
  broadcastMem,
  gprName,
  gprs,
  masks,
  mem,
  poolMem,
  rax,
  vec,
  xmms,
  zmms,
} from '../../src/codegen/x86/operands.js';
import { stubs } from '../../src/runtime/native/stubs.js';

interface VectorCase {
  readonly form: keyof typeof I;
  readonly operands: readonly string[];
  readonly mask: number;
  readonly zeroing: boolean;
  readonly text: string;
  readonly bytes: string;
}
interface IntegerCase {
  readonly call: string;
  readonly args: readonly (string | number)[];
  readonly text: string;
  readonly bytes: string;
}

function golden<T>(name: string): readonly T[] {
  return JSON.parse(readFileSync(new URL(`golden/${name}.json`, import.meta.url), 'utf8')) as readonly T[];
}

const byName = new Map(gprs.map((r) => [gprName(r, 64), r]));
function gprNamed(name: string) {
  const r = byName.get(name);
  if (!r) throw new Error(`no register ${name}`);
  return r;
}

/** `zmm17`, `k3`, `r12`, `[r12+rax*4-8]`, `[rax]{b}`, or a number. */
function parse(text: string): Operand {
  if (/^-?\d+$/.test(text)) return Number(text);
  const v = /^([xyz])mm(\d+)$/.exec(text);
  if (v) return vec(Number(v[2]), v[1] === 'z' ? 512 : v[1] === 'y' ? 256 : 128);
  const k = /^k(\d)$/.exec(text);
  if (k) return masks[Number(k[1])];
  const m = /^\[(\w+)(?:\+(\w+)\*(\d))?([+-]\d+)?\](\{b\})?$/.exec(text);
  if (!m) return gprNamed(text);
  const made = mem(
    gprNamed(m[1]),
    Number(m[4] ?? 0),
    m[2] ? gprNamed(m[2]) : null,
    Number(m[3] ?? 1) as Scale,
  );
  return m[5] ? broadcastMem(made) : made;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
}

/** The methods by name: the cases are data, so their arguments are checked by the bytes they give. */
type Dynamic = { readonly [method: string]: (...args: readonly unknown[]) => void };

describe('assembler', () => {
  it('encodes the vector, mask and BMI instructions as GNU as does', () => {
    const wrong: string[] = [];
    const forms = new Set<string>();
    for (const c of golden<VectorCase>('vector')) {
      forms.add(c.form);
      const asm = new Assembler();
      const call = asm as unknown as Dynamic;
      const form: Form = I[c.form];
      const operands = c.operands.map(parse);
      if (c.mask) call.masked(form, masks[c.mask], c.zeroing, ...operands);
      else call.op(form, ...operands);
      const got = hex(asm.finish());
      if (got !== c.bytes) wrong.push(`${c.text}: ${got}, not ${c.bytes}`);
    }
    expect(wrong).toEqual([]);
    expect([...forms].sort()).toEqual(Object.keys(I).sort());
  });

  it('encodes the integer instructions as GNU as does', () => {
    const wrong: string[] = [];
    for (const c of golden<IntegerCase>('integer')) {
      const asm = new Assembler();
      const words = new Set([
        'add',
        'or',
        'and',
        'sub',
        'xor',
        'cmp',
        'not',
        'neg',
        'mul',
        'div',
        'idiv',
        'rol',
        'shl',
        'shr',
        'sar',
      ]);
      const args = c.args.map((x, i) =>
        typeof x === 'number' || (i === 0 && (words.has(x) || c.call === 'cmov' || c.call === 'setcc'))
          ? x
          : parse(x),
      );
      (asm as unknown as Dynamic)[c.call](...args);
      const got = hex(asm.finish());
      if (got !== c.bytes) wrong.push(`${c.text}: ${got}, not ${c.bytes}`);
    }
    expect(wrong).toEqual([]);
  });

  it('carries the stubs that GNU as gives for their text', () => {
    for (const c of golden<{ name: keyof typeof stubs; text: string; bytes: string }>('stubs')) {
      expect(stubs[c.name].text).toBe(c.text);
      // The code section is padded with nothing, but as may align its end.
      expect(stubs[c.name].bytes).toBe(c.bytes);
    }
  });

  it('patches jumps in both directions', () => {
    const asm = new Assembler();
    const [back, on] = [asm.label(), asm.label()];
    asm.bind(back);
    asm.jcc('e', on);
    asm.jmp(back);
    asm.bind(on);
    asm.ret();
    expect(hex(asm.finish())).toBe('0f8405000000e9f5ffffffc3');
  });

  it('appends pool constants once each, largest first, and addresses them from the end of the instruction', () => {
    const asm = new Assembler();
    const word = asm.word(0x3f800000);
    expect(asm.word(0x3f800000)).toBe(word);
    const wide = asm.bytes('wide', () => new Uint8Array(16).fill(7));
    asm.op(I.vaddss, xmms[0], xmms[1], poolMem(word));
    asm.op(I.vpermilps, xmms[0], poolMem(wide), 3);
    const code = asm.finish();
    const view = new DataView(code.buffer);
    expect(code.length).toBe(64 + 16 + 4);
    expect(8 + view.getInt32(4, true)).toBe(80);
    expect(18 + view.getInt32(13, true)).toBe(64);
  });

  it('refuses what cannot be encoded', () => {
    const asm = new Assembler();
    expect(() => asm.masked(I.vmovups, masks[0], true, zmms[1], zmms[2])).toThrow('k0');
    expect(() => asm.op(I.vaddps, zmms[0], xmms[1], xmms[2])).toThrow('two widths');
    expect(() => asm.op(I.vmovups, zmms[0], broadcastMem(mem(rax)))).toThrow('broadcast');
    expect(() => asm.op(I.vblendvps, xmms[0], xmms[16], xmms[1], xmms[2])).toThrow('EVEX');
    expect(() => asm.alu('add', 64, rax, 2 ** 31)).toThrow('32 bits');
    expect(() => mem(rax, 2 ** 31)).toThrow('32 bits');
    expect(() => mem(rax, 0, gprs[4])).toThrow('rsp');
    expect(() => asm.movMemImm(8, mem(rax), 256)).toThrow('8 bits');
    expect(() => asm.movMemImm(16, mem(rax), -32769)).toThrow('16 bits');
    expect(() => asm.op(I.vpermilps, xmms[0], xmms[1], 256)).toThrow('not a byte');
    expect(() => asm.op(I.vpermilps, xmms[0], xmms[1], 1.5)).toThrow('not a byte');
    expect(() => asm.shift('shl', 32, rax, 32)).toThrow('shift of 32 bits');
    asm.jmp(asm.label());
    expect(() => asm.finish()).toThrow('never bound');
  });
});
