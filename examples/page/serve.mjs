/**
 * Serves the page that trains on MNIST:
 *
 *     npm run page -- [--port 8080] [--not-isolated]
 *     npm run page -- --headless [--images 2560]
 *
 * Cross-origin isolated, as pages have to be for threads, unless `--not-isolated` is given. With `--headless`, Chromium trains on one
 * epoch of some images both ways, and the speeds are printed.
 */
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { withModule } from '../../packages/hadal/scripts/source-server.mjs';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '8080' },
    'not-isolated': { type: 'boolean', default: false },
    headless: { type: 'boolean', default: false },
    images: { type: 'string', default: '2560' },
  },
});

await withModule(
  '/test/everywhere/training-page.ts',
  async ({ findChromium, trainingFiles, trainOnPage }) => {
    const files = await trainingFiles();
    if (!values.headless) {
      serve(files);
      return;
    }
    const chromium = findChromium();
    if (chromium === null) {
      console.error('--headless needs Chromium, and there is none in PATH');
      process.exitCode = 1;
      return;
    }
    for (const isolated of [true, false]) {
      const { threads, losses, accuracy, imagesPerSecond } = await trainOnPage(chromium, files, {
        isolated,
        images: Number(values.images),
        test: 1000,
      });
      console.log(
        `${isolated ? 'isolated' : 'not isolated'}, ${threads} thread${threads === 1 ? '' : 's'}: ` +
          `${imagesPerSecond.toFixed(0)} images/s, loss ${losses[0].toFixed(3)} -> ${losses.at(-1).toFixed(3)} ` +
          `in ${losses.length} steps, accuracy ${(100 * accuracy).toFixed(1)} %`,
      );
    }
  },
);

function serve(files) {
  const headers = values['not-isolated']
    ? {}
    : { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };
  const server = createServer((request, response) => {
    const file = files.get(new URL(request.url, 'http://localhost').pathname);
    if (file) response.writeHead(200, { 'Content-Type': file.type, ...headers }).end(file.body);
    else response.writeHead(404, headers).end();
  });
  server.on('error', (error) => {
    console.error(`cannot serve on port ${values.port}: ${error.message}`);
    process.exitCode = 1;
  });
  server.listen(Number(values.port), 'localhost', () => {
    console.log(`http://localhost:${values.port}/ (Ctrl-C ends it)`);
  });
}
