/** `hadal profile`: runs a program and says where its time and memory went. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { FileError } from '../base/errors.js';
import { profile as profileFunction } from '../engine/profile/index.js';
import { integerOption, readArguments, UsageError, useEngine, type Verb } from './verb.js';

const valued = new Set(['--trace', '--rows', '--engine']);

/** Options of this verb, the program, and what is the program's own: everything behind it. */
function split(args: readonly string[]): {
  readonly own: readonly string[];
  readonly script: string | undefined;
  readonly rest: readonly string[];
} {
  let at = 0;
  while (at < args.length && args[at].startsWith('-')) at += valued.has(args[at]) ? 2 : 1;
  return { own: args.slice(0, at), script: args[at], rest: args.slice(at + 1) };
}

export const profile: Verb = {
  name: 'profile',
  summary: 'runs a program and says where its time and memory went',
  help: `Runs a JavaScript program under the profiler, then prints kernels, activities and memory.

Usage: hadal profile [options] SCRIPT [arguments of the script]

The profile ends when the script's module has been loaded, so a script awaits its work: await main().
The script must import this installation of hadal, as one in the same project does.

  --trace FILE    the timeline too, for ui.perfetto.dev or chrome://tracing
  --rows N        kernels to show (default 20)
  --lines         which lines of the program each kernel computes; slower
  --engine NAME   native, wasm, reference (default the fastest that runs here)
  --json          the report as JSON
`,
  async run(args, output) {
    const { own, script, rest } = split(args);
    const { values } = readArguments(own, {
      trace: { type: 'string' },
      rows: { type: 'string' },
      lines: { type: 'boolean' },
      engine: { type: 'string' },
      json: { type: 'boolean' },
    });
    if (script === undefined) throw new UsageError('profile needs the path of a script');
    const rows = integerOption('rows', values.rows, 1, 20);
    const path = resolve(script);
    if (!existsSync(path)) throw new FileError(`${script} does not exist; check the path`, script, 'ENOENT');
    await useEngine(values.engine);
    const before = process.argv;
    process.argv = [before[0], path, ...rest];
    try {
      const report = await profileFunction(() => import(pathToFileURL(path).href), {
        lines: values.lines ?? false,
      });
      if (values.trace !== undefined) {
        await report.saveTrace(values.trace);
        output.error(`the timeline is in ${values.trace}`);
      }
      output.line(values.json ? JSON.stringify(report, null, 2) : report.table({ rows }));
    } finally {
      process.argv = before;
    }
    return 0;
  },
};
