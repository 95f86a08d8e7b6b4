import { describe, expect, test } from 'vitest';
import { ArgumentError, FormatError } from '../../src/base/errors.js';
import { classifyImages, imagesToInput } from '../../src/io/classify.js';
import type { Image } from '../../src/io/image.js';
import type { LoadedModel } from '../../src/io/model.js';
import { Module } from '../../src/nn/index.js';
import { type Tensor, tensor } from '../../src/tensor/index.js';

const grey = (width: number, height: number, ...data: number[]): Image => ({
  width,
  height,
  channels: 1,
  data: Uint8Array.from(data),
});

const rounded = (t: Tensor): number[] => [...t.dataSync()].map((x) => Math.round(Number(x) * 1000) / 1000);

describe('imagesToInput', () => {
  test('stacks images as [images, channels, height, width] and normalises them by channel', () => {
    const image: Image = { width: 2, height: 1, channels: 3, data: Uint8Array.of(255, 0, 51, 0, 255, 51) };
    const t = imagesToInput([image, image], {
      width: 2,
      height: 1,
      channels: 3,
      mean: [0, 0.5, 0],
      std: [1, 0.5, 0.1],
    });
    expect(t.shape).toEqual([2, 3, 1, 2]);
    expect(rounded(t).slice(0, 6)).toEqual([1, 0, -1, 1, 2, 2]);
    expect(rounded(t).slice(6)).toEqual(rounded(t).slice(0, 6));
  });

  test('keeps the ratio of the sides: the rest is of the colour of the border', () => {
    const wide = grey(4, 2, 10, 10, 10, 10, 10, 10, 10, 10);
    expect(rounded(imagesToInput([wide], { width: 2, height: 2, channels: 1 }))).toEqual([
      0.039, 0.039, 0.039, 0.039,
    ]);
    const marked = grey(1, 2, 0, 255);
    const t = imagesToInput([marked], { width: 4, height: 4, channels: 1 });
    // The column of the image, between grounds of the mean of its border.
    expect(rounded(t).slice(0, 4)).not.toEqual(rounded(t).slice(12));
  });

  test.each<[boolean | 'auto' | undefined, number, number]>([
    [undefined, 255, 1],
    [false, 255, 1],
    [true, 255, 0],
    ['auto', 255, 0],
    ['auto', 0, 0],
    ['auto', 100, 0.392],
    ['auto', 200, 0.216],
  ])('invert %s of %i', (invert, value, expected) => {
    const input = { width: 1, height: 1, channels: 1, ...(invert === undefined ? {} : { invert }) } as const;
    expect(rounded(imagesToInput([grey(1, 1, value)], input))).toEqual([expected]);
  });

  test('auto looks at the border and not at what is inside', () => {
    const light = grey(3, 3, 255, 255, 255, 255, 0, 255, 255, 255, 255);
    const t = imagesToInput([light], { width: 3, height: 3, channels: 1, invert: 'auto' });
    expect(rounded(t)).toEqual([0, 0, 0, 0, 1, 0, 0, 0, 0]);
  });

  test('a strip a thousand times as long as wide needs no memory for its ground', () => {
    const strip = grey(5000, 1, ...new Array(5000).fill(7));
    expect(imagesToInput([strip], { width: 28, height: 28, channels: 1 }).shape).toEqual([1, 1, 28, 28]);
  });
});

/** Scores of the classes: the image's value, its negative, and 0. */
class Scores extends Module {
  override forward(x: Tensor): Tensor {
    return x.flatten(1).matmul(tensor([[10, -10, 0]]));
  }
}

describe('classifyImages', () => {
  const input = { width: 1, height: 1, channels: 1 } as const;
  const model: LoadedModel = { module: new Scores(), weights: 'scores', step: null, input };

  test('gives every class with its softmax, the likeliest first', async () => {
    const classes = ['up', 'down', 'none'];
    const [light, dark] = await classifyImages({ ...model, classes }, [grey(1, 1, 255), grey(1, 1, 0)]);
    expect(light.map(({ class: name, index }) => [name, index])).toEqual([
      ['up', 0],
      ['none', 2],
      ['down', 1],
    ]);
    expect(light[0].probability).toBeCloseTo(1 / (1 + Math.exp(-10) + Math.exp(-20)), 6);
    expect(dark.map(({ probability }) => probability)).toEqual([1 / 3, 1 / 3, 1 / 3].map(Math.fround));
    // Equal ones stand in the order of the classes, which are numbers where they have no names.
    expect((await classifyImages(model, [grey(1, 1, 0)]))[0].map((p) => p.class)).toEqual(['0', '1', '2']);
  });

  test('refuses models that do not fit', async () => {
    const { input: _, ...blind } = model;
    await expect(classifyImages(blind, [grey(1, 1, 0)])).rejects.toThrow(ArgumentError);
    const two = { ...model, classes: ['a', 'b'] };
    await expect(classifyImages(two, [grey(1, 1, 0)])).rejects.toThrow(FormatError);
    await expect(classifyImages(two, [grey(1, 1, 0)])).rejects.toThrow('a score for each of 2 classes');
  });
});
