// Writes test/x86/golden/*.json: instructions as GNU as encodes them, for every form of the assembler's table and every
// integer instruction, with low and high registers, all kinds of addresses, masks, and embedded broadcast. Needs GNU as and
// objdump, and the built package (`npm run build`): node scripts/x86-golden.mjs [dist folder]
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const here = import.meta.dirname;
const dist = path.resolve(process.argv[2] ?? path.join(here, '../dist'));
const { I } = await import(pathToFileURL(path.join(dist, 'codegen/x86/instructions.js')).href);
const { stubs } = await import(pathToFileURL(path.join(dist, 'runtime/native/stubs.js')).href);
const golden = path.join(here, '../test/x86/golden');

const names64 = 'rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15'.split(' ');
const names32 = 'eax ecx edx ebx esp ebp esi edi r8d r9d r10d r11d r12d r13d r14d r15d'.split(' ');
const names16 = 'ax cx dx bx sp bp si di r8w r9w r10w r11w r12w r13w r14w r15w'.split(' ');
const names8 = 'al cl dl bl spl bpl sil dil r8b r9b r10b r11b r12b r13b r14b r15b'.split(' ');

const addresses = [
  '[rax]',
  '[rbp]',
  '[rsp]',
  '[r12]',
  '[r13]',
  '[rbx+8]',
  '[rcx+64]',
  '[r12+64]',
  '[rsp+rcx*4-128]',
  '[rbp+r13*1+32]',
  '[r13+r12*2]',
  '[r9+r15*8+4096]',
  '[r14+63]',
  '[rdi+256]',
  '[rsi-8192]',
  '[rdx+rax*4+508]',
  '[r8+127]',
  '[rax+128]',
  '[rax-129]',
];

/** Assembles lines and gives the bytes of each, in hex. */
function assemble(lines) {
  const dir = mkdtempSync(path.join(tmpdir(), 'golden-'));
  const source = path.join(dir, 'a.s');
  const object = path.join(dir, 'a.o');
  // A label before each instruction: their addresses give the lengths.
  writeFileSync(
    source,
    `.intel_syntax noprefix\n${lines.map((l, i) => `g${i}: ${l}`).join('\n')}\ng${lines.length}:\n`,
  );
  execFileSync('as', ['-o', object, source]);
  const binary = path.join(dir, 'a.bin');
  execFileSync('objcopy', ['-O', 'binary', '-j', '.text', object, binary]);
  const bytes = readFileSync(binary);
  const offsets = execFileSync('nm', [object], { encoding: 'utf8', maxBuffer: 1 << 28 })
    .split('\n')
    .filter((l) => / g\d+$/.test(l))
    .map((l) => [Number(l.split(' g')[1]), Number.parseInt(l, 16)]);
  const at = [];
  for (const [i, offset] of offsets) at[i] = offset;
  return lines.map((_, i) => bytes.subarray(at[i], at[i + 1]).toString('hex'));
}

const vectorName = (width, n) => `${width === 512 ? 'z' : width === 256 ? 'y' : 'x'}mm${n}`;

function vectorCases() {
  const cases = [];
  for (const [key, form] of Object.entries(I)) {
    const fixed = form.length !== 'v' || !form.kinds.some((k) => k === 'v' || k === 'vm');
    let widths = fixed ? [128] : form.evex ? [128, 256, 512] : [128, 256];
    if (key === 'vextractf32x4') widths = [256, 512];
    if (key === 'vbroadcastsd') widths = [256, 512];
    if (key === 'vextractf64x4' || key === 'vinsertf64x4') widths = [512];
    if (key === 'vbroadcastss' || key === 'vpbroadcastd') widths = [128, 256, 512];
    const high = form.evex;
    for (const width of widths) {
      const registers = [
        [1, 2, 3, 4],
        [9, 10, 11, 12],
        [1, 14, 6, 9],
        [15, 0, 8, 2],
      ];
      if (high) registers.push([17, 18, 19, 20], [31, 24, 27, 16], [1, 30, 9, 2]);
      const add = (numbers, memory, broadcast, mask, zeroing) => {
        let evex = mask > 0 || broadcast || !form.vex;
        const operands = [];
        const text = [];
        form.kinds.forEach((kind, i) => {
          const n = numbers[i];
          let name;
          let shown;
          const canBeMemory = kind.endsWith('m') || kind === 'm';
          if (canBeMemory && memory) {
            name = broadcast ? `${memory}{b}` : memory;
            shown = broadcast
              ? `${memory}{1to${width / (form.element === 8 ? 64 : 32)}}`
              : `${kind === 'rm' ? 'dword ptr ' : kind === 'Rm' ? 'qword ptr ' : ''}${memory}`;
          } else if (kind === 'i') {
            name = shown = String([0, 1, 5, 17][i % 4] + 1);
          } else if (kind[0] === 'k') {
            name = shown = `k${n % 8}`;
          } else if (kind[0] === 'r' || kind[0] === 'R') {
            name = names64[n % 16];
            shown = kind[0] === 'R' ? name : names32[n % 16];
          } else {
            const half = Math.max(width / 2, 128);
            const w = kind[0] === 'x' ? 128 : kind[0] === 'y' ? 256 : kind[0] === 'h' ? half : width;
            if (n > 15 || w === 512) evex = true;
            name = shown = vectorName(w, n);
          }
          operands.push(name);
          text.push(i === 0 && mask > 0 ? `${shown}{k${mask}}${zeroing ? '{z}' : ''}` : shown);
        });
        cases.push({
          form: key,
          operands,
          mask,
          zeroing,
          text: `${evex ? form.evexName : form.name} ${text.join(', ')}`,
        });
      };
      const memoryOnly = form.kinds.includes('m');
      const takesMemory = form.kinds.some((k) => k.endsWith('m'));
      // Between registers there are two encodings of a move; as takes the store's where that is a byte shorter.
      const twoWays = ['vmovups', 'vmovaps', 'vmovupd'].includes(key);
      for (const r of registers) if (!memoryOnly && !(twoWays && r[1] === 14)) add(r, null, false, 0, false);
      if (takesMemory)
        for (const m of width === 256 ? addresses.slice(0, 8) : addresses)
          add(registers[addresses.indexOf(m) % registers.length], m, false, 0, false);
      if (form.element && form.evex)
        for (const m of width === 512 ? addresses : addresses.slice(5, 9))
          add(registers[addresses.indexOf(m) % registers.length], m, true, 0, false);
      const maskable =
        form.evex &&
        (form.kinds[0] === 'v' ||
          [
            'vmovupsStore',
            'vcvtps2phStore',
            'vmovupdStore',
            'vpmovqdStore',
            'vpmovdb',
            'vpmovdw',
            'vmovdqu8Store',
          ].includes(key));
      if (maskable) {
        const stores = form.kinds[0] === 'm';
        for (const mask of [1, 7]) {
          if (!memoryOnly) add(registers[mask % 3], null, false, mask, false);
          if (!memoryOnly) add(registers[mask % 3], null, false, mask, true);
          if (takesMemory) for (const m of addresses.slice(6, 12)) add(registers[0], m, false, mask, !stores);
        }
      }
    }
  }
  return cases;
}

function integerCases() {
  const cases = [];
  const regs = [
    [0, 1],
    [1, 9],
    [10, 2],
    [15, 14],
    [4, 5],
    [5, 13],
    [12, 4],
  ];
  const add = (call, args, text) => cases.push({ call, args, text });
  const r = (n, size) => ({ 8: names8, 16: names16, 32: names32, 64: names64 })[size][n];
  const ptr = { 8: 'byte ptr', 32: 'dword ptr', 64: 'qword ptr' };
  for (const size of [32, 64]) {
    for (const op of ['add', 'or', 'and', 'sub', 'xor', 'cmp']) {
      for (const [a, b] of regs) {
        add('alu', [op, size, r(a, 64), r(b, 64)], `${op} ${r(a, size)}, ${r(b, size)}`);
        for (const imm of [5, -128, 127])
          add('alu', [op, size, r(a, 64), imm], `${op} ${r(a, size)}, ${imm}`);
        // The accumulator has a form of its own for 32-bit constants, which hadal does not use.
        if (a !== 0)
          for (const imm of [128, -129, 1 << 20])
            add('alu', [op, size, r(a, 64), imm], `${op} ${r(a, size)}, ${imm}`);
      }
      for (const m of addresses) {
        add('alu', [op, size, 'r9', m], `${op} ${r(9, size)}, ${m}`);
        add('alu', [op, size, m, 'rdx'], `${op} ${m}, ${r(2, size)}`);
        add('alu', [op, size, m, 77], `${op} ${ptr[size]} ${m}, 77`);
        add('alu', [op, size, m, 7777], `${op} ${ptr[size]} ${m}, 7777`);
      }
    }
    for (const [a, b] of regs) {
      add('test', [size, r(a, 64), r(b, 64)], `test ${r(a, size)}, ${r(b, size)}`);
      add('mov', [size, r(a, 64), r(b, 64)], `mov ${r(a, size)}, ${r(b, size)}`);
      add('imul', [size, r(a, 64), r(b, 64)], `imul ${r(a, size)}, ${r(b, size)}`);
      for (const imm of [3, -128, 1000])
        add('imulImm', [size, r(a, 64), r(b, 64), imm], `imul ${r(a, size)}, ${r(b, size)}, ${imm}`);
      for (const op of ['not', 'neg', 'mul', 'div', 'idiv'])
        add('unary', [op, size, r(a, 64)], `${op} ${r(a, size)}`);
      for (const op of ['rol', 'shl', 'shr', 'sar'])
        add('shift', [op, size, r(a, 64), 13], `${op} ${r(a, size)}, 13`);
      for (const c of ['e', 'ne', 'l', 'ge', 'le', 'g', 'b', 'a', 's'])
        add('cmov', [c, size, r(a, 64), r(b, 64)], `cmov${c} ${r(a, size)}, ${r(b, size)}`);
    }
    for (const m of addresses) {
      add('mov', [size, 'r10', m], `mov ${r(10, size)}, ${m}`);
      add('mov', [size, m, 'rbx'], `mov ${m}, ${r(3, size)}`);
      add('imul', [size, 'rcx', m], `imul ${r(1, size)}, ${m}`);
      add('imulImm', [size, 'r11', m, 12], `imul ${r(11, size)}, ${m}, 12`);
      add('cmov', ['l', size, 'rsi', m], `cmovl ${r(6, size)}, ${m}`);
      add('unary', ['div', size, m], `div ${ptr[size]} ${m}`);
      add('unary', ['idiv', size, m], `idiv ${ptr[size]} ${m}`);
      add('movMemImm', [size, m, -5], `mov ${ptr[size]} ${m}, -5`);
    }
  }
  for (const [a, b] of regs) {
    add('movImm', [r(a, 64), 123456], `mov ${r(a, 32)}, 123456`);
    add('movImm', [r(a, 64), -2], `mov ${r(a, 64)}, -2`);
    add('movImm', [r(a, 64), 0x123456789ab], `movabs ${r(a, 64)}, 0x123456789ab`);
    add('movzx8', [r(a, 64), r(b, 64)], `movzx ${r(a, 32)}, ${r(b, 8)}`);
    add('movsx8', [r(a, 64), r(b, 64)], `movsx ${r(a, 32)}, ${r(b, 8)}`);
    add('movsxd', [r(a, 64), r(b, 64)], `movsxd ${r(a, 64)}, ${r(b, 32)}`);
    add('push', [r(a, 64)], `push ${r(a, 64)}`);
    add('pop', [r(a, 64)], `pop ${r(a, 64)}`);
    add('call', [r(a, 64)], `call ${r(a, 64)}`);
    for (const c of ['e', 'ne', 'l', 'ge', 'le', 'g', 'b', 'ae', 'a', 'be', 'p', 'np'])
      add('setcc', [c, r(a, 64)], `set${c} ${r(a, 8)}`);
  }
  for (const m of addresses) {
    add('movzx8', ['r9', m], `movzx r9d, byte ptr ${m}`);
    add('movsx8', ['r9', m], `movsx r9d, byte ptr ${m}`);
    add('movzx16', ['r9', m], `movzx r9d, word ptr ${m}`);
    add('movsx16', ['rsi', m], `movsx esi, word ptr ${m}`);
    add('store16', [m, 'rsi'], `mov ${m}, si`);
    add('store16', [m, 'r13'], `mov ${m}, r13w`);
    add('store8', [m, 'rsi'], `mov ${m}, sil`);
    add('store8', [m, 'rcx'], `mov ${m}, cl`);
    add('store8', [m, 'r13'], `mov ${m}, r13b`);
    add('movsxd', ['rdi', m], `movsxd rdi, dword ptr ${m}`);
    add('lea', ['r15', m], `lea r15, ${m}`);
    add('movMemImm', [8, m, 3], `mov byte ptr ${m}, 3`);
    add('movMemImm', [16, m, 300], `mov word ptr ${m}, 300`);
    add('call', [m], `call qword ptr ${m}`);
  }
  add('extendDividend', [32], 'cdq');
  add('extendDividend', [64], 'cqo');
  for (const name of ['ret', 'vzeroupper', 'cpuid', 'xgetbv']) add(name, [], name);
  return cases;
}

function write(name, cases) {
  const bytes = assemble(cases.map((c) => c.text));
  const lines = cases.map((c, i) => JSON.stringify({ ...c, bytes: bytes[i] }));
  writeFileSync(path.join(golden, `${name}.json`), `[\n${lines.join(',\n')}\n]\n`);
  console.log(`${name}: ${cases.length} cases`);
}

write('vector', vectorCases());
write('integer', integerCases());
write(
  'stubs',
  Object.entries(stubs).map(([name, stub]) => ({ name, text: stub.text })),
);

/** What a kernel without registers to save begins and ends with on Windows, from behind the jump for no blocks and back to `ret`. */
function windows() {
  const vectors = Array.from({ length: 10 }, (_, i) => [6 + i, i === 0 ? '[rsp]' : `[rsp+${16 * i}]`]);
  const prologue = [
    'push rsi',
    'push rdi',
    'sub rsp, 160',
    ...vectors.map(([r, at]) => `vmovups ${at}, xmm${r}`),
    'mov rdi, rcx',
    'mov rsi, rdx',
    'mov rax, rsp',
  ];
  const epilogue = [
    'mov rsp, [rsp]',
    ...vectors.map(([r, at]) => `vmovups xmm${r}, ${at}`),
    'add rsp, 160',
    'pop rdi',
    'pop rsi',
    'vzeroupper',
    'ret',
  ];
  const bytes = assemble([...prologue, ...epilogue]);
  const join = (from, to) => bytes.slice(from, to).join('');
  const text = { prologue: join(0, prologue.length), epilogue: join(prologue.length) };
  writeFileSync(path.join(golden, 'windows.json'), `${JSON.stringify(text, null, 2)}\n`);
}
windows();
