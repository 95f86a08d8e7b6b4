/** Sorting what was numbered one after another: nodes of a graph, what is on the tape. */

/** Numbers for each item: beyond that, most places of a table by number would be empty. */
const MOST_NUMBERS_AN_ITEM = 8;

/** Sorts in place by numbers that are whole and of which no two are equal. Where they lie close together, nothing is compared. */
export function sortByNumber<T extends object>(items: T[], numberOf: (item: T) => number): void {
  if (items.length < 2) return;
  let least = Infinity;
  let most = -Infinity;
  for (let i = 0; i < items.length; i++) {
    const number = numberOf(items[i]);
    if (number < least) least = number;
    if (number > most) most = number;
  }
  if (most - least >= MOST_NUMBERS_AN_ITEM * items.length) {
    items.sort((a, b) => numberOf(a) - numberOf(b));
    return;
  }
  const byNumber: (T | null)[] = new Array(most - least + 1).fill(null);
  for (let i = 0; i < items.length; i++) byNumber[numberOf(items[i]) - least] = items[i];
  let at = 0;
  for (let i = 0; i < byNumber.length; i++) {
    const item = byNumber[i];
    if (item !== null) items[at++] = item;
  }
}
