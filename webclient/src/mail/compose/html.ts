// Between the editor's markup, plain text and what is sent.
import { clean } from '@/body/purify';

import type { Draft } from './draft';

/** Inert: nothing is loaded or run. */
export function parsed(html: string): HTMLElement {
  const root = document.implementation.createHTMLDocument('').body;
  root.innerHTML = html;
  return root;
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
export const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (char) => ENTITIES[char] ?? char);

export function textToHtml(text: string): string {
  return text
    .split('\n')
    .map((line) => `<p>${escaped(line)}</p>`)
    .join('');
}

const BLOCKS = new Set(['P', 'DIV', 'LI', 'UL', 'OL', 'BLOCKQUOTE', 'PRE', 'TR', 'TABLE', 'H1', 'H2', 'H3', 'H4', 'HR']); // prettier-ignore

/** The words of markup, quotes with "> ", lists with "- ". */
export function htmlToText(html: string): string {
  const root = parsed(html.replace(/\sstyle\s*=\s*("[^"]*"|'[^']*')/gi, ''));
  return linesOf(root)
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
}

function linesOf(node: Node): string[] {
  let lines = [''];
  const write = (text: string) => {
    lines[lines.length - 1] = (lines.at(-1) ?? '') + text;
  };
  for (const child of node.childNodes) {
    if (child instanceof Text) write(child.data.replace(/[\r\n]+/g, ' '));
    if (!(child instanceof Element) || /^(STYLE|SCRIPT|TITLE)$/.test(child.tagName)) continue;
    if (child.tagName === 'BR') lines.push('');
    else if (child.tagName === 'IMG') write(child.getAttribute('alt') ?? '');
    else if (child.tagName === 'PRE') lines.push(...child.textContent.split('\n'), '');
    else if (BLOCKS.has(child.tagName)) {
      let inner = linesOf(child);
      while (inner.at(-1) === '' && inner.length > 1) inner.pop();
      if (inner[0] === '' && inner.length > 1) inner.shift();
      if (child.tagName === 'BLOCKQUOTE') inner = inner.map((line) => (line ? `> ${line}` : '>'));
      if (child.tagName === 'LI')
        inner = inner.map((line, at) => (at === 0 ? `- ${line}` : `  ${line}`));
      if (lines.at(-1) === '') lines.pop();
      lines.push(...inner, '');
    } else {
      const inner = linesOf(child);
      write(inner[0] ?? '');
      lines = [...lines, ...inner.slice(1)];
    }
  }
  return lines;
}

/** Cleaned markup of a stranger; pictures from elsewhere keep their address (the page loads none). */
export function safeHtml(html: string, cid: ReadonlyMap<string, string>): string {
  const first = clean(html, { cid, images: new Map() });
  const images = new Map(first.remote.map((url) => [url, url]));
  return clean(html, { cid, images }).body.innerHTML;
}

const QUOTE = 'mailsys_quote';

export function withQuote(html: string, quote: string): string {
  return `${html}<div class="${QUOTE}">${quote}</div>`;
}

/** The change that puts the quote into the text, to be edited. */
export function withQuoteOpen(draft: Draft): Partial<Draft> {
  if (!draft.quote) return {};
  return {
    html: `${draft.html}${draft.quote.html}`,
    text: `${draft.text}\n\n${draft.quote.text}`,
    quote: null,
  };
}

/** Splits what `withQuote` joined. The editor's own markup holds no such element: the first one is it. */
export function splitQuote(html: string): { html: string; quote: string | null } {
  const start = `<div class="${QUOTE}">`;
  const at = html.indexOf(start);
  const rest = html.slice(at).trimEnd();
  if (at < 0 || !rest.endsWith('</div>')) return { html, quote: null };
  return { html: html.slice(0, at), quote: rest.slice(start.length, -'</div>'.length) };
}

/** Puts `cid:` for our own addresses of parts. */
function withCids(html: string, cidOf: ReadonlyMap<string, string>): string {
  let found = html;
  for (const [address, cid] of cidOf)
    found = found.replaceAll(`"${escaped(address)}"`, () => `"cid:${cid}"`);
  return found;
}

/** What the editor holds, and the quote, as they are sent: lines as close as they were seen. */
export function outgoing(
  html: string,
  quote: string | null,
  cidOf: ReadonlyMap<string, string>,
): string {
  const root = parsed(html);
  for (const line of root.querySelectorAll('p')) {
    line.style.margin = '0'; // not as an attribute: the page's policy would complain
    if (!line.hasChildNodes()) line.append(root.ownerDocument.createElement('br'));
  }
  const own = root.innerHTML;
  return withCids(quote === null ? own : withQuote(own, quote), cidOf);
}

export const quotedText = (text: string): string =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => (line.startsWith('>') ? `>${line}` : line === '' ? '>' : `> ${line}`))
    .join('\n');
