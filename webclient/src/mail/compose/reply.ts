// Whom an answer goes to, and what it is called.
import type { Email, EmailAddress } from '@/api/types';

import { joined, same, without } from './recipients';

/** Recipients of a reply (RFC 5322 §3.6.3), `own` being all addresses of the one who answers. */
export function replyRecipients(
  email: Pick<Email, 'from' | 'to' | 'cc' | 'replyTo'>,
  own: readonly string[],
  all: boolean,
): { to: EmailAddress[]; cc: EmailAddress[] } {
  const from = email.from ?? [];
  const mine = from.some(({ email: address }) => own.some((each) => same(each, address)));
  // An answer to what one wrote oneself goes on to those it went to.
  if (mine) {
    const to = joined([], email.to ?? []);
    const cc = all ? without(email.cc ?? [], [...own, ...to.map((each) => each.email)]) : [];
    return { to: to.length > 0 ? to : joined([], from), cc: joined([], cc) };
  }
  const answer = email.replyTo?.length ? email.replyTo : from;
  const to = joined([], without(answer, own));
  const first = to.length > 0 ? to : joined([], answer);
  if (!all) return { to: first, cc: [] };
  const gone = [...own, ...first.map((each) => each.email)];
  return { to: first, cc: joined([], without([...(email.to ?? []), ...(email.cc ?? [])], gone)) };
}

const REPLY = /^\s*((re|aw|antw|sv|vs)(\[\d+\])?\s*:\s*)+/i;
const FORWARD = /^\s*((fwd?|wg|tr|vs)\s*:\s*)+/i;

export const replySubject = (subject: string | null): string =>
  `Re: ${(subject ?? '').replace(REPLY, '').trim()}`;
export const forwardSubject = (subject: string | null): string =>
  `Fwd: ${(subject ?? '').replace(FORWARD, '').trim()}`;

const MOST_REFERENCES = 60;

/** References of an answer (RFC 5322 §3.6.4); the first and the newest stay when there are too many. */
export function referencesOf(
  email: Pick<Email, 'messageId' | 'references' | 'inReplyTo'>,
): string[] {
  const parents = email.references ?? (email.inReplyTo?.length === 1 ? email.inReplyTo : []);
  const all = [...new Set([...parents, ...(email.messageId ?? [])])];
  return all.length <= MOST_REFERENCES
    ? all
    : [...all.slice(0, 1), ...all.slice(1 - MOST_REFERENCES)];
}

const WORDS =
  /(?<!\p{L})(attach(ed|ment|ments|ing)?|enclosed|anbei|anhang|anhänge|angehängt|beigefügt|anlage)(?!\p{L})/iu;

/** Whether the own words (without quote and signature) speak of a file. */
export function speaksOfFiles(subject: string, text: string): boolean {
  const own = text
    .split('\n')
    .filter((line) => !line.startsWith('>'))
    .join('\n')
    .split(/\n-- ?\n/)[0];
  return WORDS.test(own ?? '') || WORDS.test(subject.replace(REPLY, '').replace(FORWARD, ''));
}
