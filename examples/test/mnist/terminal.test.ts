import { describe, expect, test } from 'vitest';
import { assess, classFigures, mistakes, selection } from '../../src/mnist/assessment.js';
import { type Digit, drawDigit, drawDigits } from '../../src/mnist/digits.js';
import { classTable, confusionTable } from '../../src/mnist/terminal.js';

/** Six images of three classes: class 0 right twice, class 1 taken for 2 twice and once right, class 2 right. */
const assessment = assess(
  [0.9, 0.05, 0.05, 0.6, 0.2, 0.2, 0.1, 0.2, 0.7, 0.0, 0.1, 0.9, 0.2, 0.8, 0.0, 0.1, 0.1, 0.8],
  [0, 0, 1, 1, 1, 2],
  3,
);

const widest = (text: string): number => Math.max(...text.split('\n').map((line) => line.length));

describe('assess', () => {
  test('counts truth by prediction', () => {
    expect(assessment.confusion).toEqual([
      [2, 0, 0],
      [0, 1, 2],
      [0, 0, 1],
    ]);
    expect(assessment.accuracy).toBe(4 / 6);
  });

  test('of equal probabilities the lower class is predicted', () => {
    expect(assess([0.5, 0.5], [1], 2).verdicts).toEqual([
      { index: 0, truth: 1, predicted: 0, confidence: 0.5 },
    ]);
  });

  test('figures of classes', () => {
    expect(classFigures(assessment)).toEqual([
      { name: 0, images: 2, right: 2, confusedWith: null },
      { name: 1, images: 3, right: 1, confusedWith: { name: 2, times: 2 } },
      { name: 2, images: 1, right: 1, confusedWith: null },
    ]);
  });

  test('mistakes begin with the surest', () => {
    expect(mistakes(assessment).map(({ index }) => index)).toEqual([3, 2]);
  });

  test('a selection is up to half mistakes, then one image of each class, then others', () => {
    expect(selection(assessment, 4).map(({ index }) => index)).toEqual([3, 2, 0, 4]);
    expect(selection(assessment, 6).map(({ index }) => index)).toEqual([3, 2, 0, 4, 5, 1]);
    expect(selection(assessment, 100)).toHaveLength(6);
  });
});

describe('tables', () => {
  test('classes', () => {
    expect(classTable(assessment)).toBe(
      [
        'digit  images  right  accuracy  mistaken most often for',
        '    0       2      2    1.0000  -',
        '    1       3      1    0.3333  2 (2 times)',
        '    2       1      1    1.0000  -',
      ].join('\n'),
    );
  });

  test('confusion', () => {
    expect(confusionTable(assessment)).toBe(
      [
        'true \\ predicted    0    1    2',
        '               0    2    ·    ·',
        '               1    ·    1    2',
        '               2    ·    ·    1',
      ].join('\n'),
    );
  });

  test('fit into 80 columns with all of MNIST, in straight columns', () => {
    const truths = Array.from({ length: 60_000 }, (_, i) => i % 10);
    const all = assess(
      truths.flatMap((truth) => Array.from({ length: 10 }, (_, k) => (k === truth ? 1 : 0))),
      truths,
      10,
    );
    expect(widest(classTable(all))).toBeLessThanOrEqual(80);
    const confusion = confusionTable(all);
    expect(widest(confusion)).toBeLessThanOrEqual(80);
    expect(new Set(confusion.split('\n').map((line) => line.length)).size).toBe(1);
  });
});

/** An image with ink where `ink` says so. */
function image(ink: (x: number, y: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 784 }, (_, i) => (ink(i % 28, Math.floor(i / 28)) ? 255 : 0));
}

describe('drawDigit', () => {
  test('one character is two pixels wide and four high', () => {
    const lines = drawDigit(image((x, y) => y < 4 && x < 4));
    expect(lines).toHaveLength(7);
    expect(lines[0]).toBe(`██${' '.repeat(12)}`);
    expect(lines.slice(1).join('').trim()).toBe('');
  });

  test.each([
    ['upper left', (x: number, y: number) => x === 0 && y < 2, '▘'],
    ['upper right', (x: number, y: number) => x === 1 && y < 2, '▝'],
    ['lower left', (x: number, y: number) => x === 0 && y >= 2 && y < 4, '▖'],
    ['lower right', (x: number, y: number) => x === 1 && y >= 2 && y < 4, '▗'],
    ['left', (x: number, y: number) => x === 0 && y < 4, '▌'],
    ['diagonal', (x: number, y: number) => (x === 0 && y < 2) || (x === 1 && y >= 2 && y < 4), '▚'],
  ])('quarter: %s', (_, ink, character) => {
    expect(drawDigit(image(ink))[0][0]).toBe(character);
  });
});

describe('drawDigits', () => {
  const digit = (more: Partial<Digit>): Digit => ({
    index: 0,
    truth: 4,
    predicted: 4,
    confidence: 0.987,
    pixels: image((x, y) => x > 10 && x < 16 && y >= 8 && y < 20),
    ...more,
  });

  test('five a row over their captions, at most 78 columns', () => {
    const text = drawDigits([
      digit({}),
      digit({ predicted: 9, confidence: 1 }),
      ...Array.from({ length: 8 }, () => digit({})),
    ]);
    const rows = text.split('\n\n');
    expect(rows).toHaveLength(2);
    expect(rows[0].split('\n').at(-1)).toBe(
      '4  98.7%        9 100.0% not 4  4  98.7%        4  98.7%        4  98.7%',
    );
    expect(widest(text)).toBeLessThanOrEqual(78);
  });
});
