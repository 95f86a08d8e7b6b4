/** The kernels of scans and sorts: one op along lines of the domain, with what is pointwise around it. */
import { InternalError } from '../base/errors.js';
import type { TemplateNode } from '../graph/template.js';
import { variableIndex } from '../kernel/index-expr.js';
import type { ScanKernel, ScanOp, SortKernel } from '../kernel/l2.js';
import type { KeyKind } from '../kernel/sort/keys.js';
import { keyOf } from '../kernel/sort/keys.js';
import type { KernelCore } from './build.js';
import type { KernelReader } from './kernel-reader.js';
import { resultStores } from './result-stores.js';

/** Lines up to this are sorted by rank: those with keys of 32 bits, which are compared in vectors, and others. */
const RANKED: { readonly [K in KeyKind]: number } = { i32: 80, i64: 24 };
/** Of lines at least this long a few elements are selected, if they are no more than the line over `FEW`. */
const SELECTED = 1024;
const FEW = 4;

function sortMethod(length: number, wanted: number, key: KeyKind): SortKernel['method'] {
  if (length <= RANKED[key]) return 'rank';
  return length >= SELECTED && wanted > 0 && wanted * FEW <= length ? 'select' : 'radix';
}

function scanOp({ op, attributes }: TemplateNode): ScanOp {
  switch (op.name) {
    case 'cumsum':
      return 'sum';
    case 'recurrence':
      return 'linear';
    case 'runningExtremum':
      return attributes[1] === 1 ? 'max' : 'min';
    default:
      throw new InternalError(`${op.name} is no scan`);
  }
}

export function scanKernel(reader: KernelReader, writes: readonly number[]): KernelCore<ScanKernel> {
  const { dims, domain, variableAt, core, line } = reader.variables;
  const n = reader.nodes[core];
  reader.names.push(n.op.name);
  const values = n.inputs.map((i) => reader.read(i, domain));
  const stores = resultStores(reader, writes);
  return {
    kind: 'scan',
    dims: dims.map((d) => d.size),
    line: variableAt[line],
    op: scanOp(n),
    values,
    stores,
  };
}

export function sortKernel(reader: KernelReader, writes: readonly number[]): KernelCore<SortKernel> {
  const { dims, domain, variableAt, core, line } = reader.variables;
  const { op, inputs, attributes, shape } = reader.nodes[core];
  const length = reader.nodes[inputs[0]].shape[line];
  reader.names.push(op.name);
  const elements = variableIndex(dims.length, length);
  const key = reader.read(
    inputs[0],
    domain.map((e, d) => (d === line ? elements : e)),
  );
  const stores = resultStores(reader, writes);
  return {
    kind: 'sort',
    dims: dims.map((d) => d.size),
    line: variableAt[line],
    length,
    key,
    descending: attributes[1] === 1,
    method: sortMethod(length, shape[line], keyOf(reader.exprs[key].dtype).kind),
    stores,
  };
}
