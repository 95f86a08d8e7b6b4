/**
 * The side of a JavaScript peer that talks: lines of JSON in on stdin, lines of JSON out on stdout, outputs through a file.
 *
 *     node PEER.mjs PEERS_FOLDER THREADS OUTPUT_FILE
 *
 * A peer hands over its cases by kind: `{ forms(spec), make(form, spec, repetitions) }`. What `make` gives has `prepare(round)`,
 * which makes the inputs, `run()`, which is timed, `outputs()`, which reads all results as Float32Arrays, and `release()`. A kind
 * or a form that is not to be had throws `Unsupported` with the reason.
 */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';

const [folder, threadCount, outputFile] = process.argv.slice(2);

export const threads = Number(threadCount);

/** Loads packages that `npm run bench:setup` installed. */
export const load = createRequire(join(folder, 'package.json'));

/** The version of an installed package; not every package lets its package.json be required. */
export function versionOf(name) {
  return JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8')).version;
}

/** A peer cannot do this kind of work at all; the message says why. */
export class Unsupported extends Error {}

/** Rounds that decide between several forms; the first compiles. */
const TRIALS = 4;

async function timed(made, repetitions, round) {
  await made.prepare(round);
  const cpu = process.cpuUsage();
  const start = performance.now();
  await made.run();
  const wall = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  return { ms: wall / repetitions, cpu: (user + system) / 1000 / wall };
}

/** The fastest form, fresh: what trials changed is made anew. A single form is not tried out. */
async function fastest(kind, spec, repetitions) {
  const forms = kind.forms(spec, repetitions);
  if (forms.length === 1) return { form: forms[0], made: await kind.make(forms[0], spec, repetitions) };
  let best = { ms: Number.POSITIVE_INFINITY, form: forms[0] };
  for (const form of forms) {
    const made = await kind.make(form, spec, repetitions);
    for (let round = 0; round < TRIALS; round++) {
      const { ms } = await timed(made, repetitions, round);
      if (ms < best.ms) best = { ms, form };
    }
    made.release?.();
  }
  return { form: best.form, made: await kind.make(best.form, spec, repetitions) };
}

export async function serve(description, cases) {
  // What libraries print must not get into the replies.
  const reply = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
  console.log = console.error;
  console.info = console.error;
  reply({ description });
  let open = null;
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    try {
      if (request.ask === 'open') {
        open?.made.release?.();
        open = null;
        const kind = cases[request.case.kind];
        if (kind === undefined) throw new Unsupported(`no ${request.case.kind}`);
        const { form, made } = await fastest(kind, request.case, request.repetitions);
        open = { made, repetitions: request.repetitions };
        reply({ form });
      } else {
        const times = await timed(open.made, open.repetitions, request.round);
        const parts = await open.made.outputs();
        await writeFile(
          outputFile,
          Buffer.concat(parts.map((p) => new Uint8Array(p.buffer, p.byteOffset, p.byteLength))),
        );
        reply(times);
      }
    } catch (error) {
      if (!(error instanceof Unsupported)) console.error(error);
      reply(error instanceof Unsupported ? { unsupported: error.message } : { failed: String(error) });
    }
  }
  process.exit(0);
}
