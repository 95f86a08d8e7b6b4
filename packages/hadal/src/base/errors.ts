/**
 * Typed errors. Every message says which op failed, what it was given, and what would work.
 * Users can catch the class (`ShapeError`) or the family (`HadalError`).
 */
export class HadalError extends Error {
  override name = 'HadalError';
}

/** Shapes of the operands do not fit the op. */
export class ShapeError extends HadalError {
  override name = 'ShapeError';
}

/** A dtype that the op or the engine does not take. */
export class DTypeError extends HadalError {
  override name = 'DTypeError';
}

/** An engine is missing, cannot run here, or failed. */
export class DeviceError extends HadalError {
  override name = 'DeviceError';
}

/** More memory is needed than there is. Nothing was allocated for it. */
export class OutOfMemoryError extends HadalError {
  override name = 'OutOfMemoryError';
}

/** A file or byte stream from outside does not have the form it should have. */
export class FormatError extends HadalError {
  override name = 'FormatError';
}

/** A file or folder cannot be read or written: missing, not allowed, disk full. */
export class FileError extends HadalError {
  override name = 'FileError';
  /** The file or folder. */
  readonly path: string;
  /** The system's name of the failure (`'ENOSPC'`, `'ENOENT'`), or `''`. */
  readonly code: string;

  constructor(message: string, path: string, code: string, options?: ErrorOptions) {
    super(message, options);
    this.path = path;
    this.code = code;
  }
}

/** An index lies outside of its dimension. */
export class IndexError extends HadalError {
  override name = 'IndexError';
}

/** An integer was divided by 0: integers have neither an infinity nor NaN to answer with. */
export class ZeroDivisionError extends HadalError {
  override name = 'ZeroDivisionError';
}

/** An argument has the wrong type or is out of its range. */
export class ArgumentError extends HadalError {
  override name = 'ArgumentError';
}

/** `backward()` was asked for something the tape cannot give. */
export class AutogradError extends HadalError {
  override name = 'AutogradError';
}

/** A value that was fused away is read after its inputs were overwritten. */
export class StaleValueError extends HadalError {
  override name = 'StaleValueError';
}

/** A function cannot be compiled, or a compiled one no longer does what the function does. */
export class CompileError extends HadalError {
  override name = 'CompileError';
}

/** A compiler pass produced an intermediate form its verifier refuses: a bug in hadal, never the user's fault. */
export class InternalError extends HadalError {
  override name = 'InternalError';
}

/** Narrows away `undefined` and `null` where the caller knows better than the type; throws `InternalError` if not. */
export function known<T>(value: T | undefined | null, what: string): T {
  if (value === undefined || value === null) throw new InternalError(`expected ${what}`);
  return value;
}
