/** How Winograd's convolution cuts an image into tiles, and those into blocks. */

/** Results of a tile of F(4x4, 3x3), and elements that they read, along one dimension. */
export const RESULTS = 4;
export const READ = 6;
/** Channels that lie together for each tile; those of a convolution are a multiple, and so are its features. */
export const CHANNELS_TOGETHER = 16;
/** Tiles of a block, about, and floats of its transformed images at most: 4 MiB. */
const TILES = 72;
const BLOCK_FLOATS = 1 << 20;

/** A convolution, or the gradient of its kernels. */
export interface WinogradShape {
  readonly samples: number;
  readonly features: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** Of the result, or of its gradient. */
  readonly rows: number;
  readonly columns: number;
  /** Rows and columns of zeros ahead of the image. */
  readonly low: readonly [rows: number, columns: number];
}

export interface WinogradTiles {
  readonly down: number;
  readonly across: number;
  /** Rows of tiles in a block. */
  readonly blockRows: number;
}

export function winogradTiles(kernel: WinogradShape): WinogradTiles {
  const down = Math.ceil(kernel.rows / RESULTS);
  const across = Math.ceil(kernel.columns / RESULTS);
  const most = Math.min(TILES, BLOCK_FLOATS / (READ * READ * kernel.channels));
  return { down, across, blockRows: Math.max(1, Math.floor(most / across)) };
}

/** Floats of the transformed tiles of a block, for gradients of kernels at most: 16 MiB. */
const GRADIENT_FLOATS = 1 << 22;
const GRADIENT_TILES = 512;

/** The same for the gradient of the kernels, whose sums go over tiles. */
export function winogradGradTiles(kernel: WinogradShape): WinogradTiles {
  const down = Math.ceil(kernel.rows / RESULTS);
  const across = Math.ceil(kernel.columns / RESULTS);
  const most = Math.min(
    GRADIENT_TILES,
    GRADIENT_FLOATS / (READ * READ * (kernel.channels + kernel.features)),
  );
  return { down, across, blockRows: Math.max(1, Math.floor(most / across)) };
}

/**
 * Whether a convolution is cut along its features: every share transforms the images that it reads, and along features it transforms its own
 * kernels only. Where images are of fewer tiles than there are features, kernels are what takes the time.
 */
export function cutsFeatures(kernel: WinogradShape): boolean {
  const { down, across } = winogradTiles(kernel);
  return kernel.samples * down * across < kernel.features;
}

/** The sizes of a kernel's variables, then what else its code is given. */
export function winogradSizes(kernel: WinogradShape, kind: 'winograd' | 'winogradGrad'): number[] {
  const { samples, features, channels, height, width, rows, columns, low } = kernel;
  const isGrad = kind === 'winogradGrad';
  const { down, across, blockRows } = isGrad ? winogradGradTiles(kernel) : winogradTiles(kernel);
  const own = isGrad
    ? [features, channels * 9, channels, samples]
    : [samples, features, rows * columns, channels];
  const cut = !isGrad && cutsFeatures(kernel) ? 1 : 0;
  return [...own, height, width, rows, columns, down, across, ...low, blockRows, cut];
}
