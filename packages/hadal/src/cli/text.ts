/** Text for people: tables, sizes, bars. */

/** Columns by spaces; numbers and what looks like them to the right. */
export function table(rows: readonly (readonly string[])[], indent = ''): string {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length);
    });
  return rows
    .map((row) =>
      (
        indent +
        row
          .map((cell, i) =>
            /^[\d.,]+( ?[kMGT]?i?B| ?%)?$/.test(cell) ? cell.padStart(widths[i]) : cell.padEnd(widths[i]),
          )
          .join('  ')
      ).trimEnd(),
    )
    .join('\n');
}

const units = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** `12.3 MB`, by thousands. */
export function bytes(n: number): string {
  let value = n;
  let unit = 0;
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** `1,234,567`. */
export function count(n: number): string {
  return n.toLocaleString('en-US');
}

/** `1 tensor`, `1,234 tensors`. */
export function plural(n: number, noun: string): string {
  return `${count(n)} ${noun}${n === 1 ? '' : 's'}`;
}

const eighths = ' ▏▎▍▌▋▊▉█';

/** A bar of `width` characters that is full at 1. */
export function bar(share: number, width: number): string {
  const parts = Math.round(Math.min(Math.max(share, 0), 1) * width * 8);
  const rest = parts % 8;
  return '█'.repeat(parts >> 3) + (rest === 0 ? '' : eighths[rest]);
}

/** A text from outside without control characters, which could rewrite what stands on a terminal. */
export function plain(text: string): string {
  return text.replace(/\p{Cc}/gu, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** The candidate that `word` was probably meant to be: at most a third of its letters differ. */
export function closest(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = candidate.startsWith(word) && word.length > 1 ? 1 : editDistance(word, candidate);
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

/** Insertions, deletions, exchanges of one letter, and of two neighbours, from one word to another. */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      row[j] = Math.min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        row[j] = Math.min(row[j], rows[i - 2][j - 2] + 1);
    }
    rows.push(row);
  }
  return rows[a.length][b.length];
}
