/**
 * Which values are written to memory. A group's results that other groups read are written, unless computing them again from
 * what is written anyway is cheaper than a trip through memory; dots and reductions are never computed twice.
 */
import type { Template, TemplateNode } from '../graph/template.js';
import type { Fusion } from './groups.js';
import { computes, isLine, isProduct, readsArray, runsOneByOne } from './groups.js';

/** What a value may cost to be computed again in each reader: about the price of writing and reading it. */
const RECOMPUTE_LIMIT = 8;
/** The same where the reader computes one element after the other. */
const ONE_BY_ONE_LIMIT = 4;

const expensive = new Set(['exp', 'log', 'tanh', 'erf', 'gelu', 'geluSlope', 'sqrt', 'div', 'reciprocal']);

function ownCost(n: TemplateNode): number {
  // Random numbers cost arithmetic but no memory; dropout masks are meant to be computed again in the backward pass.
  if (n.op.kind === 'random') return 0;
  return expensive.has(n.op.name) ? 4 : 1;
}

/** Whether a value is never computed in its readers. */
function neverAgain(n: TemplateNode): boolean {
  const { kind } = n.op;
  return (
    kind === 'reduce' ||
    kind === 'scatter' ||
    kind === 'host' ||
    kind === 'region' ||
    kind === 'attention' ||
    kind === 'result' ||
    kind === 'interleave' ||
    isLine(n) ||
    isProduct(n)
  );
}

/** Attention draws the random numbers of its dropout itself. */
function draws(reader: TemplateNode, read: TemplateNode): boolean {
  return reader.op.kind === 'attention' && read.op.kind === 'random';
}

export function storedNodes(template: Template, fusion: Fusion): ReadonlySet<number> {
  const { nodes } = template;
  const readOutside = new Set<number>();
  /** Values that must be in memory for what reads them. */
  const readFromMemory = new Set<number>();
  const readOneByOne = new Set<number>();

  const visit = (reader: number, at: number, fromMemory: boolean): void => {
    if (!computes(nodes[at])) {
      for (const i of nodes[at].inputs) visit(reader, i, fromMemory);
      return;
    }
    const group = fusion.groupOf.get(reader);
    if (fusion.groupOf.get(at) !== group) {
      readOutside.add(at);
      if (group !== undefined && runsOneByOne(group)) readOneByOne.add(at);
    }
    if (fromMemory && !draws(nodes[reader], nodes[at])) readFromMemory.add(at);
  };
  nodes.forEach((n, id) => {
    if (!computes(n)) return;
    n.inputs.forEach((i, slot) =>
      visit(id, i, isProduct(n) || n.op.kind === 'attention' || readsArray(n, slot)),
    );
  });

  const stored = new Set<number>();
  const cost = new Map<number, number>();
  /** What it costs to compute a node's value where it is read. */
  const costOf = (id: number): number => {
    const n = nodes[id];
    if (n.leaf >= 0) return 1;
    if (n.argument >= 0 || n.op.kind === 'source') return 0;
    if (computes(n)) return stored.has(id) ? 1 : (cost.get(id) ?? 0);
    return n.inputs.reduce((sum, i) => sum + costOf(i), n.op.kind === 'gather' ? 1 : 0);
  };
  nodes.forEach((n, id) => {
    if (!computes(n)) return;
    const again = neverAgain(n)
      ? Number.POSITIVE_INFINITY
      : ownCost(n) + n.inputs.reduce((sum, i) => sum + costOf(i), 0);
    cost.set(id, again);
    const needed = n.root || n.boundary || readFromMemory.has(id);
    const limit = readOneByOne.has(id) ? ONE_BY_ONE_LIMIT : RECOMPUTE_LIMIT;
    if (needed || (readOutside.has(id) && again > limit)) stored.add(id);
  });
  return stored;
}
