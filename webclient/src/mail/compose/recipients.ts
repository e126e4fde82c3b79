// Addresses as people type and paste them.
import type { EmailAddress } from '@/api/types';
import { neutral } from '@/body/links';

const ADDRESS = /^[^\s@<>(),;:"[\]]+@[^\s@<>(),;:"[\]]+$/u;

export function isAddress(email: string): boolean {
  if (email.length > 254 || !ADDRESS.test(email)) return false;
  const [local = '', domain = ''] = email.split('@');
  return (
    local.length <= 64 &&
    !/^\.|\.\.|\.$/.test(local) &&
    domain.split('.').every((label) => label !== '' && label.length <= 63 && !/^-|-$/.test(label))
  );
}

/** Cuts at commas, semicolons and line ends that stand outside quotes and angle brackets. */
function pieces(text: string): string[] {
  const found: string[] = [];
  let piece = '';
  let quoted = false;
  let angled = false;
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (char === '\\' && quoted) {
      piece += char + text.charAt(at + 1);
      at += 1;
      continue;
    }
    if (char === '"') quoted = !quoted;
    else if (!quoted && char === '<') angled = true;
    else if (!quoted && char === '>') angled = false;
    if (!quoted && !angled && /[,;\n\r\t]/.test(char)) {
      found.push(piece);
      piece = '';
    } else piece += char;
  }
  found.push(piece);
  return found.map((each) => each.trim()).filter((each) => each !== '');
}

function one(text: string): EmailAddress {
  const named = /^(.*?)\s*<\s*([^<>]*?)\s*>$/s.exec(text);
  if (named) {
    const name = (named[1] ?? '')
      .replace(/^"(.*)"$/s, '$1')
      .replace(/\\(.)/g, '$1')
      .trim();
    return { name: name || null, email: named[2] ?? '' };
  }
  return { name: null, email: text.replace(/^mailto:/i, '') };
}

/** What cannot be an address is kept as it stands, to be marked. */
export function parseRecipients(text: string): EmailAddress[] {
  return pieces(text).flatMap((piece) => {
    const words = piece.split(/\s+/);
    // A list pasted with spaces between.
    if (words.length > 1 && words.every((word) => isAddress(word))) return words.map(one);
    return [one(piece)];
  });
}

export const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

/** `more` behind `list`, each address once. */
export function joined(list: readonly EmailAddress[], more: readonly EmailAddress[]) {
  const found = [...list];
  for (const each of more) if (!found.some((had) => same(had.email, each.email))) found.push(each);
  return found;
}

export function without(list: readonly EmailAddress[], gone: readonly string[]): EmailAddress[] {
  return list.filter(({ email }) => !gone.some((each) => same(each, email)));
}

export const nameOf = ({ name, email }: EmailAddress): string =>
  neutral(name ?? '').trim() || email;
