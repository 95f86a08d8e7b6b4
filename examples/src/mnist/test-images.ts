/** The test images as plain numbers. */
import { DataLoader, type Dataset, type Tensor } from 'hadal';

export type Digits = Dataset<[Tensor, Tensor]>;

/** How `mnist` normalises pixels in [0, 1], for networks that are given other images. */
export const normalisation = { mean: 0.1307, std: 0.3081 } as const;

/** The digit that each image is of. */
export async function readTruths(images: Digits): Promise<number[]> {
  const truths: number[] = [];
  for await (const [, digits] of new DataLoader(images, { batchSize: 1000 })) {
    for (const digit of await digits.data()) truths.push(Number(digit));
  }
  return truths;
}

/** An image as it was before it was normalised: bytes, 255 for ink. */
export async function readPixels(images: Digits, index: number): Promise<Uint8Array> {
  const [image] = images.get(index);
  const { mean, std } = normalisation;
  const values = await image.data();
  return Uint8Array.from(values as ArrayLike<number>, (value) => Math.round((value * std + mean) * 255));
}
