/** Makes very many calls with random sizes and checks results and memory. */
import { commandLine, count } from './command-line.mjs';
import { withModule } from './source-server.mjs';

const { values, positionals } = commandLine({
  help: `
Calls with random sizes: products, convolutions, reductions, attention and more, of sizes from nothing to some hundred. Each result is
checked at a few places against its definition in float64, and memory may not grow without end.

Usage: npm run random-sizes -- [calls] [options]

  calls          how many (default 1000000, which takes an hour or more)
  --seed N       where they begin; the same seed gives the same calls (default 1)
  --engine E     native or wasm (default native)
  --threads N    threads (default 2)
  --failures N   wrong results to print before it ends (default 10)

Exit code 1 if a result was wrong or memory grew by half.`,
  options: {
    seed: { type: 'string' },
    engine: { type: 'string' },
    threads: { type: 'string' },
    failures: { type: 'string' },
  },
  positionals: 1,
});
const engine = values.engine ?? 'native';
if (engine !== 'native' && engine !== 'wasm') {
  console.error(`expected the engine native or wasm, got '${engine}'`);
  process.exit(2);
}
const options = {
  calls: count(positionals[0], 1_000_000),
  seed: count(values.seed, 1),
  engine,
  threads: count(values.threads, 2),
  failures: count(values.failures, 10),
};
await withModule('/test/support/random-sizes.ts', async ({ randomSizes }) => {
  const failed = await randomSizes({ ...options, print: (line) => console.log(line) });
  process.exitCode = failed > 0 ? 1 : 0;
});
