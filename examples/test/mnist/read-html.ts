/** Reads HTML strictly enough to notice what a browser would mend: a tag left open, a quote or a `<` that is not escaped. */

export interface Element {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
}

export interface Page {
  readonly elements: readonly Element[];
  /** What stands between tags, unescaped and trimmed; not that of `style`. */
  readonly text: readonly string[];
}

/** Elements without an end (HTML standard, section 13.1.2); those of SVG end themselves with a slash. */
const alone = new Set(['!doctype', 'meta', 'img', 'br']);

const tagPattern = /<(\/?)([!a-zA-Z][a-zA-Z0-9]*)((?:\s+[a-zA-Z:-][a-zA-Z0-9:-]*(?:="[^"<>]*")?)*)\s*(\/?)>/y;
const textPattern = /[^<]+/y;

/** @throws if a tag is not well formed, or ends where it did not begin. */
export function readHtml(source: string): Page {
  const elements: Element[] = [];
  const text: string[] = [];
  const open: string[] = [];
  let at = 0;
  while (at < source.length) {
    const tag = matchAt(tagPattern, source, at);
    const match = tag ?? matchAt(textPattern, source, at);
    if (match === null) throw new Error(`not well formed: ${source.slice(at, at + 60)}`);
    at += match[0].length;
    if (tag === null) {
      if (open.at(-1) !== 'style') addText(text, match[0]);
      continue;
    }
    const [, end, rawName, attributes, self] = tag;
    const name = rawName.toLowerCase();
    if (end === '/') {
      const begun = open.pop();
      if (begun !== name) throw new Error(`</${name}> ends <${begun}>`);
      continue;
    }
    elements.push({ name, attributes: readAttributes(attributes) });
    if (!alone.has(name) && self !== '/') open.push(name);
  }
  if (open.length > 0) throw new Error(`left open: ${open.join(' ')}`);
  return { elements, text };
}

function matchAt(pattern: RegExp, source: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(source);
}

function addText(text: string[], raw: string): void {
  if (/&(?!(?:amp|lt|gt|quot|#39);)/.test(raw)) throw new Error(`not escaped: ${raw}`);
  const trimmed = unescaped(raw).trim();
  if (trimmed !== '') text.push(trimmed);
}

function readAttributes(raw: string): Map<string, string> {
  const found = raw.matchAll(/([a-zA-Z:-][a-zA-Z0-9:-]*)(?:="([^"]*)")?/g);
  return new Map([...found].map(([, name, value]) => [name.toLowerCase(), unescaped(value ?? '')]));
}

function unescaped(raw: string): string {
  return raw
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');
}
