/** `hadal devices`: what this machine can run. */
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import { HadalError } from '../base/errors.js';
import { engineNames, openBackend } from '../engine/select.js';
import { bytes, table } from './text.js';
import { readArguments, UsageError, type Verb } from './verb.js';

interface EngineReport {
  readonly name: string;
  readonly runs: boolean;
  /** What runs, or why it does not. */
  readonly description: string;
}

/** Instruction sets that matter to kernels, as Linux calls them. */
const interesting = [
  'sse4_2',
  'avx',
  'avx2',
  'fma',
  'f16c',
  'avx_vnni',
  'avx512f',
  'avx512bw',
  'avx512dq',
  'avx512vl',
  'avx512_vnni',
  'avx512_bf16',
  'avx512_fp16',
  'amx_tile',
  'amx_bf16',
  'amx_int8',
];

export const devices: Verb = {
  name: 'devices',
  summary: 'engines that run here, and why others cannot; cores, memory, instruction sets',
  help: `Shows which engines run on this machine.

Usage: hadal devices [--json]

  --json   as JSON
`,
  async run(args, output) {
    const { values, positionals } = readArguments(args, { json: { type: 'boolean' } });
    if (positionals.length > 0) throw new UsageError(`devices takes no arguments, got '${positionals[0]}'`);
    const engines = engineNames.map(reportOf);
    const machine = {
      platform: `${process.platform} ${process.arch}`,
      node: process.version,
      processor: cpus()[0]?.model.trim() ?? 'unknown',
      cores: availableParallelism(),
      memory: totalmem(),
      freeMemory: freemem(),
      instructionSets: instructionSets(),
    };
    if (values.json) {
      output.line(JSON.stringify({ engines, ...machine }, null, 2));
      return 0;
    }
    const chosen = engines.find(({ runs }) => runs);
    output.line(
      table(
        engines.map((e) => [
          e.name,
          e === chosen ? 'default' : e.runs ? 'runs' : 'cannot run',
          e.description,
        ]),
      ),
    );
    output.line('');
    output.line(
      table([
        ['processor', machine.processor],
        ['cores', `${machine.cores} for this process`],
        ['memory', `${bytes(machine.memory)}, ${bytes(machine.freeMemory)} free`],
        ...(machine.instructionSets.length > 0
          ? [['instruction sets', machine.instructionSets.join(' ')]]
          : []),
        ['platform', `${machine.platform}, Node ${machine.node}`],
      ]),
    );
    return 0;
  },
};

function reportOf(name: (typeof engineNames)[number]): EngineReport {
  try {
    return { name, runs: true, description: openBackend(name).description };
  } catch (error) {
    if (!(error instanceof HadalError)) throw error;
    const reason = error.message.replace(/^the \w+ engine cannot run here: /, '').split('\n')[0];
    return { name, runs: false, description: reason };
  }
}

/** Empty where the system does not tell. */
function instructionSets(): string[] {
  try {
    const flags = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1].split(' ') ?? [];
    return interesting.filter((name) => flags.includes(name));
  } catch {
    return [];
  }
}
