// The draft that an intent begins with.
import type { IntlShape } from 'react-intl';

import { downloadUrl } from '@/api/blobs';
import { deliveredTo, wholeEmail } from '@/api/drafts';
import { settings } from '@/api/settings';
import { ensureIdentities, identityFor, isOwn } from '@/api/submissions';
import type { BodyPart, Email, EmailAddress, Identity } from '@/api/types';

import { type Attached, blankDraft, type Draft } from './draft';
import { escaped, htmlToText, quotedText, safeHtml, splitQuote, textToHtml } from './html';
import { joined } from './recipients';
import { swapHtml, swapText } from './signature';
import {
  authorBehindList,
  forwardSubject,
  referencesOf,
  replyRecipients,
  replySubject,
} from './reply';
import type { ComposeIntent } from './store';

export interface Begun {
  draft: Draft;
  identities: Identity[];
}

export async function begin(intent: ComposeIntent, intl: IntlShape): Promise<Begun> {
  const identities = await ensureIdentities();
  if (intent.kind === 'scheduled') throw new Error('Not a draft');
  if (intent.kind === 'restore') return { draft: intent.draft, identities };
  const blank: Draft = { ...blankDraft(), format: settings().composeFormat };
  if (intent.kind === 'draft') {
    return { draft: resumed(await wholeEmail(intent.emailId), identities), identities };
  }
  if (intent.kind === 'new') {
    const identity = chosen(identities, []);
    const draft: Draft = {
      ...blank,
      to: intent.to ?? [],
      cc: intent.cc ?? [],
      bcc: intent.bcc ?? [],
      subject: intent.subject ?? '',
      text: intent.text ?? '',
      html: intent.text ? textToHtml(intent.text) : '',
    };
    return { draft: signed(draft, identity), identities };
  }
  const { email } = intent;
  const to = [
    ...(email.to ?? []),
    ...(email.cc ?? []),
    ...(email.bcc ?? []),
    ...(email.from ?? []),
  ];
  const own = identities.map((each) => each.email);
  const told = identities.length < 2 || to.some((each) => isOwn(each.email, own));
  const addressed = told ? to : await deliveredTo(email.id);
  const draft = { ...signed(blank, chosen(identities, addressed)) };
  draft.origin = { id: email.id, keyword: '$answered' };
  if (intent.kind === 'reply' || intent.kind === 'reply-all' || intent.kind === 'reply-list') {
    const answer = replyRecipients(email, own, intent.kind);
    Object.assign(draft, answer);
    if (intent.kind === 'reply') {
      draft.author = authorBehindList(email, answer.to);
      if (!draft.author) draft.others = replyRecipients(email, own, 'reply-all').cc;
    }
    draft.subject = replySubject(email.subject);
    draft.inReplyTo = email.messageId ?? [];
    draft.references = referencesOf(email);
    draft.quote = quoteOf(email, intl, false);
    draft.attached = email.attachments
      .filter((part) => part.cid !== null && used(draft, part))
      .map(kept);
  } else {
    draft.origin = { id: email.id, keyword: '$forwarded' };
    draft.subject = forwardSubject(email.subject);
    draft.references = referencesOf(email);
    if (intent.kind === 'forward') {
      draft.quote = quoteOf(email, intl, true);
      draft.attached = email.attachments
        .map(kept)
        .map((each) =>
          each.cid !== null && !draft.quote?.html.includes(address(each))
            ? { ...each, cid: null }
            : each,
        );
    } else {
      const name = `${(email.subject ?? '').replace(/[/\\:*?"<>|\r\n]+/g, ' ').trim() || 'message'}.eml`;
      draft.attached = [
        { ...file(), name, type: 'message/rfc822', size: email.size, blobId: email.blobId },
      ];
    }
  }
  return { draft, identities };
}

const chosen = (identities: Identity[], addressed: EmailAddress[]): Identity | undefined =>
  identityFor(identities, addressed, settings().defaultIdentity);

/** With the identity's signature in place of the one before; one that was edited is left alone. */
export function signed(draft: Draft, identity: Identity | undefined): Draft {
  if (!identity) return draft;
  const fresh = signatureOf(identity);
  return {
    ...draft,
    identityId: identity.id,
    text: swapText(draft.text, draft.signature, fresh.text),
    html: swapHtml(draft.html, draft.signature, fresh.html),
    signature: fresh.text,
  };
}

function signatureOf(identity: Identity): { text: string; html: string } {
  const html = identity.htmlSignature ? safeHtml(identity.htmlSignature, new Map()) : '';
  const text = identity.textSignature.trim() || htmlToText(html);
  if (text === '') return { text: '', html: '' };
  const lines = html || `<p>${escaped(text).replaceAll('\n', '<br>')}</p>`;
  return { text: `-- \n${text}`, html: `<p>-- </p>${lines}` };
}

let last = 0;
export function file(): Attached {
  last += 1;
  return {
    key: `f${last}`,
    name: '',
    type: 'application/octet-stream',
    size: 0,
    blobId: null,
    progress: 0,
    error: null,
    cid: null,
  };
}

function kept(part: BodyPart): Attached {
  return {
    ...file(),
    name: part.name ?? (part.type.startsWith('image/') ? 'image' : 'attachment'),
    type: part.type,
    size: part.size,
    blobId: part.blobId,
    progress: 1,
    cid: part.cid?.replace(/^<|>$/g, '') ?? null,
  };
}

export function address(each: Attached): string {
  return each.blobId === null ? '' : downloadUrl(each.blobId, each.name, each.type);
}

function cidsOf(email: Email): Map<string, string> {
  const parts = email.attachments.map(kept).filter((each) => each.cid !== null);
  return new Map(parts.map((each) => [each.cid ?? '', address(each)]));
}

function used(draft: Draft, part: BodyPart): boolean {
  return draft.quote?.html.replaceAll('&amp;', '&').includes(address(kept(part))) ?? false;
}

function bodyOf(email: Email): { html: string; text: string; rich: boolean } {
  const values = (parts: BodyPart[], type: string) =>
    parts
      .filter((part) => part.type === type && part.partId !== null)
      .map((part) => email.bodyValues[part.partId ?? '']?.value ?? '');
  const html = values(email.htmlBody, 'text/html').join('<hr>');
  const text = values(email.textBody, 'text/plain').join('\n').replace(/\r\n?/g, '\n');
  if (html === '') return { html: textToHtml(text), text, rich: false };
  const safe = safeHtml(html, cidsOf(email));
  return { html: safe, text: text || htmlToText(safe), rich: true };
}

function quoteOf(email: Email, intl: IntlShape, forwarded: boolean): Draft['quote'] {
  const body = bodyOf(email);
  const people = (list: EmailAddress[] | null) =>
    (list ?? []).map(({ name, email: at }) => (name ? `${name} <${at}>` : at)).join(', ');
  const date = intl.formatDate(email.sentAt ?? email.receivedAt, {
    dateStyle: 'full',
    timeStyle: 'short',
  });
  if (!forwarded) {
    const line = intl.formatMessage({ id: 'quote.line' }, { date, who: people(email.from) });
    return {
      html: `<p>${escaped(line)}</p><blockquote>${body.html}</blockquote>`,
      text: `${line}\n${quotedText(body.text)}`,
    };
  }
  const fields: [string, string][] = [
    ['quote.from', people(email.from)],
    ['quote.date', date],
    ['quote.subject', email.subject ?? ''],
    ['quote.to', people(email.to)],
    ['quote.cc', people(email.cc)],
  ];
  const lines = fields
    .filter(([, value]) => value !== '')
    .map(([id, value]) => `${intl.formatMessage({ id })}: ${value}`);
  const head = `---------- ${intl.formatMessage({ id: 'quote.forwarded' })} ----------`;
  return {
    html: `<p>${[head, ...lines].map(escaped).join('<br>')}</p>${body.html}`,
    text: `${head}\n${lines.join('\n')}\n\n${body.text}`,
  };
}

function resumed(email: Email, identities: Identity[]): Draft {
  const { html: all, text, rich } = bodyOf(email);
  const { html, quote } = splitQuote(all);
  const attached = email.attachments
    .map(kept)
    .map((each) =>
      each.cid !== null && !all.replaceAll('&amp;', '&').includes(address(each))
        ? { ...each, cid: null }
        : each,
    );
  const [from] = email.from ?? [];
  const identity =
    identities.find((each) => each.email === from?.email && each.name === (from.name ?? '')) ??
    chosen(identities, email.from ?? []);
  return {
    ...blankDraft(),
    emailId: email.id,
    identityId: identity?.id ?? null,
    to: joined([], email.to ?? []),
    cc: joined([], email.cc ?? []),
    bcc: joined([], email.bcc ?? []),
    subject: email.subject ?? '',
    format: rich ? 'rich' : 'plain',
    html,
    text,
    quote: rich && quote !== null ? { html: quote, text: htmlToText(quote) } : null,
    attached,
    signature: identity ? signatureOf(identity).text : '',
    inReplyTo: email.inReplyTo ?? [],
    references: email.references ?? [],
  };
}
