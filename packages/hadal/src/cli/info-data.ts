/** IDX files and images. */
import { showShape } from '../base/shape.js';
import { parseIdx } from '../data/idx.js';
import { readWhole, type System } from '../io/files.js';
import { readJpegHeader } from '../io/jpeg.js';
import { isPng, readPngHeader } from '../io/png.js';
import type { Info } from './info.js';
import { bytes, plural } from './text.js';

const maxIdxBytes = 2 ** 32;
const maxImageBytes = 2 ** 28;

export async function readIdxInfo(system: System, path: string): Promise<Info> {
  const file = await readWhole(system, path, maxIdxBytes);
  const { dtype, shape, data } = parseIdx(file, path);
  return {
    json: { kind: 'idx', bytes: file.length, dtype, shape, elements: data.length },
    text: `IDX, ${bytes(file.length)}, ${dtype} ${showShape(shape)}, ${plural(data.length, 'element')}`,
  };
}

const pngColours: ReadonlyMap<number, string> = new Map([
  [0, 'grey'],
  [2, 'RGB'],
  [3, 'palette'],
  [4, 'grey with alpha'],
  [6, 'RGB with alpha'],
]);

export async function readImageInfo(system: System, path: string): Promise<Info> {
  const file = await readWhole(system, path, maxImageBytes);
  if (isPng(file)) {
    const { width, height, depth, colourType, passes } = readPngHeader(file, path);
    const colours = pngColours.get(colourType) ?? '';
    const interlaced = passes.length > 1;
    return {
      json: { kind: 'png', bytes: file.length, width, height, depth, colours, interlaced },
      text: `PNG, ${bytes(file.length)}, ${width} x ${height}, ${colours}, ${depth} bits a sample${interlaced ? ', interlaced' : ''}`,
    };
  }
  const { width, height, components, progressive, orientation } = readJpegHeader(file, path);
  const colours = components.length === 1 ? 'grey' : components.length === 3 ? 'colour' : 'CMYK';
  return {
    json: { kind: 'jpeg', bytes: file.length, width, height, colours, progressive, orientation },
    text: `JPEG, ${bytes(file.length)}, ${width} x ${height}, ${colours}, ${progressive ? 'progressive' : 'baseline'}${orientation === 1 ? '' : `, EXIF orientation ${orientation}`}`,
  };
}
