// Whom an answer goes to, and what it is called.
import { isOwn } from '@/api/submissions';
import type { Email, EmailAddress } from '@/api/types';
import { parseMailto } from '@/body/mailto';

import { joined, same, without } from './recipients';

type Answered = Pick<Email, 'from' | 'to' | 'cc' | 'replyTo'> &
  Partial<Pick<Email, 'header:List-Post:asURLs' | 'header:Mail-Followup-To:asAddresses'>>;

export type ReplyKind = 'reply' | 'reply-all' | 'reply-list';

/** Where one writes to the mailing list that a message came from; null: from none. */
export function listOf(email: Pick<Answered, 'header:List-Post:asURLs'>): EmailAddress | null {
  for (const url of email['header:List-Post:asURLs'] ?? []) {
    const [address] = parseMailto(url)?.to ?? [];
    if (address) return address;
  }
  return null;
}

const notOwn = (list: readonly EmailAddress[], own: readonly string[]) =>
  list.filter(({ email }) => !isOwn(email, own));

/** Recipients of an answer (RFC 5322 §3.6.3), `own` being all addresses of the one who answers. */
export function replyRecipients(
  email: Answered,
  own: readonly string[],
  kind: ReplyKind,
): { to: EmailAddress[]; cc: EmailAddress[] } {
  const from = email.from ?? [];
  const all = kind === 'reply-all';
  const list = listOf(email);
  if (kind === 'reply-list' && list) return { to: [list], cc: [] };
  // An answer to what one wrote oneself goes on to those it went to.
  if (from.some(({ email: address }) => isOwn(address, own))) {
    const to = joined([], email.to ?? []);
    const gone = to.map((each) => each.email);
    const cc = all ? without(notOwn(email.cc ?? [], own), gone) : [];
    return { to: to.length > 0 ? to : joined([], from), cc: joined([], cc) };
  }
  // Who is subscribed asks by this field not to get an answer twice.
  const followUp = notOwn(email['header:Mail-Followup-To:asAddresses'] ?? [], own);
  if (all && followUp.length > 0) return { to: joined([], followUp), cc: [] };
  const answer = email.replyTo?.length ? email.replyTo : from;
  const to = joined([], notOwn(answer, own));
  const first = to.length > 0 ? to : joined([], answer);
  if (!all) return { to: first, cc: [] };
  const rest = notOwn([...(email.to ?? []), ...(email.cc ?? [])], own);
  return {
    to: first,
    cc: joined(
      [],
      without(
        rest,
        first.map((each) => each.email),
      ),
    ),
  };
}

/**
 * Lists that set Reply-To to themselves make a reply public that was meant for one person: the person it
 * was meant for then; else null.
 */
export function authorBehindList(
  email: Answered,
  to: readonly EmailAddress[],
): EmailAddress[] | null {
  const list = listOf(email);
  if (!list || !to.some((each) => same(each.email, list.email))) return null;
  const author = without(email.from ?? [], [list.email]);
  return author.length > 0 ? author : null;
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
