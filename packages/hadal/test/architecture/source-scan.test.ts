import { describe, expect, test } from 'vitest';
import { blankLiterals, importsOf } from './source-scan.js';

describe('blankLiterals', () => {
  test.each([
    ['a // b\nc', 'a     \nc'],
    ['a /* b\nc */ d', 'a     \n     d'],
    ["x = 'it\\'s' + \"q\"", 'x = \'     \' + " "'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: source text under test
    ['`a ${b + `c ${d}`} e`', '`  ${b + `  ${d}`}  `'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: source text under test
    ['`${{ a: 1 }.a}` + b', '`${{ a: 1 }.a}` + b'],
    ["x = /'[/']\\//g; y = 'z'", "x = /       /g; y = ' '"],
    ['a / b / c', 'a / b / c'],
    ["// it's\nf('x')", "       \nf(' ')"],
  ])('%j', (text, expected) => {
    expect(blankLiterals(text)).toBe(expected);
  });
});

describe('importsOf', () => {
  const value = (from: string, line = 1) => ({ from, typeOnly: false, line });
  const type = (from: string, line = 1) => ({ from, typeOnly: true, line });
  test.each<[string, ReturnType<typeof value>[]]>([
    ["import { a } from './a.js';", [value('./a.js')]],
    ["import {\n  a,\n  type B,\n} from './a.js';", [value('./a.js')]],
    ["import type { A } from './a.js';", [type('./a.js')]],
    ["import { type A, type B } from './a.js';", [type('./a.js')]],
    ["import * as a from './a.js';", [value('./a.js')]],
    ["import a from './a.js';", [value('./a.js')]],
    ["import './a.js';", [value('./a.js')]],
    ["export * from './a.js';", [value('./a.js')]],
    ["export { a } from './a.js';", [value('./a.js')]],
    ["export type { A } from './a.js';", [type('./a.js')]],
    ["const a = await import('./a.js');", [value('./a.js')]],
    ["let a: typeof import('./a.js');", [type('./a.js')]],
    ["\nimport a from './a.js';\nimport { type B } from './b.js';", [value('./a.js', 2), type('./b.js', 3)]],
    ["export const a = 'b';\nexport function from() {}\nconst c = 'd';", []],
    ["export const a = 1;\nimport b from './b.js';", [value('./b.js', 2)]],
    ["// import a from './a.js'", []],
    ["f(`import a from './a.js'`)", []],
    ['/* import("./a.js") */', []],
  ])('%j', (text, expected) => {
    expect(importsOf(text)).toEqual(expected);
  });
});
