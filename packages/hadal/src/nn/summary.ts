/** The table of a module's layers, sizes and parameters. */

import { noGrad } from '../autograd/mode.js';
import { showBytes } from '../base/bytes.js';
import { dtypeInfo } from '../base/dtype.js';
import { ArgumentError } from '../base/errors.js';
import type { Shape } from '../base/shape.js';
import { numel, showShape } from '../base/shape.js';
import { getRngState, setRngState } from '../random/index.js';
import { Tensor, zeros } from '../tensor/index.js';
import type { AnyModule, Module } from './module.js';

interface Row {
  readonly name: string;
  readonly output: string;
  readonly parameters: number;
}

/** The tensors in a result: the result itself, or those in its fields or elements. */
function tensorsOf(output: unknown, depth = 0): Tensor[] {
  if (output instanceof Tensor) return [output];
  if (typeof output !== 'object' || output === null || depth > 2) return [];
  return Object.values(output).flatMap((v) => tensorsOf(v, depth + 1));
}

function bytesOf(tensors: Iterable<Tensor>): number {
  let bytes = 0;
  for (const t of tensors) bytes += numel(t.shape) * dtypeInfo[t.dtype].bytes;
  return bytes;
}

function count(tensors: Iterable<Tensor>): number {
  let n = 0;
  for (const t of tensors) n += numel(t.shape);
  return n;
}

function thousands(n: number): string {
  return n.toLocaleString('en-US');
}

/** Parameters of this module alone, without those of the modules below it. */
function ownParameters(module: AnyModule): number {
  const below = new Set<Tensor>();
  for (const child of module.children()) for (const p of child.parameters()) below.add(p);
  return count([...module.parameters()].filter((p) => !below.has(p)));
}

function exampleInputs(inputs: readonly unknown[]): readonly unknown[] {
  const [shape] = inputs;
  if (inputs.length === 1 && Array.isArray(shape)) {
    if (!shape.every((s) => Number.isInteger(s) && s >= 0))
      throw new ArgumentError(`summary: a shape is a list of sizes, got ${JSON.stringify(shape)}`);
    return [zeros(shape as Shape)];
  }
  return inputs;
}

/** Runs one forward pass and notes what every module below `root` gives. */
function observe(root: Module<unknown[], unknown>, inputs: readonly unknown[]): Map<AnyModule, Tensor[]> {
  const outputs = new Map<AnyModule, Tensor[]>();
  const modules = [...root.modules()];
  const modes = modules.map((m) => m.training);
  const random = getRngState();
  const handles = modules.map((m) =>
    m.registerForwardHook((module, _, output) => {
      outputs.set(module, tensorsOf(output));
    }),
  );
  try {
    root.eval();
    noGrad(() => root.forward(...inputs));
  } finally {
    for (const handle of handles) handle.remove();
    modules.forEach((m, i) => {
      m.training = modes[i];
    });
    setRngState(random);
  }
  return outputs;
}

function table(rows: readonly Row[]): string[] {
  const cells = [
    ['layer', 'output', 'parameters'],
    ...rows.map((r) => [r.name, r.output, r.parameters === 0 ? '-' : thousands(r.parameters)]),
  ];
  const widths = [0, 1, 2].map((c) => Math.max(...cells.map((row) => row[c].length)));
  const lines = cells.map(
    ([name, output, parameters]) =>
      `${name.padEnd(widths[0])}  ${output.padEnd(widths[1])}  ${parameters.padStart(widths[2])}`,
  );
  const rule = '-'.repeat(widths[0] + widths[1] + widths[2] + 4);
  return [lines[0], rule, ...lines.slice(1), rule];
}

/** See `Module.summary`. */
export function summarize(root: Module<unknown[], unknown>, inputs: readonly unknown[]): string {
  const given = exampleInputs(inputs);
  const outputs = observe(root, given);
  const rows: Row[] = [];
  for (const [path, module] of root.namedModules()) {
    const depth = path === '' ? 0 : path.split('.').length;
    const shapes = outputs.get(module)?.map((t) => showShape(t.shape)) ?? ['not called'];
    const name = path === '' ? module.constructor.name : `${path}: ${module.constructor.name}`;
    rows.push({
      name: '  '.repeat(depth) + name,
      output: shapes.join(', '),
      parameters: ownParameters(module),
    });
  }
  const parameters = [...root.parameters()];
  const learned = count(parameters.filter((p) => p.requiresGrad));
  const total = count(parameters);
  const activations = [...outputs]
    .filter(([module]) => [...module.children()].length === 0)
    .flatMap(([, tensors]) => tensors);
  return [
    ...table(rows),
    `${thousands(total)} parameters, of them learned: ${thousands(learned)}`,
    `memory: parameters ${showBytes(bytesOf(parameters))}, buffers ${showBytes(bytesOf(root.buffers()))}, ` +
      `input ${showBytes(bytesOf(tensorsOf(given)))}, outputs of layers ${showBytes(bytesOf(activations))}`,
  ].join('\n');
}
