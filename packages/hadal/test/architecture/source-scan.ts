/**
 * Reads the imports of a TypeScript file without a parser: comments and the contents of literals are blanked first, so that
 * what remains of the text is code, at its old place.
 */

export interface Import {
  /** The module specifier as written. */
  readonly from: string;
  /** Whether the import vanishes when types are erased. */
  readonly typeOnly: boolean;
  /** Line of the statement, counted from 1. */
  readonly line: number;
}

/** Characters before a slash that make it the start of a regular expression rather than a division. */
const beforeRegex = /(^|[=(,:;!&|?{}[\]+\-*%<>~^]|\b(return|typeof|case|of|in|yield|await))\s*$/;

/**
 * The text with comments and the contents of strings, templates and regular expressions replaced by spaces; newlines, quotes
 * and the code inside `${}` stay, so lines and columns do too.
 */
export function blankLiterals(text: string): string {
  let out = '';
  let i = 0;
  const blank = (end: number): void => {
    out += text.slice(i, end).replace(/[^\n]/g, ' ');
    i = end;
  };
  const keep = (count = 1): void => {
    out += text.slice(i, i + count);
    i += count;
  };

  /** From behind the opening backtick to behind the closing one. */
  const template = (): void => {
    while (i < text.length && text[i] !== '`') {
      if (text.startsWith('${', i)) {
        keep(2);
        code('}');
        keep();
      } else blank(Math.min(i + (text[i] === '\\' ? 2 : 1), text.length));
    }
    keep();
  };

  /** Code up to an unpaired `close`, or to the end. */
  const code = (close: string): void => {
    let depth = 0;
    while (i < text.length) {
      const char = text[i];
      if (char === close && depth === 0) return;
      if (text.startsWith('//', i)) {
        const end = text.indexOf('\n', i);
        blank(end < 0 ? text.length : end);
      } else if (text.startsWith('/*', i)) {
        const end = text.indexOf('*/', i + 2);
        blank(end < 0 ? text.length : end + 2);
      } else if (char === '`') {
        keep();
        template();
      } else if (char === "'" || char === '"' || (char === '/' && beforeRegex.test(out.slice(-40)))) {
        keep();
        blank(literalEnd(text, i, char));
        keep();
      } else {
        if (char === '{') depth++;
        if (char === '}') depth--;
        keep();
      }
    }
  };

  code('');
  return out;
}

/** Where the literal whose contents begin at `start` has its closing `quote`. */
function literalEnd(text: string, start: number, quote: string): number {
  let inClass = false;
  for (let i = start; i < text.length; i++) {
    const char = text[i];
    if (char === '\n') return i;
    if (char === '\\') i++;
    else if (quote === '/' && char === '[') inClass = true;
    else if (quote === '/' && char === ']') inClass = false;
    else if (char === quote && !inClass) return i;
  }
  return text.length;
}

/** Every static import, re-export and `import()` of a literal, in the order of the text. */
export function importsOf(text: string): Import[] {
  const code = blankLiterals(text);
  const statement =
    /(?<![.\w$])(?:(?<dynamic>import)\s*\(\s*|(?<keyword>import|export)\s+(?:(?<clause>[\w*{][^;'"`=]*?)\s*\bfrom\s*)?|(?<bare>import)\s*)(?<quote>['"])(?<blank>[^'"]*)\k<quote>/dg;
  const found: Import[] = [];
  for (const match of code.matchAll(statement)) {
    const groups = match.groups ?? {};
    const at = match.indices?.groups?.blank;
    if (at === undefined) continue;
    found.push({
      from: text.slice(at[0], at[1]),
      typeOnly: groups.dynamic === undefined ? isTypeClause(groups.clause) : isTypeQuery(code, match.index),
      line: code.slice(0, match.index).split('\n').length,
    });
  }
  return found;
}

/** Lines that use the type `any`, with their numbers; members of that name do not count. */
export function usesOfAny(text: string): string[] {
  return blankLiterals(text)
    .split('\n')
    .flatMap((line, i) => (/(?<![.\w$])any(?![\w$(:])/.test(line) ? [`${i + 1} ${line.trim()}`] : []));
}

/** `type X`, or a list in braces of which every member is a type. */
function isTypeClause(clause: string | undefined): boolean {
  if (clause === undefined) return false;
  if (/^type\b(?!\s*,|\s+from\b)/.test(clause)) return true;
  const members = /^\{([\s\S]*)\}$/
    .exec(clause.trim())?.[1]
    .split(',')
    .map((member) => member.trim());
  const named = members?.filter((member) => member !== '') ?? [];
  return named.length > 0 && named.every((member) => /^type\s/.test(member));
}

/** `typeof import('x')` and `import('x').Name` in a type position end before anything runs. */
function isTypeQuery(code: string, at: number): boolean {
  return (
    /\btypeof\s+$/.test(code.slice(Math.max(at - 20, 0), at)) ||
    /[:<|&]\s*$/.test(code.slice(Math.max(at - 20, 0), at))
  );
}
