/** HTML text in which everything that is inserted is escaped. */

/** Text that is HTML already; only `html` and `trusted` make it. */
class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type { Html };

export type Insert = Html | string | number | readonly Html[];

/** Template for elements, and for attributes as long as their values are in double quotes. */
export function html(strings: TemplateStringsArray, ...inserts: readonly Insert[]): Html {
  return new Html(strings.reduce((text, part, i) => text + insertText(inserts[i - 1]) + part));
}

/** Text that this program itself holds, such as a style sheet, where an escape would be no escape. */
export function trusted(text: string): Html {
  return new Html(text);
}

function insertText(insert: Insert): string {
  if (insert instanceof Html) return insert.text;
  if (typeof insert === 'object') return insert.map(({ text }) => text).join('');
  return escapeText(String(insert));
}

const entities: { readonly [character: string]: string } = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character]);
}
