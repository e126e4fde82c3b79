// What a list shows: a mailbox, all starred, all mail, or what a search finds.
import { findMailbox } from '@/api/mailboxes';
import type { EmailFilter, EmailSummary, Mailbox } from '@/api/types';

export type Scope =
  | { kind: 'mailbox'; mailbox: Mailbox }
  | { kind: 'starred' }
  | { kind: 'all' }
  | { kind: 'search'; q: string; filter: EmailFilter };

/** What the URL's name means; undefined: nothing of ours. */
export function scopeOf(name: string, boxes: readonly Mailbox[]): Scope | undefined {
  if (name === 'starred' || name === 'all') return { kind: name };
  const mailbox = findMailbox(boxes, name);
  return mailbox && { kind: 'mailbox', mailbox };
}

/** Trash and spam are left out unless they are named. */
export function outsideWaste(boxes: readonly Mailbox[]): EmailFilter | null {
  const waste = boxes
    .filter((box) => box.role === 'trash' || box.role === 'junk')
    .map((box) => box.id);
  return waste.length > 0 ? { inMailboxOtherThan: waste } : null;
}

export function filterOf(scope: Scope, boxes: readonly Mailbox[]): EmailFilter {
  if (scope.kind === 'mailbox') return { inMailbox: scope.mailbox.id };
  if (scope.kind === 'search') return scope.filter;
  const outside = outsideWaste(boxes);
  if (scope.kind === 'all') return outside ?? {};
  const starred = { hasKeyword: '$flagged' };
  return outside ? { operator: 'AND', conditions: [starred, outside] } : starred;
}

export function roleIn(scope: Scope): string | null {
  return scope.kind === 'mailbox' ? scope.mailbox.role : null;
}

/** The emails of a conversation that belong to this view: what was thrown away is shown only where it lies. */
export function inScope(
  emails: readonly EmailSummary[],
  scope: Scope,
  boxes: readonly Mailbox[],
): EmailSummary[] {
  const waste = new Set(
    boxes.filter((box) => box.role === 'trash' || box.role === 'junk').map((box) => box.id),
  );
  const here = scope.kind === 'mailbox' ? scope.mailbox.id : null;
  const kept = emails.filter(
    (email) =>
      (here !== null && email.mailboxIds[here] === true) ||
      ((here === null || !waste.has(here)) &&
        Object.keys(email.mailboxIds).some((id) => !waste.has(id))),
  );
  return kept.length > 0 ? kept : [...emails];
}

export const has = (email: EmailSummary, keyword: string): boolean =>
  email.keywords[keyword] === true;

export const isUnread = (email: EmailSummary): boolean =>
  !has(email, '$seen') && !has(email, '$draft');

/** The mailboxes of an email, known ones only. */
export function boxesOf(email: EmailSummary, boxes: readonly Mailbox[]): Mailbox[] {
  return boxes.filter((box) => email.mailboxIds[box.id] === true);
}

/** What one wrote, or threw away, does not come back. */
export const canSnooze = (role: string | null): boolean =>
  role === null || !['sent', 'drafts', 'trash', 'junk'].includes(role);
