/** Reads damaged safetensors, IDX, PNG and JPEG files and says what became of them. */
import { commandLine, count } from './command-line.mjs';
import { root, withModule } from './source-server.mjs';

const { values, positionals } = commandLine({
  help: `
Damaged safetensors, IDX, PNG and JPEG files: each must load or be refused with a FormatError.

Usage: npm run fuzz:files -- [files] [--seed N]

  files      how many of each format (default 10000)
  --seed N   where they begin; file i of a seed is the same on every machine (default 1)

Prints what became of them, the slowest read and the memory taken. Exit code 1 if any did something else.`,
  options: { seed: { type: 'string' } },
  positionals: 1,
});
const files = count(positionals[0], 10_000);
const seed = count(values.seed, 1);
await withModule('/test/fuzz-files/fuzz.ts', async ({ fuzzFiles }) => {
  const reports = await fuzzFiles({
    files,
    seed,
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
