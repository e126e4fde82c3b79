// What can be done to conversations, as patches of their emails. Undo is the inverse patch.
import type { EmailPatch } from '@/api/email';
import type { EmailSummary, Id, Mailbox } from '@/api/types';

import { has, isUnread, type Scope } from './scope';
import { backFrom, newestWakes, toSnooze, waiting } from './snooze/patches';

export type Action =
  | {
      kind:
        | 'archive'
        | 'trash'
        | 'spam'
        | 'not-spam'
        | 'read'
        | 'unread'
        | 'star'
        | 'unstar'
        | 'mute'
        | 'unmute';
    }
  | { kind: 'move'; to: Id }
  | { kind: 'labels'; on: readonly Id[]; off: readonly Id[] }
  | { kind: 'snooze'; until: string }
  | { kind: 'unsnooze' };

/** What the buttons of a list and of a conversation ask for. */
export type Asked = Action | 'destroy' | 'pick-move' | 'pick-label' | 'pick-snooze';

const only = (email: EmailSummary, to: Id): EmailPatch => ({
  mailboxIds: {
    ...Object.fromEntries(Object.keys(email.mailboxIds).map((id) => [id, false])),
    [to]: true,
  },
});

/** From where an email is moved: the mailbox one looks at, else the inbox, else all but sent and drafts. */
function movedFrom(email: EmailSummary, scope: Scope, boxes: readonly Mailbox[]): Id[] {
  const here = scope.kind === 'mailbox' ? scope.mailbox.id : undefined;
  if (here !== undefined) return email.mailboxIds[here] ? [here] : [];
  const lies = boxes.filter((box) => email.mailboxIds[box.id]);
  const inbox = lies.filter((box) => box.role === 'inbox');
  if (inbox.length > 0) return inbox.map((box) => box.id);
  return lies.filter((box) => box.role !== 'sent' && box.role !== 'drafts').map((box) => box.id);
}

function moved(
  email: EmailSummary,
  to: Id,
  scope: Scope,
  boxes: readonly Mailbox[],
): EmailPatch | null {
  const from = movedFrom(email, scope, boxes).filter((id) => id !== to);
  if (from.length === 0) return null;
  return { mailboxIds: { ...Object.fromEntries(from.map((id) => [id, false])), [to]: true } };
}

function patchFor(
  action: Action,
  email: EmailSummary,
  scope: Scope,
  boxes: readonly Mailbox[],
): EmailPatch | null {
  const role = (name: string) => boxes.find((box) => box.role === name)?.id;
  const here = scope.kind === 'mailbox' ? scope.mailbox.id : undefined;
  switch (action.kind) {
    case 'read': {
      // What came back from waiting is no news any more once it was looked at.
      if (has(email, '$new')) return { keywords: { $seen: true, $new: false } };
      return has(email, '$seen') ? null : { keywords: { $seen: true } };
    }
    case 'unread':
      return has(email, '$seen') ? { keywords: { $seen: false } } : null;
    case 'star':
      return has(email, '$flagged') ? null : { keywords: { $flagged: true } };
    case 'unstar':
      return has(email, '$flagged') ? { keywords: { $flagged: false } } : null;
    case 'mute': {
      // Out of the inbox at once, as the server does with what follows.
      const [inbox, to] = [role('inbox'), role('archive')];
      const keywords = { $muted: true };
      if (inbox === undefined || to === undefined || !email.mailboxIds[inbox]) return { keywords };
      return { keywords, mailboxIds: { [inbox]: false, [to]: true } };
    }
    case 'unmute':
      return has(email, '$muted') ? { keywords: { $muted: false } } : null;
    case 'labels':
      return relabelled(action, email, here, boxes);
    case 'snooze':
      return waiting(action.until, email, boxes);
    case 'unsnooze':
      return backFrom(email, boxes);
    case 'archive': {
      const to = role('archive');
      return to === undefined ? null : moved(email, to, scope, boxes);
    }
    case 'move':
      return moved(email, action.to, scope, boxes);
    case 'trash': {
      const to = role('trash');
      if (to === undefined || email.mailboxIds[to]) return null;
      // In a mailbox, what lies elsewhere as well (one's own answers in Sent) stays there.
      return here !== undefined && !email.mailboxIds[here] ? null : only(email, to);
    }
    case 'spam': {
      const to = role('junk');
      if (to === undefined || (here !== undefined && !email.mailboxIds[here])) return null;
      if (email.mailboxIds[role('sent') ?? ''] || email.mailboxIds[role('drafts') ?? ''])
        return null;
      return { ...only(email, to), keywords: { $junk: true, $notjunk: false } };
    }
    case 'not-spam': {
      const to = role('inbox');
      const junk = role('junk');
      if (to === undefined || junk === undefined || !email.mailboxIds[junk]) return null;
      return { ...only(email, to), keywords: { $junk: false, $notjunk: true } };
    }
  }
}

/** With other labels. What is thrown away gets none, and nothing is left without a place. */
function relabelled(
  { on, off }: { on: readonly Id[]; off: readonly Id[] },
  email: EmailSummary,
  here: Id | undefined,
  boxes: readonly Mailbox[],
): EmailPatch | null {
  const lies = boxes.filter((box) => email.mailboxIds[box.id]);
  const waste = lies.every((box) => box.role === 'trash' || box.role === 'junk');
  if (waste && !lies.some((box) => box.id === here)) return null;
  const mailboxIds: Record<Id, boolean> = {};
  for (const id of on) if (!email.mailboxIds[id]) mailboxIds[id] = true;
  for (const id of off) if (email.mailboxIds[id]) mailboxIds[id] = false;
  if (Object.keys(mailboxIds).length === 0) return null;
  const left = { ...email.mailboxIds, ...mailboxIds };
  if (!Object.values(left).some(Boolean)) {
    const home =
      boxes.find((box) => box.role === 'archive') ?? boxes.find((box) => box.role === 'inbox');
    if (!home) return null;
    mailboxIds[home.id] = true;
  }
  return { mailboxIds };
}

/** The patches of an action; emails that it does not change are left out. `emails`: of one conversation. */
export function patchesFor(
  action: Action,
  emails: readonly EmailSummary[],
  scope: Scope,
  boxes: readonly Mailbox[],
): Map<Id, EmailPatch> {
  const found = new Map<Id, EmailPatch>();
  // A star and "unread" stand on the newest message; taking them off clears all.
  const newest = emails.filter((email) => !has(email, '$draft')).at(-1) ?? emails.at(-1);
  const affected =
    (action.kind === 'star' || action.kind === 'unread') && newest !== undefined
      ? [newest]
      : action.kind === 'snooze'
        ? toSnooze(emails, scope, boxes)
        : emails;
  for (const email of affected) {
    const patch = patchFor(action, email, scope, boxes);
    if (patch) found.set(email.id, patch);
  }
  return action.kind === 'snooze' ? newestWakes(found, affected) : found;
}

/** What brings the emails back to what they are now. */
export function inverseOf(
  patches: ReadonlyMap<Id, EmailPatch>,
  email: (id: Id) => EmailSummary | undefined,
): Map<Id, EmailPatch> {
  const found = new Map<Id, EmailPatch>();
  for (const [id, patch] of patches) {
    const was = email(id);
    if (!was) continue;
    const back = (change: Record<string, boolean> = {}, before: Record<string, boolean>) =>
      Object.fromEntries(Object.keys(change).map((name) => [name, before[name] === true]));
    found.set(id, {
      keywords: back(patch.keywords, was.keywords),
      mailboxIds: back(patch.mailboxIds, was.mailboxIds),
      // Leaving the mailbox where it waited ended that as well.
      ...(patch.snoozed !== undefined || was.snoozed ? { snoozed: was.snoozed } : {}),
    });
  }
  return found;
}

export const anyUnread = (emails: readonly EmailSummary[]): boolean => emails.some(isUnread);
export const anyMuted = (emails: readonly EmailSummary[]): boolean =>
  emails.some((email) => has(email, '$muted'));
export const anyStarred = (emails: readonly EmailSummary[]): boolean =>
  emails.some((email) => has(email, '$flagged'));
