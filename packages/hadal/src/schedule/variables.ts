/** The variables of a group's kernel: which loops there are, and where in them a member of the group is computed. */
import { known } from '../base/errors.js';
import type { TemplateNode } from '../graph/template.js';
import type { IndexExpr } from '../kernel/index-expr.js';
import { addIndex, constantIndex, sameIndex, scaleIndex, variableIndex } from '../kernel/index-expr.js';
import type { LoopDim } from '../kernel/l2.js';
import { blockSumIndex } from './block-sums.js';
import type { Group } from './groups.js';
import { domainIndex, isLine, isProduct, ownIndex, pointsOf } from './groups.js';
import type { Slice } from './partial-updates.js';
import type { ProductLayout } from './products.js';
import { productLayout } from './products.js';
import { scatterSource } from './scatter-kernel.js';
import { stencilDomain } from './stencil-layout.js';

export interface Variables {
  /** The loops in the order in which they run; a product's are its template's. */
  readonly dims: readonly LoopDim[];
  /** Each dimension of the group's domain (of a scatter: of its source) as an expression of variables. */
  readonly domain: readonly IndexExpr[];
  /** The variable of each of these dimensions; -1 for those of size 1, and for those of a product. */
  readonly variableAt: readonly number[];
  /** The scan, sort or product of the group; -1 for none. */
  readonly core: number;
  /** The dimension that a scan or a sort runs along; -1 for none. */
  readonly line: number;
  readonly product: ProductLayout | null;
}

/**
 * @param writes the members that are stored.
 * @param part what is computed of a map's domain; null for all of it.
 * @param packsOnce see `productLayout`
 */
export function variablesOf(
  nodes: readonly TemplateNode[],
  group: Group,
  writes: readonly number[],
  part: Slice | null,
  packsOnce: boolean,
): Variables {
  const core = [...group.members.keys()].find((id) => isLine(nodes[id]) || isProduct(nodes[id])) ?? -1;
  if (group.kind === 'gemm') {
    const product = productLayout(nodes, core, packsOnce);
    const variableAt = product.domain.map(() => -1);
    return { dims: [], domain: product.domain, variableAt, core, line: -1, product };
  }
  if (group.kind === 'stencil') {
    const domain = stencilDomain(nodes, core);
    return { dims: [], domain, variableAt: domain.map(() => -1), core, line: -1, product: null };
  }
  const line = core >= 0 ? nodes[core].attributes[0] : -1;
  // A scatter walks its source, whose positions are not those of its result.
  const whole = group.kind === 'scatter' ? nodes[scatterSource(nodes[writes[0]])].shape : group.domain;
  const walked = part?.shape ?? whole;
  const dims: LoopDim[] = [];
  const domain = walked.map(() => variableIndex(0, 1));
  const variableAt = walked.map(() => -1);
  for (const reduced of [false, true]) {
    walked.forEach((size, d) => {
      if (group.reduced.includes(d) !== reduced || (size === 1 && d !== line)) return;
      domain[d] = variableIndex(dims.length, size);
      variableAt[d] = dims.length;
      dims.push({ size, reduced });
    });
  }
  if (part === null) return { dims, domain, variableAt, core, line, product: null };
  const inPart = domain.map((e, d) => addIndex(scaleIndex(e, part.steps[d]), constantIndex(part.starts[d])));
  return { dims, domain: inPart, variableAt, core, line, product: null };
}

/** Where a member is computed, in the kernel's variables. */
export function placeOf(
  nodes: readonly TemplateNode[],
  group: Group,
  { domain }: Variables,
  id: number,
): IndexExpr[] {
  const level = known(group.members.get(id), 'a member');
  if (level === 'columns') return blockSumIndex(domain);
  const own = known(ownIndex(group, pointsOf(nodes, id), level), 'a place in the domain');
  const domainVars = domainIndex(group.domain);
  // ownIndex speaks of domain dimensions; each is a single variable there.
  return own.map((e) => {
    const d = domainVars.findIndex((v) => v === e || (v.terms.length > 0 && sameIndex(v, e)));
    return d < 0 ? e : domain[d];
  });
}
