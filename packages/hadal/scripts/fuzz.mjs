/**
 * Runs random programs on all engines and compares what they give:
 *
 *     node scripts/fuzz.mjs [programs] [--seed n] [--steps n] [--failures n]
 *
 * Each failure is shrunk and printed as a program. `--dump file` writes every program with what the reference engine gave, one JSON
 * object a line, for `pytorch-fixtures.py compare`.
 */
import { parseArgs } from 'node:util';
import { withModule } from './source-server.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string', default: '1' },
    steps: { type: 'string', default: '16' },
    failures: { type: 'string', default: '10' },
    dump: { type: 'string' },
  },
});
await withModule('/test/support/fuzz.ts', async ({ fuzz }) => {
  const failed = await fuzz({
    programs: Number(positionals[0] ?? 1000),
    seed: Number(values.seed),
    steps: Number(values.steps),
    failures: Number(values.failures),
    dump: values.dump ?? null,
    print: (line) => console.log(line),
  });
  process.exitCode = failed > 0 ? 1 : 0;
});
