/** Kills a training at random moments, starts it again each time, and checks that it ends as if it had been left alone. */
import { commandLine, count } from './command-line.mjs';
import { withModule } from './source-server.mjs';

const { positionals } = commandLine({
  help: `
Kills a training at random moments and starts it again each time; it must end with the bytes of a run that was left alone.

Usage: npm run kill-runs -- [kills]

  kills   how often it is killed (default 20)

Needs no build. Exit code 1 if anything differs.`,
  positionals: 1,
});
const kills = count(positionals[0], 20);
await withModule('/test/train/kill-runs.ts', async ({ killRuns }) => {
  const { runs, differences, ...done } = await killRuns({
    kills,
    random: Math.random,
    print: (line) => console.log(line),
  });
  for (const difference of differences) console.error(difference);
  console.log(`${done.kills} kills in ${runs} runs, ${differences.length} differences`);
  process.exitCode = differences.length > 0 ? 1 : 0;
});
