// Leaving a mailing list as its messages offer it (RFC 2369, RFC 8058).
import { saveDraft } from '@/api/drafts';
import { ensureIdentities, identityFor, submit } from '@/api/submissions';
import type { EmailBody, EmailSummary, Id } from '@/api/types';
import { apiV1 } from '@/api/v1';
import { writePatches } from '@/api/writes';
import { parseMailto } from '@/body/mailto';

/** `click`: our server asks the list's; `mail`: a message does it; `web`: a person has to open a page. */
export type WayOut =
  | { kind: 'click'; host: string }
  | { kind: 'mail'; href: string; address: string }
  | { kind: 'web'; href: string; host: string };

export const UNSUBSCRIBED = '$unsubscribed';

/** The ways out of the list, the one that needs least first. */
export function waysOut(body: EmailBody): WayOut[] {
  const urls = body['header:List-Unsubscribe:asURLs'] ?? [];
  const page = urls.find((href) => /^https:/i.test(href) && URL.canParse(href));
  const letter = urls.find((href) => parseMailto(href)?.to.length);
  const agreed = body['header:List-Unsubscribe-Post:asText']?.replace(/\s/g, '').toLowerCase();
  const ways: WayOut[] = [];
  if (page !== undefined && agreed === 'list-unsubscribe=one-click') {
    ways.push({ kind: 'click', host: new URL(page).host });
  }
  if (letter !== undefined) {
    ways.push({ kind: 'mail', href: letter, address: parseMailto(letter)?.to[0]?.email ?? '' });
  }
  if (page !== undefined) ways.push({ kind: 'web', href: page, host: new URL(page).host });
  return ways;
}

/** Goes that way. Throws. What the person does on a page is not known, so it is not marked. */
export async function goOut(way: WayOut, email: EmailSummary): Promise<void> {
  if (way.kind === 'web') {
    window.open(way.href, '_blank', 'noopener,noreferrer');
    return;
  }
  if (way.kind === 'click') {
    await apiV1('POST', `/emails/${encodeURIComponent(email.id)}/unsubscribe`);
  } else {
    await sendLetter(way.href, email);
  }
  await mark(email.id);
}

async function mark(id: Id): Promise<void> {
  await writePatches(new Map([[id, { keywords: { [UNSUBSCRIBED]: true } }]]));
}

/** From the address that the list knows. */
async function sendLetter(href: string, email: EmailSummary): Promise<void> {
  const letter = parseMailto(href);
  const addressed = [...(email.to ?? []), ...(email.cc ?? [])];
  const identity = identityFor(await ensureIdentities(), addressed);
  if (!letter || !identity) return;
  const { to, cc, subject, text } = letter;
  const emailId = await saveDraft(
    {
      ...{
        to,
        cc,
        bcc: [],
        replyTo: null,
        inReplyTo: [],
        references: [],
        html: null,
        attached: [],
      },
      from: [{ name: identity.name || null, email: identity.email }],
      subject: subject || 'unsubscribe',
      text: text || 'unsubscribe',
    },
    null,
  );
  await submit({
    emailId,
    identityId: identity.id,
    from: identity.email,
    recipients: [...to, ...cc].map((each) => each.email),
    hold: null,
  });
}
