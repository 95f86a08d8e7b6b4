/**
 * Reads damaged safetensors, IDX, PNG and JPEG files and says what became of them:
 *
 *     node scripts/fuzz-files.mjs [files of each format] [--seed n]
 *
 * Each must load or be refused with a FormatError. File i of a seed is the same on every machine.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createViteServer } from 'vitest/node';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string', default: '1' } },
});
const root = fileURLToPath(new URL('..', import.meta.url));
const server = await createViteServer({
  configFile: false,
  root,
  server: { middlewareMode: true, watch: null, hmr: false, ws: false },
  appType: 'custom',
  logLevel: 'error',
  optimizeDeps: { noDiscovery: true, include: [] },
});
try {
  const { fuzzFiles } = await server.ssrLoadModule('/test/fuzz-files/fuzz.ts');
  const reports = await fuzzFiles({
    files: Number(positionals[0] ?? 10_000),
    seed: Number(values.seed),
    fixtures: `${root}/test/fixtures`,
  });
  console.table(
    reports.map(({ slowest, failures, ...rest }) => ({
      ...rest,
      'slowest ms': Math.round(slowest),
      failures: failures.length,
    })),
  );
  for (const { format, failures } of reports)
    for (const failure of failures.slice(0, 10)) console.log(`${format}, ${failure}\n`);
  console.log(`at most ${Math.round(process.resourceUsage().maxRSS / 1024)} MB of memory`);
  process.exitCode = reports.some(({ failures }) => failures.length > 0) ? 1 : 0;
} finally {
  await server.close();
}
