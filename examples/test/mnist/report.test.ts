import { inflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { assess } from '../../src/mnist/assessment.js';
import { drawChart, linearAxis, logAxis } from '../../src/mnist/chart.js';
import { html } from '../../src/mnist/html.js';
import type { MetricsLine } from '../../src/mnist/metrics-log.js';
import { encodeGreyPng } from '../../src/mnist/png.js';
import { renderReport } from '../../src/mnist/report.js';
import { readHtml } from './read-html.js';

const line = (more: Partial<MetricsLine>): MetricsLine => ({
  kind: 'step',
  step: 10,
  epoch: 1,
  loss: 2.1,
  accuracy: 0.3,
  learningRate: 1e-3,
  seconds: 1,
  ...more,
});

const evil = `<script>alert("x")</script>&'`;

const report = renderReport({
  started: new Date('2026-11-23T04:15:00Z'),
  facts: [
    ['engine', 'native (x86-64, AVX2)'],
    [evil, evil],
  ],
  metrics: [
    line({}),
    line({ step: 20, loss: 0.4, accuracy: 0.9 }),
    line({ kind: 'epoch', step: 20, valLoss: 0.3, valAccuracy: 0.91, seconds: 3 }),
    line({ step: 30, loss: null, accuracy: 0.95 }),
  ],
  assessment: assess([0.9, 0.1, 0.2, 0.8, 0.7, 0.3], [0, 1, 1], 2),
  worst: [{ index: 2, truth: 1, predicted: 0, confidence: 0.7, pixels: new Uint8Array(784).fill(255) }],
});

describe('report', () => {
  const { elements, text } = readHtml(report);

  test('is one file that asks for nothing and runs nothing', () => {
    for (const { name, attributes } of elements) {
      expect(['script', 'link', 'iframe', 'object', 'embed', 'base', 'form']).not.toContain(name);
      for (const [key, value] of attributes) {
        expect(key).not.toMatch(/^on/);
        expect(['href', 'srcset', 'xlink:href', 'action']).not.toContain(key);
        if (key === 'src') expect(value).toMatch(/^data:image\/png;base64,[A-Za-z0-9+/]+=*$/);
      }
    }
    expect(report).not.toMatch(/https?:|url\(|@import/);
  });

  test('escapes what is inserted', () => {
    expect(elements.map(({ name }) => name)).not.toContain('script');
    expect(text.filter((part) => part === evil)).toHaveLength(2);
  });

  test('has the accuracy, curves, matrix, mistakes and facts', () => {
    expect(text).toContain('66.67%');
    expect(elements.filter(({ name }) => name === 'polyline')).toHaveLength(4);
    const matrix = elements.filter(
      ({ name, attributes }) => name === 'td' && /^(right|wrong|none)$/.test(attributes.get('class') ?? ''),
    );
    expect(matrix.map(({ attributes }) => attributes.get('class'))).toEqual([
      'right',
      'none',
      'wrong',
      'right',
    ]);
    const images = elements.filter(({ name }) => name === 'img');
    expect(images.map(({ attributes }) => attributes.get('alt'))).toEqual(['a 1, taken for a 0']);
    expect(text).toContain('native (x86-64, AVX2)');
  });

  test('is made for phones, and for light and dark', () => {
    const meta = elements.find(
      ({ name, attributes }) => name === 'meta' && attributes.get('name') === 'viewport',
    );
    expect(meta?.attributes.get('content')).toContain('width=device-width');
    expect(report).toContain('prefers-color-scheme: dark');
    expect(report).toContain('color-scheme: light dark');
  });

  test('no number of a drawing is NaN', () => {
    expect(report).not.toContain('NaN');
    expect(report).not.toContain('undefined');
    expect(report).not.toContain('Infinity');
  });

  test('a run without figures and mistakes has a report', () => {
    const bare = renderReport({
      started: new Date(0),
      facts: [],
      metrics: [],
      assessment: assess([1, 0], [0], 2),
      worst: [],
    });
    expect(readHtml(bare).text).toEqual(expect.arrayContaining(['No figures.', 'There are none.']));
    expect(bare).not.toContain('NaN');
  });
});

describe('html', () => {
  test('escapes text and attributes, and joins what is HTML already', () => {
    const items = ['a<b', '"c"'].map((item) => html`<li title="${item}">${item}</li>`);
    expect(html`<ul>${items}</ul>${1}`.text).toBe(
      '<ul><li title="a&lt;b">a&lt;b</li><li title="&quot;c&quot;">&quot;c&quot;</li></ul>1',
    );
  });
});

describe('charts', () => {
  test('a linear axis has round ticks that enclose the values', () => {
    const { at, ticks } = linearAxis([0.31, 0.97], [100, 0]);
    expect(ticks.map((tick) => tick.toFixed(1))).toEqual(['0.2', '0.4', '0.6', '0.8', '1.0']);
    expect(at(0.2)).toBeCloseTo(100);
    expect(at(1)).toBeCloseTo(0);
  });

  test('an exact axis ends with the last value', () => {
    const { at, ticks } = linearAxis([0, 1407], [0, 1], { exact: true });
    expect(ticks).toEqual([0, 500, 1000]);
    expect(at(1407)).toBe(1);
  });

  test('a logarithmic axis has ticks at 1, 2 and 5', () => {
    const { at, ticks } = logAxis([0.03, 2.2], [100, 0]);
    expect(ticks).toEqual([0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5]);
    expect(at(0.02)).toBe(100);
    expect(at(5)).toBe(0);
  });

  test.each([
    ['one point', [{ x: 1, y: 0.5 }]],
    [
      'equal values',
      [
        { x: 1, y: 1 },
        { x: 2, y: 1 },
      ],
    ],
    [
      'zeros',
      [
        { x: 0, y: 0 },
        { x: 0, y: 0 },
      ],
    ],
    ['no numbers', [{ x: 1, y: Number.NaN }]],
  ])('%s can be drawn', (_, points) => {
    for (const scale of ['linear', 'log'] as const) {
      const series = [{ name: 'a', look: 'test' as const, points, labelled: true }];
      const { text } = drawChart({ title: 'T', xName: 'x', scale, digits: 2, series, marks: [1] });
      expect(text).not.toMatch(/="[^"]*(NaN|Infinity)/);
    }
  });
});

describe('encodeGreyPng', () => {
  test('chunks, sizes and pixels as PNG has them', () => {
    const png = encodeGreyPng(Uint8Array.of(1, 2, 3, 4, 5, 6), 3, 2);
    expect(png.subarray(0, 8).toString('hex')).toBe('89504e470d0a1a0a');
    expect(png.subarray(12, 16).toString()).toBe('IHDR');
    expect([png.readUInt32BE(16), png.readUInt32BE(20), png[24], png[25]]).toEqual([3, 2, 8, 0]);
    const length = png.readUInt32BE(33);
    expect([...inflateSync(png.subarray(41, 41 + length))]).toEqual([0, 1, 2, 3, 0, 4, 5, 6]);
    // The check of an empty IEND is the same in every PNG.
    expect(png.subarray(-12).toString('hex')).toBe('0000000049454e44ae426082');
  });
});
