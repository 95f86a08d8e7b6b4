/** A growing byte string with the number forms of the WebAssembly binary format: LEB128, little-endian floats, names. */
export class ByteWriter {
  #bytes = new Uint8Array(256);
  /** Of the bytes; made when a float is written. */
  #view: DataView | null = null;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  u8(value: number): void {
    if (this.#length === this.#bytes.length) this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /** A byte, and an unsigned LEB128 behind it: most instructions with an immediate. */
  pair(first: number, second: number): void {
    if (this.#length + 2 > this.#bytes.length) this.#reserve(2);
    this.#bytes[this.#length++] = first;
    if (second < 0x80) this.#bytes[this.#length++] = second;
    else this.unsigned(second);
  }

  /** Unsigned LEB128 of up to 32 bits. */
  unsigned(value: number): void {
    if (value >= 0 && value < 0x80) {
      this.u8(value);
      return;
    }
    let rest = value >>> 0;
    while (rest >= 0x80) {
      this.u8((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.u8(rest);
  }

  /** Signed LEB128 of 32 bits. */
  signed(value: number): void {
    let rest = value | 0;
    while (rest < -64 || rest > 63) {
      this.u8((rest & 0x7f) | 0x80);
      rest >>= 7;
    }
    this.u8(rest & 0x7f);
  }

  /** Signed LEB128 of 64 bits. */
  signed64(value: bigint): void {
    let rest = BigInt.asIntN(64, value);
    while (rest < -64n || rest > 63n) {
      this.u8(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.u8(Number(rest & 0x7fn));
  }

  float32(value: number): void {
    this.#reserve(4);
    this.#floats().setFloat32(this.#length, value, true);
    this.#length += 4;
  }

  float64(value: number): void {
    this.#reserve(8);
    this.#floats().setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  append(data: Uint8Array): void {
    this.#reserve(data.length);
    this.#bytes.set(data, this.#length);
    this.#length += data.length;
  }

  /** A byte string behind its length. */
  sized(data: Uint8Array): void {
    this.unsigned(data.length);
    this.append(data);
  }

  /** An ASCII name behind its length. */
  name(text: string): void {
    this.sized(Uint8Array.from(text, (c) => c.charCodeAt(0)));
  }

  /** The bytes so far: a view that the next write may leave behind. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + bytes));
    grown.set(this.#bytes);
    this.#bytes = grown;
    this.#view = null;
  }

  #floats(): DataView {
    this.#view ??= new DataView(this.#bytes.buffer);
    return this.#view;
  }
}
