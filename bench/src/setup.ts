/** `npm run bench:setup`: installs the peers that hadal is measured against, outside the workspaces. */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import {
  defaultFolder,
  javascriptSteps,
  listing,
  prepareFolder,
  type Step,
  torchSteps,
} from './peer/installation.js';

const help = `Installs the frameworks that hadal is measured against, each in one exact version.

Usage: npm run bench:setup -- [options]

  --peers FOLDER     where to (default bench/.peers, which git ignores); npm run bench takes the same option
  --torch-index URL  the package index for PyTorch (default: pip's own)
  --no-torch         only the JavaScript peers
  --help             this text

JavaScript peers come from npm: TensorFlow.js, jax-js, onnxruntime-web and onnxruntime-node, about 750 MB. PyTorch is installed where
python3 is there; 'npm run bench -- --peer list' says what can be used.
`;

function runStep(step: Step): boolean {
  console.log(`${step.title}: ${step.command.join(' ')}`);
  const [program, ...args] = step.command;
  const { status, error } = spawnSync(program, args, { cwd: step.directory, stdio: 'inherit' });
  if (status === 0) return true;
  console.error(`${step.title}: ${error?.message ?? `exit code ${status}`}. ${step.ifItFails}`);
  return false;
}

function main(): void {
  const { values } = parseArgs({
    options: {
      peers: { type: 'string' },
      'torch-index': { type: 'string' },
      'no-torch': { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) {
    console.log(help);
    return;
  }
  const folder = resolve(values.peers ?? defaultFolder);
  prepareFolder(folder);
  const steps = [
    javascriptSteps(folder),
    ...(values['no-torch'] === true ? [] : [torchSteps(folder, values['torch-index'])]),
  ];
  // One that fails ends its own list only: the other peers are still of use.
  const isComplete = steps.map((list) => list.every(runStep)).every((done) => done);
  console.log(listing(folder, undefined));
  if (!isComplete) process.exitCode = 1;
}

try {
  main();
} catch (error) {
  // What parseArgs throws has a code.
  const isUsage = error instanceof TypeError && 'code' in error;
  console.error(isUsage && error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
