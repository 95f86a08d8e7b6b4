/**
 * Emits blocks of L3 as the code of one WebAssembly function. Its first parameter is the address of the argument block;
 * pointers, sizes and scalars are read from there once, on entry. Structured loops become `if (start < end) loop`, carried
 * values live in locals that the results keep using.
 */
import { InternalError, known } from '../../base/errors.js';
import { SLOT_BYTES } from '../../kernel/abi.js';
import type { Instr, L3Function, Value } from '../../kernel/l3.js';
import { memBytes } from '../../kernel/l3.js';
import { FunctionWriter } from './function-writer.js';
import type { WasmType } from './opcodes.js';
import type { Access, Address, Block, Loop, Plan, Pointer } from './plan.js';
import { emitOperation } from './value-emitter.js';

/** What is the same for all functions of a kernel. */
export interface KernelContext {
  readonly fn: L3Function;
  readonly plan: Plan;
  readonly relaxed: boolean;
  /** Compiles the body of a loop as a function of its own, if it should be one; its number and the values it takes. */
  outline(loop: Loop): { readonly index: number; readonly liveIns: readonly Value[] } | null;
}

function wasmTypeOf(v: Value): WasmType {
  if (v.type.lanes > 1) return 'v128';
  switch (v.type.kind) {
    case 'f32':
    case 'f64':
    case 'i64':
      return v.type.kind;
    case 'index':
    case 'i32':
    case 'mask':
      return 'i32';
  }
}

/** Copies of the body of a loop that only counts. */
const COPIES = 4;

export class FunctionEmitter {
  readonly writer: FunctionWriter;
  readonly context: KernelContext;
  /** By the id of a value. */
  readonly #locals: (number | undefined)[] = [];
  /** By buffer. */
  readonly #pointers: (number | undefined)[] = [];
  readonly #splats = new Map<number, number>();
  /** Addresses that are in locals now: by buffer and root, with the offset (in elements) already added. */
  #bases = new Map<number, { readonly local: number; readonly added: number }>();
  /** Whether the addresses are those of an outer block too, which must not see what is added. */
  #areBasesShared = false;

  /** `params` are the values the function takes behind the address of its arguments. */
  constructor(context: KernelContext, params: readonly Value[]) {
    this.context = context;
    this.writer = new FunctionWriter(['i32', ...params.map(wasmTypeOf)]);
    params.forEach((v, i) => {
      this.#locals[v.id] = i + 1;
    });
  }

  // --- values ----------------------------------------------------------------------------------------------------------

  /** Pushes a value. */
  push(v: Value): void {
    const { code } = this.writer;
    const known = this.#locals[v.id];
    if (known !== undefined) {
      code.get(known);
      return;
    }
    const { plan } = this.context;
    const constant = plan.constant(v);
    if (constant !== undefined) {
      if (v.type.kind === 'i64') code.i64(BigInt(constant));
      else if (v.type.kind === 'f32') code.f32(Number(constant));
      else if (v.type.kind === 'f64') code.f64(Number(constant));
      else code.i32(Number(constant));
      return;
    }
    const bits = plan.splatBits(v);
    if (bits !== undefined) {
      code.get(this.#splatLocal(bits));
      return;
    }
    const local = this.#localOf(v);
    if (local !== undefined) {
      code.get(local);
      return;
    }
    const definition = plan.definition(v);
    if (!definition || !plan.deferred(v))
      throw new InternalError(`L3 ${this.context.fn.name}: %${v.id} has no local`);
    emitOperation(this, definition);
  }

  /** The constant behind a value, for instructions with immediates. */
  constant(v: Value): number | bigint | undefined {
    return this.context.plan.constant(v);
  }

  /** The instruction whose code would be written right here if the value were pushed. */
  inlineDefinition(v: Value): Instr | null {
    const { plan } = this.context;
    if (plan.constant(v) !== undefined || this.#localOf(v) !== undefined || !plan.deferred(v)) return null;
    return plan.definition(v) ?? null;
  }

  /** Pushes a value and returns a local that holds it, for values needed twice; `done` gives the local back. */
  pushAndKeep(v: Value): { readonly local: number; done(): void } {
    const have = this.context.plan.constant(v) === undefined ? this.#localOf(v) : undefined;
    if (have !== undefined) {
      this.writer.code.get(have);
      return { local: have, done: () => undefined };
    }
    this.push(v);
    return this.keep(wasmTypeOf(v));
  }

  /** Keeps the top of the stack in a local as well. */
  keep(type: WasmType): { readonly local: number; done(): void } {
    const local = this.writer.local(type);
    this.writer.code.tee(local);
    return { local, done: () => this.writer.release(local) };
  }

  /** Pushes the address of an access and returns what its immediate has to add, in bytes. */
  pushAddress(access: Access): number {
    const { plan } = this.context;
    const { code } = this.writer;
    const size = memBytes[access.mem];
    const address = plan.address(access);
    if (!address.root) {
      code.get(this.#pointerLocal(access.buffer));
      return this.#addNegative(address.offset * size);
    }
    const key = plan.groupKey(access.buffer, address.root);
    const base = this.#bases.get(key);
    if (base) {
      code.get(base.local);
      return this.#addNegative((address.offset - base.added) * size);
    }
    const group = this.#block.groups.get(key);
    const shared = group !== undefined && group.count > 1;
    const added = Math.min(0, address.offset, shared ? group.lowest : 0);
    this.#pushBase(access.buffer, address, size);
    this.#addNegative(added * size);
    if (shared) {
      const local = this.writer.local('i32');
      this.#owned.push(local);
      code.tee(local);
      this.#addBase(key, local, added);
    }
    return (address.offset - added) * size;
  }

  #addBase(key: number, local: number, added: number): void {
    const bases = this.#areBasesShared ? new Map(this.#bases) : this.#bases;
    bases.set(key, { local, added });
    this.#bases = bases;
    this.#areBasesShared = false;
  }

  /** Pushes pointer + index * size. */
  #pushBase(buffer: number, address: Address, size: number): void {
    const { code } = this.writer;
    code.get(this.#pointerLocal(buffer));
    this.push(known(address.root, 'an index'));
    if (size > 1) {
      code.i32(Math.log2(size));
      code.op('i32.shl');
    }
    code.op('i32.add');
  }

  /** Offset immediates are unsigned, so negative offsets go into the address; returns the offset that is left. */
  #addNegative(bytes: number): number {
    if (bytes >= 0) return bytes;
    this.writer.code.i32(bytes);
    this.writer.code.op('i32.add');
    return 0;
  }

  #pointerLocal(buffer: number): number {
    const have = this.#pointers[buffer];
    if (have !== undefined) return have;
    const { prologue } = this.writer;
    prologue.get(0);
    prologue.memory('i32.load', 4, buffer * SLOT_BYTES);
    const local = this.#setOnEntry('i32');
    this.#pointers[buffer] = local;
    return local;
  }

  #splatLocal(bits: number): number {
    const have = this.#splats.get(bits);
    if (have !== undefined) return have;
    this.writer.prologue.splat32(bits);
    const local = this.#setOnEntry('v128');
    this.#splats.set(bits, local);
    return local;
  }

  /** A local that is written on entry, with what the prologue has just pushed. */
  #setOnEntry(type: WasmType): number {
    // Locals of the entry must not be ones that earlier code used for something else: that code may run again.
    const local = this.writer.entryLocal(type);
    this.writer.prologue.set(local);
    return local;
  }

  /** The local a value is in; sizes and scalars come into one on first need. */
  #localOf(v: Value): number | undefined {
    const have = this.#locals[v.id];
    if (have !== undefined) return have;
    const definition = this.context.plan.definition(v);
    if (definition === undefined || (definition.op !== 'size' && definition.op !== 'scalar'))
      return undefined;
    const { fn } = this.context;
    const { prologue } = this.writer;
    const before = fn.buffers.length + (definition.op === 'scalar' ? fn.sizes : 0);
    const type = wasmTypeOf(v);
    if (type === 'v128') throw new InternalError(`L3 ${fn.name}: %${v.id} is an argument of many lanes`);
    const wide = type === 'i64' || type === 'f64';
    prologue.get(0);
    prologue.memory(`${type}.load`, wide ? 8 : 4, (before + definition.slot) * SLOT_BYTES);
    const local = this.#setOnEntry(type);
    this.#locals[v.id] = local;
    return local;
  }

  // --- blocks ----------------------------------------------------------------------------------------------------------

  #currentBlock: Block | null = null;
  /** Values that nothing needs: the next positions of pointers. */
  #skipped: ReadonlySet<Value> = new Set();
  /** Locals to give back at the end of the current block. */
  #owned: number[] = [];

  get #block(): Block {
    return known(this.#currentBlock, 'an open block');
  }

  block(instrs: readonly Instr[]): void {
    const outer = this.#currentBlock;
    const owned = this.#owned;
    const bases = this.#bases;
    const areShared = this.#areBasesShared;
    this.#currentBlock = this.context.plan.blockOf(instrs);
    this.#owned = [];
    this.#areBasesShared = true;
    for (const instr of instrs) this.#instruction(instr);
    this.#yield(this.#currentBlock);
    for (const local of this.#owned) this.writer.release(local);
    this.#currentBlock = outer;
    this.#owned = owned;
    this.#bases = bases;
    this.#areBasesShared = areShared;
  }

  #bind(v: Value): number {
    const local = this.writer.local(wasmTypeOf(v));
    this.#owned.push(local);
    this.#locals[v.id] = local;
    return local;
  }

  #instruction(instr: Instr): void {
    const { plan } = this.context;
    const { code } = this.writer;
    switch (instr.op) {
      case 'store':
        emitOperation(this, instr);
        return;
      case 'prefetch':
        return;
      case 'loop':
        this.#loop(instr);
        return;
      case 'if':
        this.push(instr.cond);
        code.open('if');
        this.block(instr.body);
        code.end();
        return;
      case 'size':
      case 'scalar':
        return;
    }
    if (plan.deferred(instr.result) || this.#skipped.has(instr.result)) return;
    emitOperation(this, instr);
    const param = plan.coalesced(instr.result);
    if (param) {
      const local = known(this.#locals[param.id], 'a local of the loop parameter');
      this.#locals[instr.result.id] = local;
      code.set(local);
    } else {
      code.set(this.#bind(instr.result));
    }
  }

  /**
   * A loop that only counts, with addresses instead of indices in its locals. Its body is written `COPIES` times with a way out behind
   * each: no remainder is left over, V8 checks for interrupts once for all of them, and cannot mix their instructions, which would
   * need more registers than there are.
   */
  #counted(loop: Loop, pointers: readonly Pointer[]): void {
    const { code } = this.writer;
    const outer = this.#bases;
    const areShared = this.#areBasesShared;
    this.#areBasesShared = true;
    const places = pointers.map((pointer) => {
      const { param, buffer, size, step } = pointer;
      this.#pushBase(buffer, { root: loop.inits[loop.params.indexOf(param)], offset: 0 }, size);
      const local = this.writer.local('i32');
      this.#owned.push(local);
      code.set(local);
      const key = this.context.plan.groupKey(buffer, param);
      if (typeof step === 'number') {
        const add = (rounds: number): void => code.i32(rounds * step * size);
        return { local, key, add, folded: pointer.hasOffsets ? step : 0 };
      }
      const bytes = this.writer.local('i32');
      this.#owned.push(bytes);
      this.push(step);
      code.i32(size);
      code.op('i32.mul');
      code.set(bytes);
      return { local, key, add: () => code.get(bytes), folded: 0 };
    });
    const advance = ({ local, add }: (typeof places)[number], rounds: number): void => {
      code.get(local);
      add(rounds);
      code.op('i32.add');
      code.set(local);
    };
    const isPointer = (param: Value): boolean => pointers.some((p) => p.param === param);
    this.#carry(loop, isPointer);
    this.#skipped = new Set(loop.yields.filter((_, i) => isPointer(loop.params[i])));
    const left = this.writer.local('i32');
    this.#owned.push(left);
    this.push(loop.start);
    this.push(loop.end);
    code.op('i32.lt_u');
    code.open('if');
    this.push(loop.end);
    this.push(loop.start);
    code.op('i32.sub');
    code.set(left);
    code.open('block');
    code.open('loop');
    for (let copy = 0; copy < COPIES; copy++) {
      for (const place of places) {
        const { local, key, folded } = place;
        // What cannot be an offset moves with each copy. All copies then have the same offsets, so that V8 can keep the sums of
        // offset and start of memory, which loads into all lanes need, in registers.
        if (folded === 0 && copy > 0) advance(place, 1);
        this.#addBase(key, local, -copy * folded);
      }
      this.block(loop.body);
      if (copy < COPIES - 1) {
        code.get(left);
        code.i32(copy + 1);
        code.op('i32.eq');
        code.branchIf(1);
      }
    }
    for (const place of places) advance(place, place.folded === 0 ? 1 : COPIES);
    code.get(left);
    code.i32(-COPIES);
    code.op('i32.add');
    code.tee(left);
    code.branchIf(0);
    code.end();
    code.end();
    code.end();
    this.#skipped = new Set();
    this.#bases = outer;
    this.#areBasesShared = areShared;
  }

  /** Locals of what a loop carries, with what it starts as. */
  #carry(loop: Loop, isLeftOut: (param: Value) => boolean = () => false): void {
    const { code } = this.writer;
    loop.params.forEach((param, i) => {
      if (isLeftOut(param)) return;
      this.push(loop.inits[i]);
      const local = this.#bind(param);
      code.set(local);
      this.#locals[loop.results[i].id] = local;
    });
  }

  #loop(loop: Loop): void {
    const { plan } = this.context;
    const { code } = this.writer;
    const pointers = plan.pointers(loop);
    if (pointers.length > 0) {
      this.#counted(loop, pointers);
      return;
    }
    this.#carry(loop);
    const start = plan.constant(loop.start);
    const end = plan.constant(loop.end);
    const sure = start !== undefined && end !== undefined && start < end;
    if (end !== undefined && start !== undefined && !sure) return;

    this.push(loop.start);
    const index = this.#bind(loop.index);
    code.set(index);
    let pushEnd = () => this.push(loop.end);
    if (this.inlineDefinition(loop.end)) {
      this.push(loop.end);
      const local = this.writer.local('i32');
      this.#owned.push(local);
      code.set(local);
      pushEnd = () => code.get(local);
    }
    if (!sure) {
      code.get(index);
      pushEnd();
      code.op('i32.lt_u');
      code.open('if');
    }
    code.open('loop');
    const outlined = this.context.outline(loop);
    if (outlined) {
      code.get(0);
      for (const v of outlined.liveIns) this.push(v);
      code.call(outlined.index);
    } else {
      this.block(loop.body);
    }
    code.get(index);
    code.i32(loop.step);
    code.op('i32.add');
    code.tee(index);
    pushEnd();
    code.op('i32.lt_u');
    code.branchIf(0);
    code.end();
    if (!sure) code.end();
  }

  /** Hands a loop's values to the next round: all are pushed before any is written, since they may trade places. */
  #yield(block: Block): void {
    const loop = block.parent?.instrs[block.position];
    if (loop?.op !== 'loop') return;
    const moved = loop.params.filter((param, i) => {
      const value = loop.yields[i];
      return value !== param && !this.#skipped.has(value) && this.context.plan.coalesced(value) !== param;
    });
    for (const param of moved) this.push(loop.yields[loop.params.indexOf(param)]);
    for (const param of moved.reverse())
      this.writer.code.set(known(this.#locals[param.id], 'a local of the loop parameter'));
  }
}
