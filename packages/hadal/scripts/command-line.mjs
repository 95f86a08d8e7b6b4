/** What a script is asked to do, or its help: an option that there is not, or a number that is none, ends it with exit code 2. */
import { parseArgs } from 'node:util';

/**
 * @param help what `--help` prints
 * @param options as `parseArgs` of node:util takes them
 * @param positionals how many arguments without a name there may be
 */
export function commandLine({ help, options = {}, positionals = 0 }) {
  const text = help.trim();
  try {
    const line = parseArgs({
      allowPositionals: true,
      options: { ...options, help: { type: 'boolean', short: 'h' } },
    });
    if (line.values.help) {
      console.log(text);
      process.exit(0);
    }
    if (line.positionals.length > positionals)
      throw new TypeError(`there is no use for the argument '${line.positionals[positionals]}'`);
    return line;
  } catch (error) {
    console.error(`${error.message}\n\n${text}`);
    process.exit(2);
  }
}

/** A whole number from 1 on that somebody wrote, or what holds if nobody did. */
export function count(text, fallback) {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  console.error(`expected a whole number from 1 on, got '${text}'; --help says what is understood`);
  process.exit(2);
}
