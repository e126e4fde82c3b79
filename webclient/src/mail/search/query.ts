// The search language (docs: operators). Parsed here to a tree, printed back, and turned into a JMAP filter.
// print(parse(q)) parses to the same tree; what is no operator is a plain word, never an error.

export type Node =
  | { kind: 'word'; text: string; phrase: boolean }
  | { kind: 'operator'; name: string; value: string; phrase: boolean }
  | { kind: 'not'; node: Node }
  | { kind: 'and' | 'or'; nodes: Node[] };

export const OPERATORS = [
  'from', 'to', 'cc', 'bcc', 'subject', 'body', 'list', 'deliveredto', 'rfc822msgid', 'has', 'filename', 'is',
  'in', 'label', 'before', 'after', 'on', 'older_than', 'newer_than', 'larger', 'smaller',
] as const; // prettier-ignore

const KNOWN = new Set<string>(OPERATORS);
const MOST_NODES = 50;
const DEEPEST = 20;

type Token =
  | { type: 'word'; text: string; phrase: boolean }
  | { type: 'operator'; name: string; text: string; phrase: boolean }
  | { type: '-' | '(' | ')' | '{' | '}' | 'OR' };

function tokens(query: string): Token[] {
  const found: Token[] = [];
  let at = 0;
  const quoted = (): string => {
    // at stands on the opening quote; an unclosed one ends with the query
    let text = '';
    at += 1;
    while (at < query.length && query[at] !== '"') {
      if (query[at] === '\\' && at + 1 < query.length && /["\\]/.test(query[at + 1] ?? '')) at += 1;
      text += query[at] ?? '';
      at += 1;
    }
    at += 1;
    return text;
  };
  while (at < query.length) {
    const char = query[at] ?? '';
    if (/\s/.test(char)) {
      at += 1;
    } else if (char === '(' || char === ')' || char === '{' || char === '}') {
      found.push({ type: char });
      at += 1;
    } else if (char === '-' && /[^\s)}]/.test(query[at + 1] ?? ' ')) {
      found.push({ type: '-' });
      at += 1;
    } else if (char === '"') {
      const text = quoted();
      if (text.trim() !== '') found.push({ type: 'word', text, phrase: true });
    } else {
      const bare = /^[^\s(){}"]+/.exec(query.slice(at))?.[0] ?? char;
      const operator = /^([a-z_0-9]+):(.*)$/i.exec(bare);
      const name = operator?.[1]?.toLowerCase() ?? '';
      if (operator && KNOWN.has(name)) {
        at += bare.length;
        const rest = operator[2] ?? '';
        if (rest === '' && query[at] === '"')
          found.push({ type: 'operator', name, text: quoted(), phrase: true });
        else found.push({ type: 'operator', name, text: rest, phrase: false });
      } else {
        at += bare.length;
        if (bare === 'OR') found.push({ type: 'OR' });
        else found.push({ type: 'word', text: bare, phrase: false });
      }
    }
  }
  return found;
}

/** null for an empty query. */
export function parse(query: string): Node | null {
  const list = tokens(query);
  let at = 0;
  let count = 0;

  const sequence = (end: ')' | '}' | null, depth: number): Node | null => {
    const alternatives: Node[][] = [[]];
    const any: Node[] = [];
    while (at < list.length) {
      const token = list[at];
      if (!token) break;
      if (token.type === ')' || token.type === '}') {
        at += 1;
        if (token.type === end) break;
        continue; // one that closes nothing
      }
      if (token.type === 'OR') {
        at += 1;
        if (end !== '}') alternatives.push([]);
        continue;
      }
      const node = term(depth);
      if (!node) continue;
      if (end === '}') any.push(node);
      else alternatives.at(-1)?.push(node);
    }
    if (end === '}') return join('or', any);
    return join(
      'or',
      alternatives.flatMap((each) => join('and', each) ?? []),
    );
  };

  const term = (depth: number): Node | null => {
    const token = list[at];
    if (!token) return null;
    at += 1;
    if (token.type === '-') {
      const next = list[at];
      if (!next || next.type === ')' || next.type === '}' || next.type === 'OR') return null;
      const node = term(depth);
      // Twice not is what it was.
      return node && (node.kind === 'not' ? node.node : { kind: 'not', node });
    }
    if (token.type === '(' || token.type === '{') {
      if (depth >= DEEPEST) return null;
      return sequence(token.type === '(' ? ')' : '}', depth + 1);
    }
    if (token.type !== 'word' && token.type !== 'operator') return null;
    count += 1;
    if (count > MOST_NODES) return null;
    if (token.type === 'word') return { kind: 'word', text: token.text, phrase: token.phrase };
    if (token.text.trim() === '') return null;
    return { kind: 'operator', name: token.name, value: token.text, phrase: token.phrase };
  };

  return sequence(null, 0);
}

/** One node for several; those of the same kind are taken in. */
function join(kind: 'and' | 'or', nodes: Node[]): Node | null {
  const flat = nodes.flatMap((node) => (node.kind === kind ? node.nodes : [node]));
  if (flat.length === 0) return null;
  return flat.length === 1 ? (flat[0] ?? null) : { kind, nodes: flat };
}

const quote = (text: string) => `"${text.replace(/[\\"]/g, '\\$&')}"`;

export function print(node: Node | null): string {
  if (!node) return '';
  switch (node.kind) {
    case 'word':
      return node.phrase ? quote(node.text) : node.text;
    case 'operator':
      return `${node.name}:${node.phrase ? quote(node.value) : node.value}`;
    case 'not':
      return `-${grouped(node.node)}`;
    case 'and':
      return node.nodes.map((each) => (each.kind === 'or' ? grouped(each) : print(each))).join(' ');
    case 'or':
      return node.nodes
        .map((each) => (each.kind === 'and' ? grouped(each) : print(each)))
        .join(' OR ');
  }
}

const grouped = (node: Node) =>
  node.kind === 'and' || node.kind === 'or' ? `(${print(node)})` : print(node);

/** The terms at the top, for chips. */
export function termsOf(node: Node | null): Node[] {
  if (!node) return [];
  return node.kind === 'and' ? node.nodes : [node];
}

/** The query without one of its terms. */
export function without(node: Node | null, index: number): string {
  return print(
    join(
      'and',
      termsOf(node).filter((_, at) => at !== index),
    ),
  );
}

/** Words that look like an operator but are none of ours. */
export function unknownOperators(node: Node | null): string[] {
  if (!node) return [];
  if (node.kind === 'word') {
    return !node.phrase &&
      /^[a-z_]{2,}:\S/i.test(node.text) &&
      !/^(https?|mailto):/i.test(node.text)
      ? [node.text]
      : [];
  }
  if (node.kind === 'operator') return [];
  return (node.kind === 'not' ? [node.node] : node.nodes).flatMap(unknownOperators);
}
