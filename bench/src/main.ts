/** `npm run bench`: see options.ts for what it takes. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { engine, HadalError, setEngine } from 'hadal';
import { ChildError, MismatchError, UsageError } from './errors.js';
import { help, type Options, readOptions } from './options.js';
import { listing } from './peer/installation.js';
import { onceOf } from './peer/once.js';
import { openPeer } from './peer/open.js';
import type { PeerName } from './peer/peer.js';
import { pinMainThread } from './pinning.js';
import { openProber } from './probers.js';
import { formatTable } from './report.js';
import type { Result } from './result.js';
import { runSuite } from './suites/index.js';
import { setThreads } from './threads.js';

/** All engines and suites against one peer. */
async function runAgainst(peerName: PeerName | null, options: Options, results: Result[]): Promise<void> {
  const peer = peerName === null ? null : await openPeer(peerName, options, options.threads);
  if (peer !== null) process.stderr.write(`peer: ${peer.description}\n`);
  try {
    for (const name of options.engines) {
      await setEngine(name);
      process.stderr.write(`engine: ${name} (${engine().description})\n`);
      const { threads, rounds } = options;
      const once = peerName === null ? null : onceOf(peerName, options, threads);
      const bench = { engine: name, threads, rounds, prober: openProber(name), peer, once };
      for (const suite of options.suites) {
        for await (const result of runSuite(suite, bench, options.case ?? '')) results.push(result);
      }
    }
  } finally {
    await peer?.close();
  }
}

async function run(options: Options): Promise<void> {
  const isPinned = pinMainThread(options.threads);
  setThreads(options.threads);
  process.stderr.write(
    `${options.threads} thread(s), ${isPinned ? 'pinned to as many processors' : 'not pinned'}\n`,
  );
  const results: Result[] = [];
  try {
    for (const peer of options.peers.length > 0 ? options.peers : [null])
      await runAgainst(peer, options, results);
  } finally {
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
  else if (command.kind === 'peers') console.log(listing(command.peersFolder, command.python));
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
