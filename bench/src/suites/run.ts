/** A suite by name: its cases one after the other. */
import { type Bench, measure } from '../measure.js';
import type { SuiteName } from '../options.js';
import type { Result } from '../result.js';
import type { Workload } from '../workload.js';
import { attentionWorkloads } from './attention.js';
import { convWorkloads } from './conv.js';
import { gemmWorkloads } from './gemm.js';
import { inferenceWorkloads } from './inference.js';
import { measureMemory, measurePeak, memoryModes, peakModels } from './memory.js';
import { linearity, overheadWorkloads } from './overhead.js';
import { pointwiseWorkloads } from './pointwise.js';
import { measureStartup, startupModels } from './startup.js';
import { trainWorkloads } from './train.js';

interface Case {
  readonly name: string;
  readonly run: () => Promise<Result>;
}

function fromWorkloads(workloads: readonly Workload[], bench: Bench): Case[] {
  return workloads.map((w) => ({ name: w.case, run: () => measure(w, bench) }));
}

const suites: { readonly [K in SuiteName]: (bench: Bench) => Case[] } = {
  gemm: (bench) => fromWorkloads(gemmWorkloads(), bench),
  conv: (bench) => fromWorkloads(convWorkloads(), bench),
  attention: (bench) => fromWorkloads(attentionWorkloads(), bench),
  inference: (bench) => fromWorkloads(inferenceWorkloads(), bench),
  pointwise: (bench) => fromWorkloads(pointwiseWorkloads(), bench),
  train: (bench) => fromWorkloads(trainWorkloads(), bench),
  overhead: (bench) => fromWorkloads(overheadWorkloads(), bench),
  startup: (bench) =>
    startupModels.map((model) => ({ name: model, run: () => measureStartup(model, bench) })),
  memory: (bench) => [
    ...memoryModes.map((mode) => ({ name: mode, run: () => measureMemory(mode, bench) })),
    ...peakModels.map((model) => ({ name: `peak of ${model.name}`, run: () => measurePeak(model, bench) })),
  ],
};

/** Measures the cases of a suite whose names contain `only`. */
export async function* runSuite(suite: SuiteName, bench: Bench, only: string): AsyncGenerator<Result> {
  const cases = suites[suite](bench).filter(({ name }) => name.includes(only));
  const results: Result[] = [];
  for (const [i, { name, run }] of cases.entries()) {
    const against = bench.peer === null ? '' : ` against ${bench.peer.name}`;
    process.stderr.write(`[${i + 1}/${cases.length}] ${suite} ${name} on ${bench.engine}${against} ... `);
    const result = await run();
    const ratio = result.ratio === undefined ? '' : `, ${result.ratio.median.toFixed(2)} of its speed`;
    process.stderr.write(`${result.ms.toPrecision(3)} ms${ratio}\n`);
    results.push(result);
    yield result;
  }
  const conclusion = linearity(results);
  if (conclusion !== null) yield conclusion;
}
