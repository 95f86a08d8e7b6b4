/** Builds the body of a region op by op; equal nodes are one. */
import type { DType } from '../../base/dtype.js';
import type { Shape } from '../../base/shape.js';
import type { Attributes, Op, ResultType } from '../op.js';
import { isTuple } from '../op.js';
import { opTable } from '../table.js';
import type { Template, TemplateNode } from '../template.js';
import type { Position } from '../template-emitter.js';
import { plain, TemplateEmitter } from '../template-emitter.js';
import type { Region } from './region.js';
import { internRegion } from './region.js';

export class RegionBuilder extends TemplateEmitter {
  readonly #byKey = new Map<string, Position>();

  override emit(
    op: Op,
    inputs: readonly Position[],
    attributes: Attributes,
    shape: Shape,
    dtype: DType,
  ): Position {
    const key = `${op.name} ${inputs.map((i) => i.at).join()} ${attributes.join()} ${dtype} ${shape.join()}`;
    const have = this.#byKey.get(key);
    if (have !== undefined) return have;
    const made = super.emit(op, inputs, attributes, shape, dtype);
    this.#byKey.set(key, made);
    return made;
  }

  /** A parameter; its number is given when the region is finished. */
  parameter({ shape, dtype }: ResultType): Position {
    this.nodes.push({ op: opTable.buffer, inputs: [], attributes: [], shape, dtype, ...plain, leaf: 0 });
    return { at: this.nodes.length - 1, shape, dtype };
  }

  /** Ops with several results get nodes for all of them: a gradient may need one that nothing else does. */
  #completeTuples(): void {
    for (let at = this.nodes.length - 1; at >= 0; at--) {
      const { op, inputs, attributes } = this.nodes[at];
      if (!isTuple(op)) continue;
      const types = op.results(
        inputs.map((i) => this.nodes[i]),
        attributes,
      );
      types.forEach(({ shape, dtype }, r) => {
        if (r > 0) this.emit(opTable.result, [this.position(at)], [r], shape, dtype);
      });
    }
  }

  /** The region with these parameters and results; what does not lead to a result is dropped, unless it is a parameter. */
  finish(
    parameters: {
      readonly carries: readonly Position[];
      readonly slices: readonly Position[];
      readonly invariants: readonly Position[];
    },
    results: readonly Position[],
  ): Region {
    const { carries, slices, invariants } = parameters;
    this.#completeTuples();
    const leafOf = new Map([...carries, ...slices, ...invariants].map((p, i) => [p.at, i]));
    const needed = new Set<number>(leafOf.keys());
    const stack = results.map((r) => r.at);
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      if (needed.has(at) && !leafOf.has(at)) continue;
      needed.add(at);
      stack.push(...this.nodes[at].inputs);
    }
    this.nodes.forEach((n, at) => {
      if (n.op.kind === 'result' && needed.has(n.inputs[0])) needed.add(at);
    });
    const moved = new Map<number, number>();
    const nodes: TemplateNode[] = [];
    this.nodes.forEach((n, at) => {
      if (!needed.has(at)) return;
      moved.set(at, nodes.length);
      const inputs = n.inputs.map((i) => moved.get(i) ?? -1);
      nodes.push({ ...n, inputs, leaf: leafOf.get(at) ?? -1 });
    });
    return internRegion({
      nodes,
      carries: carries.length,
      slices: slices.length,
      invariants: invariants.length,
      results: results.map((r) => moved.get(r.at) ?? -1),
    });
  }
}

/** The nodes of a region, emitted once more with values for its parameters: the position of each. */
export function replay(
  e: TemplateEmitter,
  region: Pick<Region, 'nodes'>,
  parameters: readonly Position[],
): readonly Position[] {
  const at: Position[] = [];
  for (const n of region.nodes) {
    if (n.leaf >= 0) {
      at.push(parameters[n.leaf]);
      continue;
    }
    const inputs = n.inputs.map((i) => at[i]);
    const made = e.emit(n.op, inputs, n.attributes, n.shape, n.dtype);
    if (n.boundary) e.nodes[made.at] = { ...e.nodes[made.at], boundary: true };
    at.push(made);
  }
  return at;
}

/** A region as a template of its own, its results as roots. */
export function templateOfRegion(region: Region): Template {
  const roots = new Set(region.results);
  return {
    nodes: region.nodes.map((n, i) => ({ ...n, root: roots.has(i) && n.leaf < 0 })),
    leaves: region.parameters.length,
    arguments: 0,
  };
}
