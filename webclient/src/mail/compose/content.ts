// What of a draft goes to the server.
import type { DraftContent } from '@/api/drafts';
import type { EmailAddress, Identity } from '@/api/types';

import { address } from './begin';
import { type Draft, type Field, FIELDS } from './draft';
import { htmlToText, outgoing } from './html';
import { bare } from './signature';
import { isAddress, joined, parseRecipients } from './recipients';

/** A field with what stands in it unconfirmed. */
export function people(draft: Draft, field: Field): EmailAddress[] {
  return joined(draft[field], parseRecipients(draft.pending[field]));
}

export const everybody = (draft: Draft): EmailAddress[] =>
  joined(
    [],
    FIELDS.flatMap((field) => people(draft, field)),
  );

export function contentOf(draft: Draft, identity: Identity): DraftContent {
  const rich = draft.format === 'rich';
  const ready = draft.attached.flatMap((each) =>
    each.blobId === null ? [] : [{ ...each, blobId: each.blobId }],
  );
  const cids = new Map(
    ready.flatMap((each) => (each.cid === null ? [] : [[address(each), each.cid] as const])),
  );
  const own = (rich ? htmlToText(draft.html) : draft.text).replace(/^--$/gm, '-- ');
  const html = rich ? outgoing(draft.html, draft.quote?.html ?? null, cids) : null;
  const field = (name: Field) =>
    people(draft, name).map((each) => ({ name: each.name, email: each.email }));
  return {
    from: [{ name: identity.name || null, email: identity.email }],
    replyTo: identity.replyTo,
    to: field('to'),
    cc: field('cc'),
    bcc: joined(field('bcc'), identity.bcc ?? []),
    subject: draft.subject,
    inReplyTo: draft.inReplyTo,
    references: draft.references,
    text: draft.quote ? `${own}\n\n${draft.quote.text}` : own,
    html: html === null ? null : `<!doctype html><html><body>${html}</body></html>`,
    attached: ready
      .filter((each) => each.cid === null || html === null || html.includes(`cid:${each.cid}`))
      .map(({ blobId, name, type, cid }) => ({ blobId, name, type, cid: rich ? cid : null })),
  };
}

export const invalid = (list: readonly EmailAddress[]): string[] =>
  list.filter(({ email }) => !isAddress(email)).map(({ email }) => email);

/** Whether there is anything worth keeping. */
export function isEmpty(draft: Draft): boolean {
  const own = draft.format === 'rich' ? htmlToText(draft.html) : draft.text;
  return (
    everybody(draft).length === 0 &&
    draft.subject.trim() === '' &&
    draft.attached.length === 0 &&
    !draft.html.includes('<img') &&
    bare(own).replace(bare(draft.signature), '').trim() === ''
  );
}
