/**
 * Reads JSON (RFC 8259) piece by piece as its reader expects it. Unlike `JSON.parse` it knows the byte offset of everything, refuses a
 * name that appears twice in one object, and builds nothing that its reader did not ask for, so memory stays in proportion to what is
 * kept.
 */
import { FormatError } from '../base/errors.js';

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] = [0x7b, 0x7d, 0x5b, 0x5d];
const [ZERO, NINE] = [0x30, 0x39];

const utf8 = new TextDecoder('utf-8', { fatal: true });

export class JsonCursor {
  readonly #bytes: Uint8Array;
  readonly #name: string;
  readonly #base: number;
  #at = 0;

  /**
   * @param name what error messages call the file.
   * @param base the offset of `bytes` in that file.
   */
  constructor(bytes: Uint8Array, name: string, base: number) {
    this.#bytes = bytes;
    this.#name = name;
    this.#base = base;
  }

  /** The offset in the file of the next token. */
  get offset(): number {
    this.#skipSpace();
    return this.#base + this.#at;
  }

  /** An error at a byte of the file; by default at the next token, saying what is there. */
  error(expected: string, found = this.#next(), offset = this.offset): FormatError {
    return new FormatError(`${this.#name}, byte ${offset}: expected ${expected}, found ${found}`);
  }

  /** The names of an object's members; the value of each must be read before the next name is asked for. */
  *members(what: string): Generator<string> {
    this.#take(OPEN_BRACE, `{ (${what})`);
    if (this.#accept(CLOSE_BRACE)) return;
    const seen = new Set<string>();
    do {
      const { offset } = this;
      const name = this.string(`a name of ${what}`);
      if (seen.has(name)) throw this.error('names that differ', `${quoted(name)} a second time`, offset);
      // Files never have this name, and code that puts members into plain objects would change their prototype.
      if (name === '__proto__') throw this.error(`a name of ${what}`, quoted(name), offset);
      seen.add(name);
      this.#take(COLON, 'a colon');
      yield name;
    } while (this.#accept(COMMA));
    this.#take(CLOSE_BRACE, ', or }');
  }

  /** The positions of an array's elements; each element must be read before the next position is asked for. */
  *elements(what: string): Generator<number> {
    this.#take(OPEN_BRACKET, `[ (${what})`);
    if (this.#accept(CLOSE_BRACKET)) return;
    let i = 0;
    do yield i++;
    while (this.#accept(COMMA));
    this.#take(CLOSE_BRACKET, ', or ]');
  }

  string(what: string): string {
    const { offset } = this;
    if (this.#bytes[this.#at] !== QUOTE) throw this.error(`${what} (a string)`);
    let end = this.#at + 1;
    while (end < this.#bytes.length && this.#bytes[end] !== QUOTE)
      end += this.#bytes[end] === BACKSLASH ? 2 : 1;
    if (end >= this.#bytes.length)
      throw this.error('a closing quote', 'the end', this.#base + this.#bytes.length);
    const token = this.#bytes.subarray(this.#at, end + 1);
    this.#at = end + 1;
    try {
      return JSON.parse(utf8.decode(token)) as string;
    } catch {
      throw this.error(
        `${what} (a string)`,
        'a bad escape, a control character or bytes that are not UTF-8',
        offset,
      );
    }
  }

  /** An integer from 0 to 2^53 - 1. */
  integer(what: string): number {
    const { offset } = this;
    const start = this.#at;
    let end = start;
    while (this.#bytes[end] >= ZERO && this.#bytes[end] <= NINE) end++;
    const follows = String.fromCharCode(this.#bytes[end] ?? 0x20);
    // A number of 17 digits or more is above 2^53 or has zeros in front.
    const digits = utf8.decode(this.#bytes.subarray(start, Math.min(end, start + 17)));
    const value = Number(digits);
    const leadingZero = digits.length > 1 && digits.startsWith('0');
    if (end === start || leadingZero || /[.eE]/.test(follows))
      throw this.error(`${what} (an integer, 0 or more)`);
    if (!Number.isSafeInteger(value) || digits.length > 16) {
      throw this.error(
        `${what} (an integer below 2^53)`,
        `${digits}${end - start > 17 ? '...' : ''}`,
        offset,
      );
    }
    this.#at = end;
    return value;
  }

  /** Checks that nothing but white space is left. */
  end(): void {
    this.#skipSpace();
    if (this.#at < this.#bytes.length) throw this.error('the end of the header');
  }

  #skipSpace(): void {
    while (true) {
      const byte = this.#bytes[this.#at];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return;
      this.#at++;
    }
  }

  #accept(byte: number): boolean {
    this.#skipSpace();
    if (this.#bytes[this.#at] !== byte) return false;
    this.#at++;
    return true;
  }

  #take(byte: number, expected: string): void {
    if (!this.#accept(byte)) throw this.error(expected);
  }

  #next(): string {
    this.#skipSpace();
    const byte = this.#bytes[this.#at];
    if (byte === undefined) return 'the end';
    return byte > 0x20 && byte < 0x7f
      ? `'${String.fromCharCode(byte)}'`
      : `byte 0x${byte.toString(16).padStart(2, '0')}`;
  }
}

/** A string from a file, short enough for a message and without control characters. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text);
}
