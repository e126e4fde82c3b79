// How much is unread, seen from outside the page: a dot on the tab's icon, a number on the app's.
import { useEffect } from 'react';

import { useMailboxes } from '@/api/mailboxes';

/** Not everywhere, and only for apps that were installed. */
type Badged = Navigator & { setAppBadge?: (count: number) => Promise<void> };

export function useUnreadMarks(): void {
  const unread = useMailboxes().find((box) => box.role === 'inbox')?.unreadThreads ?? 0;
  useEffect(() => mark(unread), [unread]);
  useEffect(() => () => mark(0), []);
}

function mark(count: number): void {
  const icon = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
  const href = count > 0 ? '/icon-unread.svg' : '/icon.svg';
  if (icon && icon.getAttribute('href') !== href) icon.setAttribute('href', href);
  (navigator as Badged).setAppBadge?.(count).catch(() => undefined);
}
