/** The size that an image may have, by its header. */
import { FormatError } from '../base/errors.js';

/** @throws FormatError if an image has no pixels or more than `maxPixels`. */
export function checkPixels(
  width: number,
  height: number,
  maxPixels: number,
  name: string,
  offset: number,
): void {
  if (width < 1 || height < 1) {
    throw new FormatError(
      `${name}, byte ${offset}: expected a width and a height above 0, found ${width} x ${height}`,
    );
  }
  if (width * height > maxPixels) {
    throw new FormatError(
      `${name}, byte ${offset}: expected at most ${maxPixels} pixels (the option maxPixels), found ${width} x ${height}`,
    );
  }
}
