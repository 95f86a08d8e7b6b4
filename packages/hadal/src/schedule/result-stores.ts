/** What a kernel stores of a group's members, and where. */
import { dtypeInfo } from '../base/dtype.js';
import { known } from '../base/errors.js';
import { numel } from '../base/shape.js';
import { LINE } from '../kernel/gemm/ahead.js';
import { addIndex, constantIndex, type IndexExpr, indexKey, scaleIndex } from '../kernel/index-expr.js';
import { STREAMED_BYTES, type Store } from '../kernel/l2.js';
import { RESULTS } from '../kernel/winograd/tiles.js';
import { blockSumOf } from './block-sums.js';
import { isSwappedProduct, pointsOf, reshaped } from './groups.js';
import { isCore, type KernelReader } from './kernel-reader.js';
import { flatten, unflatten } from './movement-index.js';
import { isWinograd } from './winograd-layout.js';

/** @param writes the members that are stored. */
export function resultStores(reader: KernelReader, writes: readonly number[]): readonly Store[] {
  return writes.flatMap((id) => storesOf(reader, id));
}

function storesOf(reader: KernelReader, id: number): Store[] {
  const { nodes, group } = reader;
  const own = reader.place(id);
  const n = nodes[id];
  if (n.op.kind === 'interleave') return interleavedStores(reader, id, own);
  if (group.members.get(id) === 'columns') {
    const buffer = reader.slot(id, 'write');
    reader.buffers[buffer] = { ...reader.buffers[buffer], access: 'readwrite' };
    const value = reader.read(blockSumOf(nodes, id), reader.variables.domain);
    return [{ buffer, index: flatten(n.shape, own), value, level: 'columns' }];
  }
  const base = reshaped(nodes, id);
  const isOwn = base < 0 && !isCore(n);
  const value = isOwn ? reader.compute(id, own) : reader.read(base < 0 ? id : base, own);
  const level = group.kind === 'row' ? known(group.members.get(id), 'a level') : 'full';
  // What is overwritten in place is in the caches already, for it was read.
  const isStreamed =
    (group.kind === 'map' || group.kind === 'row' || group.kind === 'stencil' || writesWholeLines(reader)) &&
    level === 'full' &&
    n.into < 0 &&
    numel(n.shape) * dtypeInfo[n.dtype].bytes >= STREAMED_BYTES;
  const index = isSwappedProduct(nodes, id)
    ? flatten(
        n.shape,
        n.attributes.map((d) => own[d]),
      )
    : flatten(pointsOf(nodes, id), own);
  return [{ buffer: reader.slot(id, 'write'), index, value, level, ...(isStreamed ? { isStreamed } : {}) }];
}

/** Whether a kernel is a convolution by Winograd's algorithm whose rows of tiles are lines of results. */
function writesWholeLines({ nodes, variables: { core } }: KernelReader): boolean {
  if (core < 0 || !isWinograd(nodes[core])) return false;
  const [, , rows, columns] = nodes[core].shape;
  return (RESULTS * columns) % LINE === 0 && (rows * columns) % LINE === 0;
}

/** One store for each part, where its elements go. */
function interleavedStores(reader: KernelReader, id: number, own: readonly IndexExpr[]): Store[] {
  const n = reader.nodes[id];
  const sizes = n.attributes;
  const lead = n.shape.length - sizes.length;
  reader.names.push('interleave');
  return n.inputs.map((input, part): Store => {
    const inWindow = unflatten(sizes, constantIndex(part));
    const index = own.map((e, d) =>
      d < lead ? e : addIndex(scaleIndex(e, sizes[d - lead]), inWindow[d - lead]),
    );
    return {
      buffer: reader.slot(id, 'write'),
      index: flatten(n.shape, index),
      value: reader.read(input, own),
      level: 'full',
    };
  });
}

/** Leaves that a kernel must not overwrite: it reads them at another place than the one that it is writing. */
export function scatteredReads(
  reader: KernelReader,
  writes: readonly number[],
  stores: readonly Store[],
): ReadonlySet<number> {
  const { nodes, loads } = reader;
  // Attention reads rows again and again while it writes others.
  if (reader.group.kind === 'attention')
    return new Set(loads.map((l) => nodes[l.node].leaf).filter((leaf) => leaf >= 0));
  const found = new Set<number>();
  for (const id of writes) {
    const { into, op } = nodes[id];
    if (into < 0) continue;
    // The parts of an interleaved value are written at other places than the one that its kernel is at.
    const buffer = reader.slot(id, 'write');
    const own = op.kind === 'interleave' ? undefined : stores.find((s) => s.buffer === buffer);
    const place = own === undefined ? '' : indexKey(own.index);
    for (const l of loads) if (nodes[l.node].leaf === into && indexKey(l.index) !== place) found.add(into);
  }
  return found;
}
