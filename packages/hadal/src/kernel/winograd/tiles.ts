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

/** A gradient whose features are fewer panels of so many than there should be pieces is that of several groups of tiles. */
const PANEL = 32;
const PIECES = 8;
/** Tiles of a group at the least: each begins and ends its sums. */
const GROUP_TILES = 128;

/**
 * How many groups of tiles a kernel's gradient is the sum of. Sums go over the tiles of a group in order, so this may depend on sizes alone
 * and not on who computes them.
 */
export function gradientGroups({
  samples,
  features,
  rows,
  columns,
}: Pick<WinogradShape, 'samples' | 'features' | 'rows' | 'columns'>): number {
  const tiles = samples * Math.ceil(rows / RESULTS) * Math.ceil(columns / RESULTS);
  const wanted = Math.floor(PIECES / Math.ceil(features / PANEL));
  return Math.max(1, Math.min(wanted, Math.floor(tiles / GROUP_TILES), samples * Math.ceil(rows / RESULTS)));
}

/** Tiles of a block for the gradient of the kernels, whose sums go over tiles: blocks of a group are about the same size. */
export function winogradGradTiles(kernel: WinogradShape & { readonly groups: number }): WinogradTiles {
  const down = Math.ceil(kernel.rows / RESULTS);
  const across = Math.ceil(kernel.columns / RESULTS);
  const floats = READ * READ * (kernel.channels + kernel.features);
  const most = Math.max(1, Math.floor(Math.min(GRADIENT_TILES, GRADIENT_FLOATS / floats) / across));
  const rows = Math.ceil((kernel.samples * down) / kernel.groups);
  return { down, across, blockRows: Math.ceil(rows / Math.ceil(rows / most)) };
}

/**
 * Whether a convolution is cut along its features: every share transforms the images that it reads, and along features it transforms its own
 * kernels only. Where images are of fewer tiles than there are features, kernels are what takes the time.
 */
export function cutsFeatures(kernel: WinogradShape): boolean {
  const { down, across } = winogradTiles(kernel);
  return kernel.samples * down * across < kernel.features;
}

/** What the code of either kind is given besides the sizes of its variables. */
function otherSizes({ height, width, rows, columns, low }: WinogradShape, tiles: WinogradTiles): number[] {
  return [height, width, rows, columns, tiles.down, tiles.across, ...low, tiles.blockRows];
}

/** The sizes of a kernel's variables, then what else its code is given. */
export function winogradSizes(kernel: WinogradShape): number[] {
  const { samples, features, channels, rows, columns } = kernel;
  const cut = cutsFeatures(kernel) ? 1 : 0;
  return [samples, features, rows * columns, channels, ...otherSizes(kernel, winogradTiles(kernel)), cut];
}

export function winogradGradSizes(kernel: WinogradShape & { readonly groups: number }): number[] {
  const { groups, features, channels, samples } = kernel;
  return [
    groups,
    features,
    channels * 9,
    channels,
    ...otherSizes(kernel, winogradGradTiles(kernel)),
    samples,
  ];
}
