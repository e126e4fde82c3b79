// Reading on in a conversation: what counts as read, which message has the focus.
import { useEffect, useRef } from 'react';

import type { EmailSummary, Id } from '@/api/types';
import { isUnread } from '@/mail/scope';

/** Marks what lies unfolded as read, after the seconds that the person chose. */
export function useMarkRead(
  emails: readonly EmailSummary[],
  opened: ReadonlySet<Id>,
  after: number,
  read: (ids: Id[]) => void,
): void {
  const done = useRef(new Set<Id>());
  const run = useRef(read);
  useEffect(() => {
    run.current = read;
  });
  useEffect(() => {
    if (after < 0) return undefined;
    const ids = emails
      .filter((email) => opened.has(email.id) && isUnread(email) && !done.current.has(email.id))
      .map((email) => email.id);
    if (ids.length === 0) return undefined;
    const timer = window.setTimeout(() => {
      // Once: marking it unread by hand afterwards holds.
      for (const id of ids) done.current.add(id);
      run.current(ids);
    }, after * 1000);
    return () => window.clearTimeout(timer);
  }, [emails, opened, after]);
}

export function focusedMessage(): Id | undefined {
  return document.activeElement?.closest<HTMLElement>('[data-message]')?.dataset['message'];
}

export function focusMessage(step: number): void {
  const all = [...document.querySelectorAll<HTMLElement>('[data-message]')];
  const at = all.findIndex((each) => each.dataset['message'] === focusedMessage());
  const to =
    all[
      at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.max(0, Math.min(all.length - 1, at + step))
    ];
  to?.focus({ preventScroll: true });
  to?.scrollIntoView({ block: 'start' });
}
