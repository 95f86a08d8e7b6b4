/** The program behind `npm start`. */
import { HadalError, interruptSignal } from 'hadal';
import { readOptions } from './mnist/options.js';
import { UsageError } from './mnist/run-folder.js';
import { train } from './mnist/train.js';

// A reader that has seen enough (`npm start | head`) is no reason to end the training.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

const command = readOptions(process.argv.slice(2));
if (command.kind === 'exit') {
  (command.code === 0 ? process.stdout : process.stderr).write(command.text);
  process.exitCode = command.code;
} else {
  try {
    process.exitCode = await train(command.options, { output: process.stdout, signal: interruptSignal() });
  } catch (error) {
    if (error instanceof UsageError) console.error(error.message);
    else {
      const expected = error instanceof HadalError || (error instanceof Error && 'syscall' in error);
      console.error(expected ? `${error.name}: ${error.message}` : error);
    }
    process.exitCode = 1;
  }
}
