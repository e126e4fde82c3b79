// What snoozing changes of emails. The server brings them back; see docs/jmap.md.
import type { EmailPatch } from '@/api/email';
import type { EmailSummary, Id, Mailbox } from '@/api/types';

import type { Scope } from '../scope';

// Roles of mailboxes that an email leaves while it waits; labels it keeps.
const LEFT = new Set(['inbox', 'archive', 'trash', 'junk']);

const inRole = (email: EmailSummary, role: string, boxes: readonly Mailbox[]): boolean =>
  boxes.some((box) => box.role === role && email.mailboxIds[box.id]);

/** Of a conversation: what waits already where that is looked at, else what is in the inbox, else all that came. */
export function toSnooze(
  emails: readonly EmailSummary[],
  scope: Scope,
  boxes: readonly Mailbox[],
): EmailSummary[] {
  const first = scope.kind === 'mailbox' ? [scope.mailbox.role ?? '', 'inbox'] : ['inbox'];
  for (const role of first) {
    if (role !== 'snoozed' && role !== 'inbox') continue;
    const found = emails.filter((email) => inRole(email, role, boxes));
    if (found.length > 0) return found;
  }
  return emails.filter((email) =>
    boxes.some((box) => email.mailboxIds[box.id] && box.role !== 'sent' && box.role !== 'drafts'),
  );
}

export function waiting(
  until: string,
  email: EmailSummary,
  boxes: readonly Mailbox[],
): EmailPatch | null {
  const room = boxes.find((box) => box.role === 'snoozed');
  if (!room) return null;
  const snoozed = { until, moveToMailboxId: null, setKeywords: { $new: true, $seen: false } };
  if (email.mailboxIds[room.id]) {
    // Put off once more: all else as it was asked for at first.
    return { snoozed: email.snoozed ? { ...email.snoozed, until } : snoozed };
  }
  const left = boxes.filter((box) => email.mailboxIds[box.id] && LEFT.has(box.role ?? ''));
  return {
    snoozed,
    mailboxIds: { ...Object.fromEntries(left.map((box) => [box.id, false])), [room.id]: true },
  };
}

/** A conversation comes back with its newest message unread, not with all of them. */
export function newestWakes(
  patches: Map<Id, EmailPatch>,
  emails: readonly EmailSummary[],
): Map<Id, EmailPatch> {
  const newest = emails.findLast((email) => patches.has(email.id))?.id;
  return new Map(
    [...patches].map(([id, patch]) => [
      id,
      id === newest || !patch.snoozed || !patch.mailboxIds
        ? patch
        : { ...patch, snoozed: { ...patch.snoozed, setKeywords: {} } },
    ]),
  );
}

export function backFrom(email: EmailSummary, boxes: readonly Mailbox[]): EmailPatch | null {
  const room = boxes.find((box) => box.role === 'snoozed');
  const target =
    boxes.find((box) => box.id === email.snoozed?.moveToMailboxId) ??
    boxes.find((box) => box.role === 'inbox');
  if (!room || !target || !email.mailboxIds[room.id]) return null;
  return { snoozed: null, mailboxIds: { [room.id]: false, [target.id]: true } };
}
