/** Builds the L2 kernel of a group: what it reads and computes, and what of it is stored. */
import type { Template } from '../graph/template.js';
import type { GemmKernel, Kernel, LoopKernel } from '../kernel/l2.js';
import { attentionKernel } from './attention.js';
import type { Fusion, Group } from './groups.js';
import { buildHost } from './host-kernel.js';
import { type Binding, KernelReader } from './kernel-reader.js';
import { scanKernel, sortKernel } from './line-kernels.js';
import { replacedPart } from './partial-updates.js';
import type { ProductLayout } from './products.js';
import { resultStores, scatteredReads } from './result-stores.js';
import { scatterKernel } from './scatter-kernel.js';
import { stencilKernel } from './stencil-kernel.js';
import { variablesOf } from './variables.js';
import { winogradGradKernel, winogradKernel } from './winograd.js';
import { isWinograd, isWinogradGrad } from './winograd-layout.js';

export interface BuiltKernel {
  readonly group: Group;
  readonly kernel: Kernel;
  readonly bindings: readonly Binding[];
  /** Template argument of each of the kernel's arguments. */
  readonly arguments: readonly number[];
  /** Leaves that are read at another place than the one they are written at by this kernel; they cannot be overwritten. */
  readonly scatteredReads: ReadonlySet<number>;
}

type Shared = 'name' | 'exprs' | 'buffers' | 'arguments';

/** What a template says of its kernel; the rest is the same for all of them. */
export type KernelCore<K extends Kernel> = K extends Kernel ? Omit<K, Shared> : never;

/** How kernels are built. */
export interface BuildOptions {
  /** Nodes that are written as a whole although they replace only a part of a leaf: they get memory of their own. */
  readonly fresh: ReadonlySet<number>;
  /** See `productLayout`. */
  readonly packsOnce: boolean;
}

export function buildKernel(
  { nodes }: Template,
  fusion: Fusion,
  stored: ReadonlySet<number>,
  group: Group,
  { fresh, packsOnce }: BuildOptions,
): BuiltKernel | null {
  const writes = [...group.members.keys()].filter((id) => stored.has(id));
  if (writes.length === 0) return null;
  if (group.kind === 'host') return buildHost(nodes, group, writes);
  const isPart = group.kind === 'map' && writes.length === 1 && !fresh.has(writes[0]);
  const part = isPart ? replacedPart(nodes, writes[0]) : null;
  const reader = new KernelReader(
    nodes,
    fusion,
    stored,
    group,
    variablesOf(nodes, group, writes, part, packsOnce),
  );
  const core = coreOf(reader, writes);
  const { exprs, buffers, bindings, argumentTypes } = reader;
  return {
    group,
    kernel: { ...core, name: nameOf(reader, core), exprs, buffers, arguments: argumentTypes },
    bindings,
    arguments: reader.arguments,
    scatteredReads: scatteredReads(reader, writes, core.stores),
  };
}

function coreOf(reader: KernelReader, writes: readonly number[]): KernelCore<Kernel> {
  const { product } = reader.variables;
  switch (reader.group.kind) {
    case 'attention':
      return attentionKernel(reader, writes);
    case 'scatter':
      return scatterKernel(reader, writes[0]);
    case 'scan':
      return scanKernel(reader, writes);
    case 'sort':
      return sortKernel(reader, writes);
    case 'stencil':
      return stencilKernel(reader, writes);
    default:
      if (product === null) return loopKernel(reader, writes);
      return productKernel(reader, product, writes);
  }
}

function productKernel(
  reader: KernelReader,
  product: ProductLayout,
  writes: readonly number[],
): KernelCore<Kernel> {
  const node = reader.nodes[reader.variables.core];
  if (isWinograd(node)) return winogradKernel(reader, writes);
  if (isWinogradGrad(node)) return winogradGradKernel(reader, writes);
  return gemmKernel(reader, product, writes);
}

function gemmKernel(
  reader: KernelReader,
  product: ProductLayout,
  writes: readonly number[],
): KernelCore<GemmKernel> {
  const { inputs } = reader.nodes[reader.variables.core];
  const operands = inputs.map((input, i) => reader.read(input, product.inputs[i]));
  const stores = resultStores(reader, writes);
  const { batch, m, n, k, outer, a } = product;
  return { kind: 'gemm', batch, m, n, k, outer, a: operands[a], b: operands[1 - a], stores };
}

function loopKernel(reader: KernelReader, writes: readonly number[]): KernelCore<LoopKernel> {
  const { dims, variableAt } = reader.variables;
  const stores = resultStores(reader, writes);
  const vectorVariable = variableAt.findLast((v) => v >= 0) ?? -1;
  return { kind: 'loops', dims, vectorVariable, stages: reader.stages, stores };
}

function nameOf({ group, names }: KernelReader, { kind }: KernelCore<Kernel>): string {
  if (group.kind === 'attention') return kind;
  const short = names.length > 6 ? [...names.slice(0, 5), `${names.length - 5}_more`] : names;
  const isCore = group.kind === 'gemm' || group.kind === 'stencil';
  return [group.kind, ...(short.length > 0 || isCore ? short : ['copy'])].join('_');
}
