/** Tables for a terminal of 80 columns. */
import { type Assessment, classFigures } from './assessment.js';

/** How well each class is recognised. */
export function classTable(assessment: Assessment): string {
  const head = ['digit', 'images', 'right', 'accuracy', 'mistaken most often for'];
  const rows = classFigures(assessment).map(({ name, images, right, confusedWith }) => [
    String(name),
    String(images),
    String(right),
    images === 0 ? '-' : (right / images).toFixed(4),
    confusedWith === null ? '-' : `${confusedWith.name} (${times(confusedWith.times)})`,
  ]);
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column].length)),
  );
  const last = head.length - 1;
  return [head, ...rows]
    .map((row) => row.map((cell, i) => (i === last ? cell : cell.padStart(widths[i]))).join('  '))
    .join('\n');
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

/** Rows are true classes, columns are predictions; zeros are dots, so that mistakes are seen. */
export function confusionTable({ confusion }: Assessment): string {
  const width = Math.max(4, ...confusion.flat().map((count) => String(count).length));
  const line = (label: string, row: readonly (string | number)[]): string =>
    [label.padStart(corner.length), ...row.map((cell) => String(cell).padStart(width))].join(' ');
  return [
    line(
      corner,
      confusion.map((_, k) => k),
    ),
    ...confusion.map((row, k) =>
      line(
        String(k),
        row.map((count) => (count === 0 ? '·' : count)),
      ),
    ),
  ].join('\n');
}

const corner = 'true \\ predicted';
