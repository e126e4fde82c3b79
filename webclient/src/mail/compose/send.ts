// From the button to the queue, and back again.
import type { IntlShape } from 'react-intl';

import { emailOfMessage, setKeyword } from '@/api/drafts';
import { settings } from '@/api/settings';
import { submit, takeBack } from '@/api/submissions';
import type { Id, Identity } from '@/api/types';
import { confirm, errorText, toast } from '@/parts';

import { everybody, invalid, people } from './content';
import { type Draft, FIELDS } from './draft';
import { htmlToText } from './html';
import { joined } from './recipients';
import { speaksOfFiles } from './reply';
import { openComposer } from './store';

/** What hinders, said; null: nothing does. Asks where only the person can know. */
export async function hindrance(draft: Draft, intl: IntlShape): Promise<string | null> {
  const t = (id: string, values?: Record<string, string>) => intl.formatMessage({ id }, values);
  const all = everybody(draft);
  if (all.length === 0) return t('send.nobody');
  const [wrong] = invalid(all);
  if (wrong !== undefined) return t('send.bad-address', { what: wrong });
  if (draft.attached.some((each) => each.error !== null)) return t('send.failed-file');
  if (draft.attached.some((each) => each.blobId === null)) return t('send.uploading');
  const own = draft.format === 'rich' ? htmlToText(draft.html) : draft.text;
  const asks: [boolean, string][] = [
    [draft.subject.trim() === '', 'send.no-subject'],
    [draft.attached.length === 0 && speaksOfFiles(draft.subject, own), 'send.no-file'],
  ];
  for (const [applies, id] of asks) {
    if (!applies) continue;
    if (!(await confirm({ title: t(id), confirm: t('send.anyway') }))) return '';
  }
  return null;
}

/** Sends what is saved as `emailId`. Throws; then nothing was sent and the draft stands. */
export async function send(
  draft: Draft,
  emailId: Id,
  identity: Identity,
  until: Date | null,
  intl: IntlShape,
): Promise<void> {
  const { undoSeconds } = settings();
  const hold = until ? { until } : undoSeconds > 0 ? { seconds: undoSeconds } : null;
  const begun = Date.now(); // the server's hold begins later, so the toast never outlives it
  const submission = await submit({
    emailId,
    identityId: identity.id,
    from: identity.email,
    recipients: joined(everybody(draft), identity.bcc ?? []).map(({ email }) => email),
    hold,
  });
  void markOrigin(draft, true);
  const text = until
    ? intl.formatMessage({ id: 'send.scheduled' }, { at: intl.formatDate(until, { dateStyle: 'medium', timeStyle: 'short' }) }) // prettier-ignore
    : intl.formatMessage({ id: 'send.sent' });
  if (hold === null) {
    toast(text, { kind: 'success' });
    return;
  }
  const confirmed = confirmedDraft(draft);
  toast(text, {
    duration: until ? 12_000 : Math.max(0, begun + undoSeconds * 1000 - Date.now()),
    action: {
      label: intl.formatMessage({ id: 'send.undo' }),
      run: () => {
        takeBack(submission, emailId).then(
          () => {
            openComposer({ kind: 'restore', draft: { ...confirmed, emailId } });
            void markOrigin(draft, false);
          },
          (error: unknown) => toast(errorText(intl, error), { kind: 'error' }),
        );
      },
    },
  });
}

/** Shows on the original that it was answered or forwarded; without that the mail is sent all the same. */
async function markOrigin(draft: Draft, on: boolean): Promise<void> {
  try {
    const origin = draft.origin ?? (await originOf(draft));
    if (origin) await setKeyword(origin.id, origin.keyword, on);
  } catch {
    // A mark is not worth a message.
  }
}

/** Gone on with on another device: the draft itself says what it answers, or else what it passes on. */
async function originOf(draft: Draft): Promise<Draft['origin']> {
  const [answered] = draft.inReplyTo;
  const messageId = answered ?? draft.references.at(-1);
  const id = messageId === undefined ? undefined : await emailOfMessage(messageId);
  if (id === undefined) return null;
  return { id, keyword: answered === undefined ? '$forwarded' : '$answered' };
}

function confirmedDraft(draft: Draft): Draft {
  const fields = Object.fromEntries(FIELDS.map((field) => [field, people(draft, field)]));
  return { ...draft, ...fields, pending: { to: '', cc: '', bcc: '' } };
}
