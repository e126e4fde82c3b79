// Plain text as blocks of one quote level.

export interface Block {
  level: number;
  lines: string[];
  /** Folded at first: a quote at the end, or a long one. */
  folded: boolean;
}

const LONG_QUOTE = 14;
// More lines than that are shown cut: nobody reads them and layout takes seconds.
export const MOST_LINES = 20_000;

/** Quote marks at the beginning of a line: "> > " or ">>" (RFC 3676 §4.5), and the rest. */
function unquoted(line: string): { level: number; text: string } {
  let level = 0;
  let rest = line;
  while (rest.startsWith('>')) {
    level += 1;
    rest = rest.slice(1);
    if (rest.startsWith(' >')) rest = rest.slice(1);
  }
  return { level, text: level > 0 && rest.startsWith(' ') ? rest.slice(1) : rest };
}

export function blocksOf(text: string): { blocks: Block[]; cut: boolean } {
  const all = text.replace(/\r\n?/g, '\n').replace(/\s+$/, '').split('\n');
  const blocks: Block[] = [];
  for (const line of all.slice(0, MOST_LINES)) {
    const { level, text: rest } = unquoted(line);
    const last = blocks.at(-1);
    // Deeper quotes stay with the quote that holds them.
    if (last && last.level > 0 === level > 0)
      last.lines.push(level > 1 ? `${'> '.repeat(level - 1)}${rest}` : rest);
    else
      blocks.push({
        level: Math.min(level, 1),
        lines: [level > 1 ? `${'> '.repeat(level - 1)}${rest}` : rest],
        folded: false,
      });
  }
  const lastText = blocks.findLastIndex(
    (block) =>
      block.level === 0 &&
      block.lines.some((line) => line.trim() !== '' && !isSignature(block.lines, line)),
  );
  blocks.forEach((block, at) => {
    block.folded =
      block.level > 0 && blocks.length > 1 && (at > lastText || block.lines.length > LONG_QUOTE);
  });
  return { blocks, cut: all.length > MOST_LINES };
}

/** Whether the line belongs to a signature ("-- " and what follows, RFC 3676 §4.3). */
function isSignature(lines: string[], line: string): boolean {
  const mark = lines.findIndex((each) => each === '-- ' || each === '--');
  return mark >= 0 && lines.indexOf(line) >= mark;
}
