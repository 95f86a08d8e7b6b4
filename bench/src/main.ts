/** `npm run bench`: see options.ts for what it takes. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { engine, HadalError, setEngine } from 'hadal';
import { ChildError, MismatchError, UsageError } from './errors.js';
import { openProber } from './limits.js';
import { help, type Options, readOptions } from './options.js';
import { openPeer } from './peer/open.js';
import { pinMainThread } from './pinning.js';
import { formatTable } from './report.js';
import type { Result } from './result.js';
import { runSuite } from './suites/index.js';

async function run(options: Options): Promise<void> {
  const isPinned = pinMainThread(options.threads);
  const peer = await openPeer(options);
  const results: Result[] = [];
  process.stderr.write(
    `${peer?.description ?? 'no peer'}; ${isPinned ? 'pinned to one processor' : 'not pinned'}\n`,
  );
  try {
    for (const name of options.engines) {
      await setEngine(name);
      process.stderr.write(`engine: ${name} (${engine().description})\n`);
      const prober = openProber(name);
      for (const suite of options.suites) {
        const bench = { engine: name, threads: options.threads, rounds: options.rounds, prober, peer };
        for await (const result of runSuite(suite, bench, options.case ?? '')) results.push(result);
      }
    }
  } finally {
    await peer?.close();
    if (results.length > 0) console.log(formatTable(results));
  }
  if (results.length === 0)
    throw new UsageError(`no case of ${options.suites.join(', ')} contains '${options.case}'`);
  if (options.json !== undefined) {
    await mkdir(dirname(options.json), { recursive: true });
    await writeFile(options.json, `${JSON.stringify(results, null, 2)}\n`);
  }
}

try {
  const command = readOptions(process.argv.slice(2));
  if (command.kind === 'help') console.log(help);
  else await run(command.options);
} catch (error) {
  if (error instanceof UsageError) {
    console.error(`${error.message}\nnpm run bench -- --help lists the options.`);
    process.exitCode = 2;
  } else {
    const isExpected =
      error instanceof MismatchError || error instanceof ChildError || error instanceof HadalError;
    console.error(isExpected ? `${error.name}: ${error.message}` : error);
    process.exitCode = 1;
  }
}
