// Drafts on the server: each save is a new email that takes the old one's place.
import { ensureBody, ensureEmail, refreshLists } from './email';
import { jmap, throwSetError } from './jmap';
import { ensureMailboxes } from './mailboxes';
import { MethodError } from './problems';
import type { Email, EmailAddress, GetResponse, Id, QueryResponse, SetResponse } from './types';

export interface DraftContent {
  from: EmailAddress[];
  replyTo: EmailAddress[] | null;
  to: EmailAddress[];
  cc: EmailAddress[];
  bcc: EmailAddress[];
  subject: string;
  inReplyTo: string[];
  references: string[];
  text: string;
  html: string | null;
  attached: { blobId: Id; name: string; type: string; cid: string | null }[];
}

interface Made {
  id: Id;
}

/** Saves in one step beside destroying `old`. Resolves to the new id. */
export async function saveDraft(content: DraftContent, old: Id | null): Promise<Id> {
  const drafts = (await ensureMailboxes()).find((box) => box.role === 'drafts')?.id;
  if (drafts === undefined) throw new MethodError('notFound', '');
  const list = <T>(values: T[]): T[] | undefined => (values.length > 0 ? values : undefined);
  const email = {
    mailboxIds: { [drafts]: true },
    keywords: { $draft: true, $seen: true },
    from: content.from,
    replyTo: content.replyTo ?? undefined,
    to: list(content.to),
    cc: list(content.cc),
    bcc: list(content.bcc),
    subject: content.subject,
    inReplyTo: list(content.inReplyTo),
    references: list(content.references),
    sentAt: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
    bodyValues: {
      text: { value: content.text },
      ...(content.html !== null && { html: { value: content.html } }),
    },
    textBody: [{ partId: 'text', type: 'text/plain' }],
    ...(content.html !== null && { htmlBody: [{ partId: 'html', type: 'text/html' }] }),
    attachments: list(
      content.attached.map(({ blobId, name, type, cid }) => ({
        blobId,
        name,
        type,
        disposition: cid === null ? 'attachment' : 'inline',
        ...(cid !== null && { cid }),
      })),
    ),
  };
  const answer = await jmap<SetResponse<Made>>('Email/set', {
    create: { draft: email },
    ...(old !== null && { destroy: [old] }),
  });
  throwSetError(answer.notCreated);
  const id = answer.created?.['draft']?.id;
  if (typeof id !== 'string') throw new MethodError('serverFail', '');
  refreshLists();
  return id;
}

export async function destroyDraft(id: Id): Promise<void> {
  const answer = await jmap<SetResponse<Made>>('Email/set', { destroy: [id] });
  const error = answer.notDestroyed?.[id];
  if (error && error.type !== 'notFound') throwSetError({ [id]: error });
  refreshLists();
}

/** The whole of an email: what is in the cache, and the body. */
export async function wholeEmail(id: Id): Promise<Email> {
  const [summary, body] = await Promise.all([ensureEmail(id), ensureBody(id)]);
  return { ...summary, ...body };
}

export async function setKeyword(id: Id, keyword: string, on: boolean): Promise<void> {
  await jmap<SetResponse<Made>>('Email/set', {
    update: { [id]: { [`keywords/${keyword}`]: on ? true : null } },
  });
}

/** The email of ours with this Message-ID (without brackets). */
export async function emailOfMessage(messageId: string): Promise<Id | undefined> {
  const { ids } = await jmap<QueryResponse>('Email/query', {
    filter: { header: ['Message-ID', messageId] },
    limit: 1,
  });
  return ids[0];
}

/** To whom a message came by its envelope, as the server noted it on top: for what came hidden (Bcc). */
export async function deliveredTo(id: Id): Promise<EmailAddress[]> {
  const received = 'header:Received:asRaw:all';
  const { list } = await jmap<GetResponse<{ id: Id; [received]: string[] }>>('Email/get', {
    ids: [id],
    properties: [received],
  });
  const email = /\sfor\s+<([^<>\s]+)>/.exec(list[0]?.[received][0] ?? '')?.[1];
  return email === undefined ? [] : [{ name: null, email }];
}
