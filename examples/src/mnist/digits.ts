/** Digits drawn with block characters, for a terminal. */
import type { Verdict } from './assessment.js';

/** Sides of an image in pixels. */
export const side = 28;

/** A verdict with its image: 784 bytes, row by row, 255 for ink. */
export interface Digit extends Verdict {
  readonly pixels: Uint8Array;
}

/**
 * Block elements by which of their quarters are filled: 1 for upper left, 2 upper right, 4 lower left, 8 lower right (Unicode
 * 2580 to 259F).
 */
const quarters = ' ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█';

/** Ink from which a quarter counts as filled. */
const threshold = 100;

/** Characters of a line of a drawing; one is two pixels wide and four high, about as high as it looks. */
export const drawingWidth = side / 2;

/** Seven lines of 14 characters. */
export function drawDigit(pixels: Uint8Array): string[] {
  const filled = (x: number, y: number): boolean =>
    (pixels[y * side + x] + pixels[(y + 1) * side + x]) / 2 >= threshold;
  const lines: string[] = [];
  for (let y = 0; y < side; y += 4) {
    let line = '';
    for (let x = 0; x < side; x += 2) {
      const parts = [filled(x, y), filled(x + 1, y), filled(x, y + 2), filled(x + 1, y + 2)];
      line += quarters[parts.reduce((sum, on, i) => sum + (on ? 2 ** i : 0), 0)];
    }
    lines.push(line);
  }
  return lines;
}

const perRow = 5;
const gap = '  ';

/** Digits side by side, each over what the network says of it; at most 78 columns. */
export function drawDigits(digits: readonly Digit[]): string {
  const rows: string[] = [];
  for (let i = 0; i < digits.length; i += perRow) {
    const row = digits.slice(i, i + perRow);
    const blocks = row.map((digit) => [...drawDigit(digit.pixels), caption(digit).padEnd(drawingWidth)]);
    const lines = blocks[0].map((_, y) =>
      blocks
        .map((block) => block[y])
        .join(gap)
        .trimEnd(),
    );
    // Many digits leave the same lines empty.
    rows.push(lines.filter((line) => line !== '').join('\n'));
  }
  return rows.join('\n\n');
}

/** At most as wide as a drawing: '7  99.9%', '7  61.3% not 1'. */
function caption({ truth, predicted, confidence }: Verdict): string {
  const wrong = predicted === truth ? '' : ` not ${truth}`;
  return `${predicted} ${(100 * confidence).toFixed(1).padStart(5)}%${wrong}`;
}
