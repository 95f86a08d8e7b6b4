/** The orientation in a photograph's EXIF data (CIPA DC-008, 4.6.5.1.6), and turning it upright. */
import type { Image } from './image.js';

const intro = [0x45, 0x78, 0x69, 0x66, 0, 0];
const orientationTag = 0x0112;

/** The orientation that an APP1 segment tells, 1 to 8, if it does. What is odd about it is ignored: it is not the image. */
export function orientationOf(segment: Uint8Array): number | undefined {
  if (!intro.every((byte, i) => segment[i] === byte)) return undefined;
  const tiff = segment.subarray(intro.length);
  if (tiff.length < 8) return undefined;
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.length);
  const little = tiff[0] === 0x49;
  const directory = view.getUint32(4, little);
  if (directory + 2 > tiff.length) return undefined;
  const count = view.getUint16(directory, little);
  for (let i = 0; i < count; i++) {
    const entry = directory + 2 + 12 * i;
    if (entry + 12 > tiff.length) return undefined;
    if (view.getUint16(entry, little) !== orientationTag) continue;
    const value = view.getUint16(entry + 8, little);
    return value >= 1 && value <= 8 ? value : undefined;
  }
  return undefined;
}

/** Turns an image from the orientation it was stored in. */
export function upright(image: Image, orientation: number): Image {
  if (orientation === 1) return image;
  const { width, height, channels, data } = image;
  const turned = orientation >= 5;
  const [w, h] = turned ? [height, width] : [width, height];
  // Where row 0 and column 0 lie, by orientation: 2 mirrored, 3 upside down, 4 both; 5 to 8 with rows and columns exchanged.
  const fromRight = [2, 3, 7, 8].includes(orientation);
  const fromBottom = [3, 4, 6, 7].includes(orientation);
  const out = new Uint8Array(data.length);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const [u, v] = turned ? [y, x] : [x, y];
      const from = ((fromBottom ? height - 1 - v : v) * width + (fromRight ? width - 1 - u : u)) * channels;
      const to = (y * w + x) * channels;
      for (let c = 0; c < channels; c++) out[to + c] = data[from + c];
    }
  }
  return { width: w, height: h, channels, data: out };
}
