// Addresses in what strangers wrote: finding them in plain text, saying where they lead.

export type Piece = { text: string } | { text: string; href: string };

const FOUND =
  /\bhttps?:\/\/[^\s<>"'`\u0000-\u001f\u202a-\u202e\u2066-\u2069]+|\b[\w.!#$%&*+/=?^{|}~-]{1,64}@[a-z0-9-]+(?:\.[a-z0-9-]+)+/gi;

/** Splits a line at the web and mail addresses in it. */
export function linkify(line: string): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (const match of line.matchAll(FOUND)) {
    // What closes a sentence or a bracket that was opened before belongs to the text around.
    let text = match[0].replace(/[.,;:!?*_~]+$/, '');
    while (
      /[)\]}]$/.test(text) &&
      count(text, text.at(-1) ?? '') > count(text, OPENING[text.at(-1) ?? ''] ?? '')
    ) {
      text = text.slice(0, -1).replace(/[.,;:!?]+$/, '');
    }
    const href = /^https?:/i.test(text) ? text : `mailto:${text}`;
    if (/^https?:/i.test(text) && !URL.canParse(text)) continue;
    if (match.index > at) pieces.push({ text: line.slice(at, match.index) });
    pieces.push({ text, href });
    at = match.index + text.length;
  }
  if (at < line.length) pieces.push({ text: line.slice(at) });
  return pieces;
}

const OPENING: Record<string, string> = { ')': '(', ']': '[', '}': '{' };
const count = (text: string, char: string) => text.split(char).length - 1;

/** The host that an address leads to, in ASCII (xn--…), so that no look-alike letter passes; else ''. */
export function hostOf(href: string): string {
  try {
    const url = new URL(href);
    if (url.protocol === 'mailto:') return url.pathname;
    return url.protocol === 'http:' || url.protocol === 'https:' ? url.host : '';
  } catch {
    return '';
  }
}

/** The host that a link's text names, when the text looks like an address; else ''. */
export function namedHost(text: string): string {
  const found = /^\s*(?:https?:\/\/)?((?:[\p{L}\p{N}-]+\.)+[\p{L}]{2,})(?:[/:?#]\S*)?\s*$/u.exec(
    text,
  )?.[1];
  return found === undefined ? '' : hostOf(`https://${found}`);
}

const bare = (host: string) => host.replace(/^www\./, '').replace(/:\d+$/, '');

/** The text names one host and the link leads to another. Subdomains of either count as the same. */
export function misleads(text: string, href: string): { shown: string; host: string } | null {
  const shown = bare(namedHost(text));
  const host = bare(hostOf(href));
  if (shown === '' || host === '' || shown === host) return null;
  if (host.endsWith(`.${shown}`) || shown.endsWith(`.${host}`)) return null;
  return { shown, host };
}

// Letters that turn or hide the text around them: shown in names and subjects they would lie.
const BIDI = /[\u200e\u200f\u202a-\u202e\u2066-\u2069\u061c]/g;
const INVISIBLE =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u180e\u200b\u2060-\u2064\ufeff\ufff9-\ufffb]/g;

/** A name, subject or file name without letters that turn or hide the others. */
export function neutral(text: string): string {
  return text.replace(BIDI, '').replace(INVISIBLE, '');
}

const SCRIPTS = [
  /\p{Script=Latin}/u,
  /\p{Script=Cyrillic}/u,
  /\p{Script=Greek}/u,
  /\p{Script=Armenian}/u,
  /\p{Script=Cherokee}/u,
];

/** Letters of scripts that look alike stand in one label of a host name. */
export function mixesScripts(host: string): boolean {
  return host.split('.').some((label) => SCRIPTS.filter((script) => script.test(label)).length > 1);
}
