// Kills a training 20 times (or as often as the first argument says) at random moments, starts it again each time, and checks
// that it ends with the bytes of a run that was left alone. Needs no build: node scripts/kill-runs.mjs [kills]
import { withModule } from './source-server.mjs';

await withModule('/test/train/kill-runs.ts', async ({ killRuns }) => {
  const { kills, runs, differences } = await killRuns({
    kills: Number(process.argv[2] ?? 20),
    random: Math.random,
    print: (line) => console.log(line),
  });
  for (const difference of differences) console.error(difference);
  console.log(`${kills} kills in ${runs} runs, ${differences.length} differences`);
  process.exitCode = differences.length > 0 ? 1 : 0;
});
