/**
 * What the code generator knows of one L3 value: how it is used, whether it needs a register at all, and which it got.
 *
 * A value that **stays virtual** has no place of its own: its instruction is emitted as part of those that use it (a load as
 * a memory operand, an addition of a constant as a displacement, a comparison as the flags of a branch).
 * A value that can be **recomputed** (constants, arguments) has an interval only to save work; when it loses its register it
 * is read again from the constant pool or the argument block.
 */
import type { Instr, Value } from '../../kernel/l3.js';

export type RegisterClass = 'gpr' | 'vec' | 'mask';

export type Recompute =
  /** The same 32 bits in each lane, from the constant pool. */
  | { readonly from: 'bits'; readonly bits: number }
  /** An f64, the same in each lane, from the constant pool. */
  | { readonly from: 'double'; readonly value: number }
  /** The same 64 bits in each lane, from the constant pool. */
  | { readonly from: 'long'; readonly value: bigint }
  /** 32 bits for each lane, from the constant pool; `name` is what the pool knows them by. */
  | { readonly from: 'lanes'; readonly name: string; readonly lanes: readonly number[] }
  /** An integer, as an immediate. */
  | { readonly from: 'integer'; readonly value: number | bigint }
  /** A mask that is all on or all off. */
  | { readonly from: 'mask'; readonly on: boolean }
  /** A slot of the argument block. */
  | { readonly from: 'argument'; readonly slot: number };

export interface Node {
  /** What it is called if it is not an L3 value; see `nameOf`. */
  readonly name: string | null;
  /** Of the L3 value, or -1. */
  readonly id: number;
  readonly kind: Value['type']['kind'];
  readonly lanes: number;
  readonly cls: RegisterClass;
  readonly def: Instr | null;
  recompute: Recompute | null;
  dead: boolean;
  virtual: 'no' | 'memory' | 'address' | 'flags';

  // counted backwards over the function
  uses: number;
  addressUses: number;
  /** Uses that could take a memory operand, and where; only while all lie in one stretch without stores. */
  memoryUses: number;
  useEpoch: number;
  consumer: Node | null;
  /** One of its operands is read from memory. */
  takesMemory: boolean;
  /** Its last use was counted where flags serve as well. */
  flagsUse: boolean;

  /** An index as addresses use it, once `resolved`: a register and a constant, or a constant alone. */
  base: Node | null;
  offset: number;
  resolved: boolean;

  // the live interval: inclusive, four positions an instruction
  start: number;
  end: number;
  /** How much worse the code gets without a register. */
  weight: number;
  /** The outermost loop that this value lives through, of those numbered last. */
  through: object | null;
  /** The instruction of the function's body that first uses a recomputed value, within it or in its own body; else -1. */
  firstTop: number;
  /** Registers worth having: of the value this one goes on from, and of the loop parameter it becomes. */
  hint: Node | null;
  target: Node | null;
  /** End of the loop whose parameter this is, else -1. */
  carriedUntil: number;

  reg: number;
  /** Byte offset of the stack slot; -1 without. */
  slot: number;
  spilled: boolean;
  /** It lost its register in an earlier round of allocation. */
  forced: boolean;
}

/** For listings and errors. */
export function nameOf(n: Node): string {
  return n.name ?? `%${n.id}`;
}

export function makeNode(
  name: string | null,
  id: number,
  kind: Node['kind'],
  lanes: number,
  cls: RegisterClass,
  def: Instr | null,
): Node {
  return {
    name,
    id,
    kind,
    lanes,
    cls,
    def,
    recompute: null,
    dead: false,
    virtual: 'no',
    uses: 0,
    addressUses: 0,
    memoryUses: 0,
    useEpoch: -1,
    consumer: null,
    takesMemory: false,
    flagsUse: false,
    base: null,
    offset: 0,
    resolved: false,
    start: -1,
    end: -1,
    // Weights outgrow small integers: V8 gives the field a float64 from the start, where it would move all nodes later.
    weight: -0,
    through: null,
    firstTop: -1,
    hint: null,
    target: null,
    carriedUntil: -1,
    reg: -1,
    slot: -1,
    spilled: false,
    forced: false,
  };
}
