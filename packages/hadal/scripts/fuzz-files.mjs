/**
 * Reads damaged safetensors, IDX, PNG and JPEG files and says what became of them:
 *
 *     node scripts/fuzz-files.mjs [files of each format] [--seed n]
 *
 * Each must load or be refused with a FormatError. File i of a seed is the same on every machine.
 */
import { parseArgs } from 'node:util';
import { root, withModule } from './source-server.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string', default: '1' } },
});
await withModule('/test/fuzz-files/fuzz.ts', async ({ fuzzFiles }) => {
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
});
