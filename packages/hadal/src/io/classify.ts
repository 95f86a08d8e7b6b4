/** Images into a network, and names with probabilities out of it. */
import { ArgumentError, FormatError } from '../base/errors.js';
import { fromTypedArray, noGrad, type Tensor } from '../tensor/index.js';
import type { Image } from './image.js';
import { convertImage, resizeImage } from './image-ops.js';
import type { ImageInput, LoadedModel } from './model.js';

/**
 * Images of any size as one batch, float32 [images, channels, height, width]: channels converted, put on a square-sided ground of the
 * colour of their border where the ratio of the sides differs, resized, inverted if asked, and normalised.
 */
export function imagesToInput(images: readonly Image[], input: ImageInput): Tensor {
  const { width, height, channels, mean, std } = input;
  const size = channels * height * width;
  const out = new Float32Array(images.length * size);
  images.forEach((image, n) => {
    const converted = convertImage(image, channels);
    const ground = borderColour(converted);
    const { data } = resizeImage(padded(converted, width / height, ground), width, height);
    const light = ground.reduce((sum, x) => sum + x, 0) / ground.length > 127.5;
    const invert = input.invert === 'auto' ? light : (input.invert ?? false);
    for (let p = 0; p < height * width; p++) {
      for (let c = 0; c < channels; c++) {
        const value = data[p * channels + c] / 255;
        const seen = invert ? 1 - value : value;
        out[n * size + c * height * width + p] = (seen - (mean?.[c] ?? 0)) / (std?.[c] ?? 1);
      }
    }
  });
  return fromTypedArray(out, [images.length, channels, height, width]);
}

/** The mean of the outermost pixels, by channel. */
function borderColour({ width, height, channels, data }: Image): number[] {
  const sums = new Array<number>(channels).fill(0);
  let count = 0;
  for (let y = 0; y < height; y++) {
    const inner = y > 0 && y < height - 1;
    for (let x = 0; x < width; x += inner && width > 1 ? width - 1 : 1) {
      count++;
      for (let c = 0; c < channels; c++) sums[c] += data[(y * width + x) * channels + c];
    }
  }
  return sums.map((sum) => sum / count);
}

/** Sides much longer than the other are cut short here: the ground would need more memory than any image. */
const maxRatio = 64;

/** An image in the middle of a ground with a given ratio of width to height. */
function padded(image: Image, ratio: number, ground: readonly number[]): Image {
  const { channels, data } = image;
  const width = Math.max(image.width, Math.round(image.height * ratio));
  const height = Math.max(image.height, Math.round(image.width / ratio));
  if (width === image.width && height === image.height) return image;
  if (width > maxRatio * image.width || height > maxRatio * image.height) return image;
  const out = new Uint8Array(width * height * channels);
  for (let i = 0; i < out.length; i++) out[i] = Math.round(ground[i % channels]);
  const [x, y] = [(width - image.width) >> 1, (height - image.height) >> 1];
  const rowBytes = image.width * channels;
  for (let row = 0; row < image.height; row++)
    out.set(data.subarray(row * rowBytes, (row + 1) * rowBytes), ((y + row) * width + x) * channels);
  return { width, height, channels, data: out };
}

export interface Prediction {
  readonly class: string;
  readonly index: number;
  /** The softmax of the network's scores. */
  readonly probability: number;
}

/**
 * What a model says of images: for each all classes, the likeliest first.
 *
 * @throws ArgumentError if the model does not take images; FormatError if its outputs are not one score for each class.
 */
export async function classifyImages(model: LoadedModel, images: readonly Image[]): Promise<Prediction[][]> {
  const { input, classes, module } = model;
  if (input === undefined)
    throw new ArgumentError(
      'classifyImages: the model does not say how images become its input (saveModel: input)',
    );
  const scores = noGrad(() => module.forward(imagesToInput(images, input)));
  const count = scores.shape[1];
  if (scores.shape.length !== 2 || (classes !== undefined && classes.length !== count)) {
    throw new FormatError(
      `${model.weights}: expected a score for each of ${classes?.length ?? 'the'} classes, found outputs of shape [${scores.shape.join(', ')}]`,
    );
  }
  const probabilities = await noGrad(() => scores.softmax(1)).data();
  return images.map((_, n) =>
    Array.from({ length: count }, (_, index) => ({
      class: classes?.[index] ?? String(index),
      index,
      probability: Number(probabilities[n * count + index]),
    })).sort((a, b) => b.probability - a.probability || a.index - b.index),
  );
}
