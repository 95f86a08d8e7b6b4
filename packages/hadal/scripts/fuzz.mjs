/** Runs random programs on all engines and compares what they give. */
import { commandLine, count } from './command-line.mjs';
import { withModule } from './source-server.mjs';

const { values, positionals } = commandLine({
  help: `
Random programs on all engines, values and gradients compared with the reference engine.

Usage: npm run fuzz -- [programs] [options]

  programs       how many (default 1000)
  --seed N       where they begin; the same seed gives the same programs (default 1)
  --steps N      operations of a program (default 16)
  --failures N   failures to shrink and print before it ends (default 10)
  --dump FILE    write each program with what the reference engine gave, one JSON object a line, for 'pytorch-fixtures.py compare'

Each failure is printed as the smallest program found that still fails. Exit code 1 if there was any.`,
  options: {
    seed: { type: 'string' },
    steps: { type: 'string' },
    failures: { type: 'string' },
    dump: { type: 'string' },
  },
  positionals: 1,
});
const options = {
  programs: count(positionals[0], 1000),
  seed: count(values.seed, 1),
  steps: count(values.steps, 16),
  failures: count(values.failures, 10),
  dump: values.dump ?? null,
};
await withModule('/test/support/fuzz.ts', async ({ fuzz }) => {
  const failed = await fuzz({ ...options, print: (line) => console.log(line) });
  process.exitCode = failed > 0 ? 1 : 0;
});
