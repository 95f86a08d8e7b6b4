/** The constants behind a function's code, which its instructions address from the instruction pointer. */

interface Use {
  readonly at: number;
  readonly constant: number;
  /** End of the instruction, which the address counts from. */
  readonly end: number;
}

export class ConstantPool {
  readonly #constants: Uint8Array[] = [];
  readonly #ids = new Map<string, number>();
  readonly #words = new Map<number, number>();
  readonly #uses: Use[] = [];

  /** The constant with these 4 bytes. */
  word(bits: number): number {
    const have = this.#words.get(bits);
    if (have !== undefined) return have;
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, bits >>> 0, true);
    this.#constants.push(bytes);
    this.#words.set(bits, this.#constants.length - 1);
    return this.#constants.length - 1;
  }

  /** The constant with these bytes; as many as the widest read of it. */
  bytes(key: string, make: () => Uint8Array): number {
    const have = this.#ids.get(key);
    if (have !== undefined) return have;
    this.#constants.push(make());
    this.#ids.set(key, this.#constants.length - 1);
    return this.#constants.length - 1;
  }

  /** Notes that the 4 bytes at `at` are the distance from `end` to a constant. */
  use(constant: number, at: number, end: number): void {
    this.#uses.push({ at, constant, end });
  }

  /** The code with its constants behind it, largest first so that each is aligned, and with the distances to them. */
  appendedTo(code: Uint8Array): Uint8Array<ArrayBuffer> {
    const order = this.#constants
      .map((_, i) => i)
      .sort((a, b) => this.#constants[b].length - this.#constants[a].length);
    const start = order.length > 0 ? (code.length + 63) & ~63 : code.length;
    const offsets: number[] = [];
    let end = start;
    for (const id of order) {
      offsets[id] = end;
      end += this.#constants[id].length;
    }
    const out = new Uint8Array(end);
    out.set(code);
    for (const id of order) out.set(this.#constants[id], offsets[id]);
    const view = new DataView(out.buffer);
    for (const { at, constant, end: from } of this.#uses)
      view.setInt32(at, (offsets[constant] ?? 0) - from, true);
    return out;
  }
}
