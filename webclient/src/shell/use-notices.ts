import { useNavigate } from '@tanstack/react-router';
import { useEffect } from 'react';
import { useIntl } from 'react-intl';

import { settings } from '@/api/settings';
import { whenStateMoves } from '@/api/sync';

/** Tells of new mail while nobody looks at this window, where the person and the browser want it. */
export function useNotices(): void {
  const intl = useIntl();
  const navigate = useNavigate();
  useEffect(() => {
    let since = new Date();
    return whenStateMoves(['EmailDelivery'], () => {
      const from = since;
      since = new Date(Date.now() - 60_000); // clocks differ; what was told is not told again
      if (document.hasFocus() || !settings().notifications) return;
      if (!('Notification' in window) || Notification.permission !== 'granted') return;
      const open = (thread: string | null) =>
        void (thread === null
          ? navigate({ to: '/mail/$mailbox', params: { mailbox: 'inbox' } })
          : navigate({ to: '/mail/$mailbox/$thread', params: { mailbox: 'inbox', thread } }));
      import('./notices')
        .then((module) => module.tellOfNews(intl, from, open))
        .catch(() => undefined); // a notice less: the mail itself is in the list
    });
  }, [intl, navigate]);
}
