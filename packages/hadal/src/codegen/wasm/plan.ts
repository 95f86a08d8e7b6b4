/**
 * What the emitter has to know of a whole L3 function before it writes the first instruction: which values are used and
 * how often, which are written straight onto the operand stack where their one use is, which yields can be computed
 * right into the local of the value they replace, and which memory accesses share an address.
 *
 * Words used here:
 * - **home** of a value: the block (a list of instructions) it is defined in.
 * - **emit position**: where in its home a value's code lands; its own position, or that of the use it is written into.
 * - **root**: the index of an access without constant parts, `null` when nothing else is left. Accesses of one
 *   buffer with one root differ by a constant, so they share an address and differ in their offset immediates.
 */
import { InternalError, known } from '../../base/errors.js';
import type { Instr, L3Function, Value } from '../../kernel/l3.js';
import { memBytes, operandsOf } from '../../kernel/l3.js';

export type Loop = Extract<Instr, { op: 'loop' }>;
export type Access = Extract<Instr, { op: 'load' | 'store' }>;

export interface Block {
  readonly instrs: readonly Instr[];
  readonly parent: Block | null;
  /** The position in the parent of the instruction that this is the body of. */
  readonly position: number;
  readonly loopDepth: number;
  /** The values that a loop body hands to its next round. */
  readonly yields: readonly Value[];
  /** By `groupKey`. */
  readonly groups: Map<number, AccessGroup>;
  /** Blocks are numbered from the outermost on: its own number, and the last one inside of it. */
  readonly first: number;
  last: number;
  /** Levels of loops inside of it. */
  height: number;
}

export interface Address {
  readonly root: Value | null;
  /** In elements, may be negative. */
  readonly offset: number;
}

export interface AccessGroup {
  /** Accesses in the block and in the blocks inside of it. */
  count: number;
  /** The lowest offset of the block's own accesses, in elements. */
  lowest: number;
}

/** What is known of one value. */
interface Known {
  /** Absent for what a loop defines. */
  readonly definition: Instr | undefined;
  readonly home: Block;
  /** In its home; -1 for what a loop defines. */
  readonly position: number;
  /** Of a scalar constant. */
  readonly constant: number | bigint | undefined;
  /** Of a vector constant. */
  readonly splatBits: number | undefined;
  uses: number;
  /** The last emit position, in the value's home, of an instruction that reads it. */
  lastUse: number;
  /** Whether any use is in a block inside of the home, or hands the value to the next round of a loop. */
  isUsedApart: boolean;
  isInlined: boolean;
  coalesced: Value | undefined;
}

/** A loop parameter that is an address in disguise: it moves by the same each round and only says where one buffer is read or written. */
export interface Pointer {
  readonly param: Value;
  readonly buffer: number;
  /** Bytes of an element. */
  readonly size: number;
  /** Elements of a round, of which the loop knows no more than that they stay the same where it is a value. */
  readonly step: number | Value;
  /** Whether every access can add a constant to the address at no cost. */
  readonly hasOffsets: boolean;
}

export interface Plan {
  blockOf(instrs: readonly Instr[]): Block;
  /** The value of a scalar constant, if it is one. */
  constant(v: Value): number | bigint | undefined;
  /** The 32 bits in every lane of a vector constant, if it is one. */
  splatBits(v: Value): number | undefined;
  definition(v: Value): Instr | undefined;
  /** Whether the value needs no code at its own position: constants, unused values, values written where they are used. */
  deferred(v: Value): boolean;
  /** The loop parameter whose local a yield is computed into. */
  coalesced(v: Value): Value | undefined;
  address(access: Access): Address;
  /** What names the accesses of a buffer that share an address. */
  groupKey(buffer: number, root: Value | null): number;
  /** What an instruction reads once constant parts of addresses are taken out. */
  operands(instr: Instr): readonly Value[];
  /** Values that the body of a loop reads and that are neither its own, nor constants, nor arguments of the kernel. */
  liveIns(loop: Loop): readonly Value[];
  /** The pointers of a straight loop that needs no index: how often it runs is all that its bounds say. Empty for other loops. */
  pointers(loop: Loop): readonly Pointer[];
}

const bits = new DataView(new ArrayBuffer(4));

export function float32Bits(value: number): number {
  bits.setFloat32(0, value);
  return bits.getInt32(0);
}

/** Constant parts larger than this stay in the index: offset immediates are unsigned 32-bit bytes. */
const MAX_FOLDED_BYTES = 2 ** 28;

export function planKernel(fn: L3Function): Plan {
  /** By id. */
  const values: (Known | undefined)[] = [];
  const blocks = new Map<readonly Instr[], Block>();
  const addresses = new Map<Access, Address>();

  function of(v: Value): Known {
    const have = values[v.id];
    if (have === undefined) throw new InternalError(`expected a definition of %${v.id} in ${fn.name}`);
    return have;
  }

  function constant(v: Value): number | bigint | undefined {
    return values[v.id]?.constant;
  }

  function isConstant(v: Value): boolean {
    const { constant, splatBits } = of(v);
    return constant !== undefined || splatBits !== undefined;
  }

  function note(v: Value, home: Block, position: number, definition: Instr | undefined): void {
    let constant: number | bigint | undefined;
    let splatBits: number | undefined;
    if (definition !== undefined && definition.op === 'const') constant = definition.value;
    if (definition !== undefined && definition.op === 'broadcast') {
      const of = values[definition.a.id]?.constant;
      // With one lane a broadcast changes nothing.
      if (v.type.lanes === 1) constant = of;
      else if (typeof of === 'number')
        splatBits = v.type.kind === 'f32' ? float32Bits(of) : v.type.kind === 'mask' ? (of ? -1 : 0) : of | 0;
    }
    values[v.id] = {
      definition,
      home,
      position,
      constant,
      splatBits,
      uses: 0,
      lastUse: -1,
      isUsedApart: false,
      isInlined: false,
      coalesced: undefined,
    };
  }

  function define(
    instrs: readonly Instr[],
    parent: Block | null,
    position: number,
    loopDepth: number,
    yields: readonly Value[],
    params: readonly Value[],
  ): Block {
    const first = blocks.size;
    const block: Block = {
      instrs,
      parent,
      position,
      loopDepth,
      yields,
      groups: new Map(),
      first,
      last: first,
      height: 0,
    };
    blocks.set(instrs, block);
    for (const v of params) note(v, block, -1, undefined);
    for (let position = 0; position < instrs.length; position++) {
      const instr = instrs[position];
      if (instr.op === 'loop') {
        const { body, yields, index, params, results } = instr;
        const inner = define(body, block, position, loopDepth + 1, yields, [index, ...params]);
        block.height = Math.max(block.height, inner.height + 1);
        for (const v of results) note(v, block, -1, undefined);
      } else if (instr.op === 'if') {
        const inner = define(instr.body, block, position, loopDepth, [], []);
        block.height = Math.max(block.height, inner.height);
      } else if ('result' in instr) note(instr.result, block, position, instr);
    }
    block.last = blocks.size - 1;
    return block;
  }

  function blockOf(instrs: readonly Instr[]): Block {
    return known(blocks.get(instrs), 'a plan of every block');
  }

  function address(access: Access): Address {
    const have = addresses.get(access);
    if (have) return have;
    const limit = MAX_FOLDED_BYTES / memBytes[access.mem];
    let root: Value | null = access.index;
    let offset = access.offset;
    while (root) {
      const { constant: value, definition }: Known = of(root);
      let step: { rest: Value | null; by: number } | null = null;
      if (typeof value === 'number') {
        step = { rest: null, by: value };
      } else if (definition?.op === 'binary' && (definition.fn === 'add' || definition.fn === 'sub')) {
        const a = constant(definition.a);
        const b = constant(definition.b);
        if (typeof b === 'number') step = { rest: definition.a, by: definition.fn === 'add' ? b : -b };
        else if (typeof a === 'number' && definition.fn === 'add') step = { rest: definition.b, by: a };
      }
      if (!step || Math.abs(offset + step.by) > limit) break;
      root = step.rest;
      offset += step.by;
    }
    const found = { root, offset };
    addresses.set(access, found);
    return found;
  }

  function operands(instr: Instr): readonly Value[] {
    if (instr.op !== 'load' && instr.op !== 'store') return operandsOf(instr);
    const { root } = address(instr);
    const read = root ? [root] : [];
    return instr.op === 'store' ? [...read, instr.value] : read;
  }

  function use(v: Value, from: Block, at: number, yielded: boolean): void {
    const record = of(v);
    if (record.constant !== undefined || record.splatBits !== undefined) return;
    const own = record.home;
    let block = from;
    let position = at;
    while (block !== own) {
      position = block.position;
      if (!block.parent)
        throw new InternalError(`L3 ${fn.name}: %${v.id} is used outside of the block that defines it`);
      block = block.parent;
    }
    record.uses++;
    if (position > record.lastUse) record.lastUse = position;
    if (yielded || from !== own) record.isUsedApart = true;
  }

  function groupKey(buffer: number, root: Value | null): number {
    return (root === null ? 0 : root.id + 1) * fn.buffers.length + buffer;
  }

  function countAccess(access: Access, from: Block): void {
    const { root, offset } = address(access);
    const key = groupKey(access.buffer, root);
    const last = root === null ? from : of(root).home;
    let block = from;
    for (;;) {
      let group = block.groups.get(key);
      if (group === undefined) {
        group = { count: 0, lowest: Number.POSITIVE_INFINITY };
        block.groups.set(key, group);
      }
      group.count++;
      if (block === from && offset < group.lowest) group.lowest = offset;
      if (block === last || !block.parent) break;
      block = block.parent;
    }
  }

  /** Backwards, so that every use of a value is seen before its definition. */
  function countUses(block: Block): void {
    for (const v of block.yields) use(v, block, block.instrs.length, true);
    let nextBarrier = block.instrs.length;
    for (let position = block.instrs.length - 1; position >= 0; position--) {
      const instr = block.instrs[position];
      let emitAt = position;
      switch (instr.op) {
        case 'loop':
        case 'if':
          countUses(blockOf(instr.body));
          nextBarrier = position;
          break;
        case 'store':
          nextBarrier = position;
          break;
        case 'prefetch':
          break;
        default: {
          const record = of(instr.result);
          if (record.uses === 0) continue;
          // A load may not move past a store, nor into a block.
          const movable = instr.op !== 'load' || nextBarrier >= record.lastUse;
          if (record.uses === 1 && !record.isUsedApart && movable) {
            record.isInlined = true;
            emitAt = record.lastUse;
          }
        }
      }
      for (const v of operands(instr)) use(v, block, emitAt, false);
      if (instr.op === 'load' || instr.op === 'store') countAccess(instr, block);
    }
  }

  /**
   * A yield may be computed into its parameter's local when nothing reads the parameter afterwards. Results of inner loops
   * are left alone: they live in the inner loop's locals.
   */
  function coalesce(instrs: readonly Instr[]): void {
    for (const instr of instrs) {
      if (instr.op === 'if') coalesce(instr.body);
      if (instr.op !== 'loop') continue;
      coalesce(instr.body);
      const body = blockOf(instr.body);
      instr.yields.forEach((v, i) => {
        const record = of(v);
        const { position, home, coalesced } = record;
        if (position < 0 || isConstant(v) || home !== body || coalesced !== undefined) return;
        if (of(instr.params[i]).lastUse <= position) record.coalesced = instr.params[i];
      });
    }
  }

  function deferred(v: Value): boolean {
    const { constant, splatBits, uses, isInlined } = of(v);
    return isInlined || uses === 0 || constant !== undefined || splatBits !== undefined;
  }

  function liveIns(loop: Loop): readonly Value[] {
    const found = new Set<Value>();
    const { first, last } = blockOf(loop.body);
    function visit(instrs: readonly Instr[]): void {
      for (const instr of instrs) {
        if (instr.op === 'loop' || instr.op === 'if') {
          for (const v of operands(instr)) read(v);
          visit(instr.body);
          if (instr.op === 'loop') for (const v of instr.yields) read(v);
          continue;
        }
        if ('result' in instr && (of(instr.result).uses === 0 || isConstant(instr.result))) continue;
        for (const v of operands(instr)) read(v);
      }
    }
    function read(v: Value): void {
      const { home, definition, constant, splatBits } = of(v);
      if (home.first >= first && home.first <= last) return;
      if (constant !== undefined || splatBits !== undefined) return;
      if (definition?.op !== 'size' && definition?.op !== 'scalar') found.add(v);
    }
    visit(loop.body);
    return [...found];
  }

  function pointerOf(loop: Loop, i: number): Pointer | null {
    const [param, next] = [loop.params[i], loop.yields[i]];
    const advance = of(next).definition;
    if (
      param.type.kind !== 'index' ||
      advance?.op !== 'binary' ||
      advance.fn !== 'add' ||
      advance.a !== param
    )
      return null;
    if (of(next).uses !== 1 || of(loop.results[i]).uses > 0 || loop.yields.includes(param)) return null;
    const by = constant(advance.b);
    const isInside = of(advance.b).home === blockOf(loop.body);
    if (by === undefined && isInside) return null;
    const readers = loop.body.filter((instr) => instr !== advance && operands(instr).includes(param));
    const accesses = readers.filter(
      (instr): instr is Access =>
        (instr.op === 'load' || instr.op === 'store') && address(instr).root === param,
    );
    const [first] = accesses;
    if (first === undefined || accesses.length < readers.length) return null;
    if (accesses.some((a) => a.buffer !== first.buffer || (a.op === 'store' && a.value === param)))
      return null;
    return {
      param,
      buffer: first.buffer,
      size: memBytes[first.mem],
      step: by === undefined ? advance.b : Number(by),
      // V8 folds offsets into all accesses but loads into every lane, which scalars may become.
      hasOffsets: accesses.every((a) => a.op === 'store' || a.mem !== 'f32' || a.result.type.lanes > 1),
    };
  }

  function pointers(loop: Loop): readonly Pointer[] {
    const isStraight = loop.body.every((instr) => instr.op !== 'loop' && instr.op !== 'if');
    if (!isStraight || loop.step !== 1 || of(loop.index).uses > 0) return [];
    return loop.params.flatMap((_, i) => pointerOf(loop, i) ?? []);
  }

  define(fn.body, null, 0, 0, [], []);
  countUses(blockOf(fn.body));
  coalesce(fn.body);

  return {
    blockOf,
    constant,
    splatBits: (v) => values[v.id]?.splatBits,
    definition: (v) => values[v.id]?.definition,
    deferred,
    coalesced: (v) => values[v.id]?.coalesced,
    address,
    groupKey,
    operands,
    liveIns,
    pointers,
  };
}
