// Kills a training 20 times (or as often as the first argument says) at random moments, starts it again each time, and checks
// that it ends with the bytes of a run that was left alone. Needs no build: node scripts/kill-runs.mjs [kills]
import { fileURLToPath } from 'node:url';
import { createServer } from 'vite';

const server = await createServer({
  configFile: false,
  root: fileURLToPath(new URL('..', import.meta.url)),
  server: { middlewareMode: true, watch: null, hmr: false, ws: false },
  appType: 'custom',
  logLevel: 'error',
  optimizeDeps: { noDiscovery: true, include: [] },
});
try {
  const { killRuns } = await server.ssrLoadModule('/test/train/kill-runs.ts');
  const { kills, runs, differences } = await killRuns({
    kills: Number(process.argv[2] ?? 20),
    random: Math.random,
    print: (line) => console.log(line),
  });
  for (const difference of differences) console.error(difference);
  console.log(`${kills} kills in ${runs} runs, ${differences.length} differences`);
  process.exitCode = differences.length > 0 ? 1 : 0;
} finally {
  await server.close();
}
