import { useRouter } from '@tanstack/react-router';
import { useEffect } from 'react';
import { useIntl } from 'react-intl';

import { settings } from '@/api/settings';
import { whenStateMoves } from '@/api/sync';

import { SHOW } from './show-event';

/** Tells of new mail while nobody looks at this window, where the person and the browser want it. */
export function useNotices(): void {
  const intl = useIntl();
  const router = useRouter();
  useEffect(() => {
    let since = new Date();
    return whenStateMoves(['EmailDelivery'], () => {
      const from = since;
      since = new Date(Date.now() - 60_000); // clocks differ; what was told is not told again
      if (document.hasFocus() || !settings().notifications) return;
      if (!('Notification' in window) || Notification.permission !== 'granted') return;
      import('./notices').then((module) => module.tellOfNews(intl, from)).catch(() => undefined); // a notice less: the mail itself is in the list
    });
  }, [intl]);

  // A click on a notice, by way of the worker or from this window.
  useEffect(() => {
    const go = (path: unknown) => {
      if (typeof path === 'string' && path.startsWith('/mail/')) router.history.push(path);
    };
    const fromWorker = ({ data }: MessageEvent<{ show?: unknown } | null>) => go(data?.show);
    const fromHere = (event: Event) => go((event as CustomEvent<unknown>).detail);
    const { serviceWorker } = navigator as Partial<Navigator>;
    serviceWorker?.addEventListener('message', fromWorker);
    window.addEventListener(SHOW, fromHere);
    return () => {
      serviceWorker?.removeEventListener('message', fromWorker);
      window.removeEventListener(SHOW, fromHere);
    };
  }, [router]);
}
