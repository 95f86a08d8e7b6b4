/** The command `hadal`. Adding a verb is one file and one entry of the table below. */
import { HadalError } from '../base/errors.js';
import { version } from '../base/version.js';
import { devices } from './devices.js';
import { explain } from './explain.js';
import { info } from './info.js';
import { predict } from './predict.js';
import { profile } from './profile.js';
import { closest, table } from './text.js';
import { type Output, UsageError, type Verb } from './verb.js';

const verbs: readonly Verb[] = [devices, info, explain, profile, predict];

const help = `A deep learning framework in TypeScript.

Usage: hadal VERB [options]

${table(
  verbs.map(({ name, summary }) => [name, summary]),
  '  ',
)}

  --help      this text; hadal VERB --help tells of a verb
  --version   the version
`;

/** Runs the command line and gives the exit code: 0, 1 if something failed, 2 if it was not understood. */
export async function main(args: readonly string[], output: Output = terminal()): Promise<number> {
  try {
    return await dispatch(args, output);
  } catch (error) {
    if (!(error instanceof HadalError)) throw error;
    const usage = error instanceof UsageError;
    output.error(`hadal: ${error.message.replace(/\s*\n\s*/g, ' ')}${usage ? '; see hadal --help' : ''}`);
    return usage ? 2 : 1;
  }
}

async function dispatch(args: readonly string[], output: Output): Promise<number> {
  const [first, ...rest] = args;
  if (first === '--version' || first === '-v') {
    output.line(version);
    return 0;
  }
  if (first === undefined || first === '--help' || first === '-h' || first === 'help') {
    const about = verbs.find(({ name }) => name === rest[0]);
    output.line((about?.help ?? help).trimEnd());
    return first === undefined ? 2 : 0;
  }
  const verb = verbs.find(({ name }) => name === first);
  if (verb === undefined) {
    const meant = closest(
      first,
      verbs.map(({ name }) => name),
    );
    const what = first.startsWith('-') ? 'option' : 'verb';
    throw new UsageError(
      `there is no ${what} '${first}'${meant === undefined ? '' : `; did you mean '${meant}'?`}`,
    );
  }
  // Behind `--` nothing is an option.
  const options = rest.includes('--') ? rest.slice(0, rest.indexOf('--')) : rest;
  if (options.includes('--help') || options.includes('-h')) {
    output.line(verb.help.trimEnd());
    return 0;
  }
  return verb.run(rest, output);
}

function terminal(): Output {
  // A reader that has seen enough (`hadal info x | head`) is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  return {
    line: (text) => void process.stdout.write(`${text}\n`),
    error: (text) => void process.stderr.write(`${text}\n`),
    columns: process.stdout.columns ?? 80,
  };
}
