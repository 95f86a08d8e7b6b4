/** A process that computes on the native engine's workers, in isolates too, and ends in a given way. */
import { readdirSync, readFileSync, writeSync } from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { withWorkspace } from '../../src/tensor/workspace.js';
import { openThreadedNative } from '../support/threaded-native.js';
import { bitsOf, cases, some } from './cases.js';

const how = isMainThread ? process.argv.slice(-1)[0] : String(workerData);
const one = openThreadedNative(1).space;
const three = openThreadedNative(3).space;

/** Synchronously, so that it is there when a process ends the hard way. */
function say(line: string): void {
  writeSync(1, `${line}\n`);
}

const chosen = ['a product of odd sizes', 'maps with tails', 'rows and columns that are reduced'];

/** Whether three threads give the bits of one, again and again. */
function compare(rounds: number): string {
  for (const name of chosen) {
    const wanted = JSON.stringify(withWorkspace(one, () => bitsOf(cases[name])));
    for (let i = 0; i < rounds; i++) {
      if (JSON.stringify(withWorkspace(three, () => bitsOf(cases[name]))) !== wanted)
        return `not the same: ${name}`;
    }
  }
  return 'same';
}

function compute(): void {
  withWorkspace(three, () =>
    some(1, 200, 200)
      .matmul(some(2, 200, 200))
      .dataSync(),
  );
}

async function untilMessage(worker: Worker): Promise<unknown> {
  return await new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

function isolate(task: string): Worker {
  return new Worker(new URL(import.meta.url), { workerData: task });
}

/** Isolates that compute from now on until they are stopped. */
async function computing(count: number): Promise<Worker[]> {
  const workers = Array.from({ length: count }, () => isolate('forever'));
  await Promise.all(workers.map(untilMessage));
  return workers;
}

async function main(): Promise<void> {
  compute();
  if (!isMainThread) {
    parentPort?.postMessage(how === 'forever' ? 'started' : compare(15));
    while (how === 'forever') compute();
    return;
  }
  if (how !== 'until SIGINT') say('ready');
  switch (how) {
    case 'by itself':
      return;
    case 'exit':
      process.exit(0);
      return;
    case 'exit while isolates compute':
      await computing(2);
      compute();
      process.exit(0);
      return;
    case 'terminate': {
      for (let i = 0; i < 3; i++) {
        for (const worker of await computing(2)) {
          await worker.terminate();
          const result = compare(1);
          if (result !== 'same') say(result);
        }
      }
      return;
    }
    case 'forever':
      for (;;) compute();
    case 'until SIGINT': {
      let stopped = false;
      process.on('SIGINT', () => {
        stopped = true;
      });
      say('ready');
      while (!stopped) {
        compute();
        await new Promise((resolve) => setImmediate(resolve));
      }
      say('SIGINT');
      say(compare(1));
      return;
    }
    case 'isolates': {
      const others = [isolate('compare'), isolate('compare')].map(untilMessage);
      say(compare(15));
      for (const other of await Promise.all(others)) say(String(other));
      const names = readdirSync('/proc/self/task').map((task) =>
        readFileSync(`/proc/self/task/${task}/comm`, 'utf8').trim(),
      );
      say(`workers ${names.filter((name) => name === 'hadal').length}`);
      return;
    }
    default:
      throw new Error(`there is no way to end called ${how}`);
  }
}

await main();
