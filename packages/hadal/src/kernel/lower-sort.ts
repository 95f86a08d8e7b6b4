/**
 * Lowers a sort to L3, one line after the other; both ways keep equal elements in their order.
 *
 * - **radix** sorts by the lowest byte of the keys, then by the next, up to the highest (Knuth, The Art of Computer Programming 3,
 *   5.2.5). All bytes are counted while the keys are read; a byte that all keys share costs nothing more. Elements move between two
 *   halves of the workspace: keys of up to four bytes as one word with their position, longer ones beside it.
 * - **rank** compares each element of a short line with all: its rank is the number of those before it.
 */
import { memTypes } from './elements.js';
import type { SortKernel } from './l2.js';
import type { AbstractKernel } from './l2-sizes.js';
import type { L3Function, MemType, Value } from './l3.js';
import { memBytes } from './l3.js';
import { L3Builder } from './l3-builder.js';
import { forEachLine } from './lines.js';
import { dependences, ExprEmitter } from './lower-exprs.js';
import { needsStatus } from './lower-loops.js';
import { keyOf, signedKey, unsignedKey } from './sort-keys.js';
import type { Target } from './target.js';

/** Values of a byte. */
const DIGITS = 256;

interface Slot {
  readonly mem: MemType;
  readonly count: number;
}

/** The workspace buffers of a sort. */
function slotsOf(kernel: SortKernel, target: Target): readonly Slot[] {
  const { kind, bytes } = keyOf(kernel.exprs[kernel.key].dtype);
  const length = Math.max(kernel.length, 1);
  if (kernel.method === 'rank')
    return [
      { mem: kind, count: length + target.lanes },
      { mem: 'i32', count: length + target.lanes },
      { mem: 'i32', count: length },
    ];
  const words: Slot = { mem: 'i64', count: 2 * length };
  const counts: Slot = { mem: 'i32', count: DIGITS * bytes };
  return bytes === 8 ? [words, counts, { mem: 'i32', count: 2 * length }] : [words, counts];
}

/** Bytes of each workspace buffer. */
export function sortWorkspace(kernel: SortKernel, target: Target): readonly number[] {
  return slotsOf(kernel, target).map((s) => s.count * memBytes[s.mem]);
}

/** How the lines of a kernel are read: positions of elements in order, once a line has been sorted. */
interface Sorter {
  /** Sorts the line at the bound point; gives the position of the element that comes at a place. */
  sort(): (place: Value) => Value;
}

export function lowerSort(kernel: SortKernel, sizes: AbstractKernel, target: Target): L3Function {
  const { kind } = keyOf(kernel.exprs[kernel.key].dtype);
  const isWide = kernel.method === 'rank' && kind === 'i32';
  const b = new L3Builder(kernel.name, isWide ? target.lanes : 1);
  for (const buffer of kernel.buffers) b.buffer(memTypes[buffer.dtype], buffer.access);
  const slots = slotsOf(kernel, target).map((s) => b.buffer(s.mem, 'readwrite'));
  const status = needsStatus(kernel) ? b.buffer('i64', 'write') : -1;
  const emitter = new ExprEmitter(b, kernel, sizes, dependences(kernel), status);
  const sizeOf = (variable: number): Value => b.sizeAt(sizes.variableSlots[variable]);
  const values = kernel.stores.map((s) => s.value);
  const indices = kernel.stores.map((s) => s.index);
  const zero = b.index(0);
  const sorter = kernel.method === 'rank' ? rankSorter() : radixSorter();

  /** The signed key of each element of the line. */
  function forEachKey(body: (at: Value, key: Value) => void): void {
    const { dtype } = kernel.exprs[kernel.key];
    const variable = kernel.dims.length;
    emitter.hoist([kernel.key], []);
    b.forEach(zero, sizeOf(variable), 1, (at) =>
      emitter.bind(variable, at, null, () =>
        body(at, signedKey(b, emitter.emit(kernel.key), dtype, kernel.descending)),
      ),
    );
  }

  function rankSorter(): Sorter {
    const [keys, ranks, order] = slots;
    const count = sizeOf(kernel.dims.length);
    const { lanes } = b;
    return {
      sort: () => {
        forEachKey((at, key) => b.store(keys, at, key));
        b.forEach(zero, count, lanes, (from) => {
          const own = b.load(keys, from, { lanes });
          const place = lanes > 1 ? b.ramp(from) : b.convert('i32', from);
          const [rank] = b.loop(zero, count, 1, [b.like(place, 0)], (at, [before]) => {
            const key = b.load(keys, at);
            const other = b.spread(key, lanes);
            const isEarlier = b.compare('lt', b.spread(b.convert('i32', at), lanes), place);
            const tie = b.binary('and', b.compare('eq', other, own), isEarlier);
            const isBefore = b.binary('or', b.compare('lt', other, own), tie);
            return [b.add(before, b.convert('i32', isBefore))];
          });
          b.store(ranks, from, rank);
        });
        b.forEach(zero, count, 1, (at) =>
          b.store(order, b.convert('index', b.load(ranks, at)), b.convert('i32', at)),
        );
        return (place) => b.convert('i64', b.load(order, place));
      },
    };
  }

  function radixSorter(): Sorter {
    const { dtype } = kernel.exprs[kernel.key];
    const { bytes } = keyOf(dtype);
    const [words, counts, places] = slots;
    const count = sizeOf(kernel.dims.length);
    const isPacked = bytes < 8;
    const digitOf = (word: Value, byte: number): Value => {
      const shifted = b.shift('shr', word, 8 * byte + (isPacked ? 32 : 0));
      return b.convert('index', b.binary('and', shifted, b.constant('i64', BigInt(DIGITS - 1))));
    };
    const digits = Array.from({ length: bytes }, (_, byte) => byte);

    function countKeys(): void {
      b.forEach(zero, b.index(DIGITS * bytes), 1, (i) => b.store(counts, i, b.constant('i32', 0)));
      forEachKey((at, signed) => {
        const key = unsignedKey(b, signed, dtype);
        const word = isPacked
          ? b.binary('or', b.shift('shl', b.convert('i64', key), 32), b.convert('i64', at))
          : key;
        b.store(words, at, word);
        if (!isPacked) b.store(places, at, b.convert('i32', at));
        for (const byte of digits) {
          const digit = digitOf(word, byte);
          const offset = byte * DIGITS;
          b.store(counts, digit, b.add(b.load(counts, digit, { offset }), b.constant('i32', 1)), { offset });
        }
      });
    }

    /** Moves all elements to where their byte sends them. */
    function move(byte: number, from: Value, to: Value): void {
      const offset = byte * DIGITS;
      b.loop(zero, b.index(DIGITS), 1, [b.constant('i32', 0)], (digit, [before]) => {
        const own = b.load(counts, digit, { offset });
        b.store(counts, digit, before, { offset });
        return [b.add(before, own)];
      });
      b.forEach(zero, count, 1, (i) => {
        const at = b.add(from, i);
        const word = b.load(words, at);
        const digit = digitOf(word, byte);
        const place = b.load(counts, digit, { offset });
        b.store(counts, digit, b.add(place, b.constant('i32', 1)), { offset });
        const target = b.add(to, b.convert('index', place));
        b.store(words, target, word);
        if (!isPacked) b.store(places, target, b.load(places, at));
      });
    }

    return {
      sort: () => {
        countKeys();
        let from = zero;
        let to = count;
        for (const byte of digits) {
          // A loop that runs once, or not at all where all elements share the byte.
          const first = digitOf(b.load(words, zero), byte);
          const shared = b.load(counts, first, { offset: byte * DIGITS });
          const isShared = b.compare('eq', b.convert('index', shared), count);
          const rounds = b.select(isShared, zero, b.index(1));
          const moved = b.loop(zero, rounds, 1, [from, to], (_, [source, target]) => {
            move(byte, source, target);
            return [target, source];
          });
          [from, to] = moved;
        }
        return (place) => {
          const at = b.add(from, place);
          return isPacked
            ? b.binary('and', b.load(words, at), b.constant('i64', 0xffffffffn))
            : b.convert('i64', b.load(places, at));
        };
      },
    };
  }

  function line(): void {
    const positionAt = sorter.sort();
    emitter.hoist(values, indices);
    b.forEach(zero, sizeOf(kernel.line), 1, (at) =>
      emitter.bind(kernel.line, at, null, () => {
        emitter.bindStage(0, positionAt(at));
        emitter.storeAll(kernel.stores);
        emitter.clearStages();
      }),
    );
  }

  forEachLine(b, emitter, kernel, sizes, {
    hoist: () => emitter.hoist([...values, kernel.key], indices),
    lines: line,
  });
  return b.finish();
}
