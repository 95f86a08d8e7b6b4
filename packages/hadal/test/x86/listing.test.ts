/** The listing says where each L3 value lies, by the register's own name. */
import { describe, expect, it } from 'vitest';
import { compileX86 } from '../../src/codegen/x86/compile.js';
import { L3Builder } from '../../src/kernel/l3-builder.js';

describe('the listing', () => {
  it('names the registers of L3 values as the instructions below do', () => {
    const b = new L3Builder('named', 16);
    const [input, output] = [b.buffer('f32', 'read'), b.buffer('f32', 'readwrite')];
    b.forEach(b.index(0), b.size(), 16, (i) => {
      const mask = b.tail(b.sub(b.sizeAt(0), i));
      const x = b.load(input, i, { lanes: 16, mask });
      b.store(output, i, b.mul(x, b.unary('neg', x)), { mask });
    });
    const lines = compileX86(b.finish(), { level: 'avx512' }).listing.split('\n');
    const notes = lines.flatMap((line, k) => {
      const [note, result, op] = /^; %\d+:(\w+) = (.*?) %/.exec(line) ?? [];
      return note === undefined || result === undefined ? [] : [{ result, op, next: lines[k + 1].trim() }];
    });
    expect(notes.map((n) => n.op)).toEqual(['binary sub', 'tail', 'load b0 + 0', 'unary neg', 'binary mul']);
    for (const { result, op, next } of notes) {
      expect(result).toMatch(op === 'binary sub' ? /^r\w+$/ : op === 'tail' ? /^k\d$/ : /^zmm\d+$/);
      // A mask takes several instructions, of which the last names it.
      if (op !== 'tail') expect(next.split(/[ ,{]/)[1]).toBe(result);
    }
  });
});
