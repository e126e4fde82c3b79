import { Outlet, useNavigate } from '@tanstack/react-router';
import { lazy, Suspense, useEffect } from 'react';
import { useIntl } from 'react-intl';

import { ensureSnoozed, mailboxes, mailboxPath } from '@/api/mailboxes';
import { useSession } from '@/api/session';
import { whenRefused } from '@/api/writes';
import { listenForKeys, useCommand } from '@/keys/commands';
import { HoldKeys } from '@/keys/HoldKeys';
import { openComposer, reopenUnsaved, useComposers } from '@/mail/compose/store';
import { errorText, runToastAction, toast } from '@/parts';
import { useTheme } from '@/theme/theme';

import { useLayout } from './layout';
import { OfflineBar } from './OfflineBar';
import { TopBar } from './TopBar';
import { useNotices } from './use-notices';
import { useUnreadMarks } from './use-unread-marks';

const ComposerLayer = lazy(() =>
  import('@/mail/compose/ComposerLayer').then((module) => ({ default: module.ComposerLayer })),
);
const Help = lazy(() => import('@/keys/Help').then((module) => ({ default: module.Help })));
const Palette = lazy(() =>
  import('@/keys/Palette').then((module) => ({ default: module.Palette })),
);

/** The frame of every signed-in page. */
export function Shell() {
  const intl = useIntl();
  useTheme();
  useGlobalCommands();
  useNotices();
  useUnreadMarks();
  const out = useLeaveWhenSignedOut();
  useEffect(() => void reopenUnsaved(), []);
  useEffect(() => whenRefused((error) => toast(errorText(intl, error), { kind: 'error' })), [intl]);
  const composing = useComposers((state) => state.open.length > 0);
  const layer = useLayout((state) => state.layer);
  const navigate = useNavigate();
  const closeLayer = () => useLayout.setState({ layer: null });
  if (out) return null; // what is below asks who is signed in
  return (
    <div className="flex h-full flex-col bg-canvas">
      <a
        href="#content"
        className="sr-only focus:not-sr-only focus:absolute focus:z-50 focus:m-2 focus:rounded-lg focus:bg-surface focus:p-3"
      >
        {intl.formatMessage({ id: 'skip' })}
      </a>
      <OfflineBar />
      <TopBar />
      <div className="flex min-h-0 flex-1">
        <Outlet />
      </div>
      <Suspense fallback={<HoldKeys />}>
        {composing && <ComposerLayer />}
        {layer === 'help' && <Help onClose={closeLayer} />}
        {layer === 'palette' && (
          <Palette
            onClose={closeLayer}
            goTo={(id) => {
              const box = mailboxes().find((each) => each.id === id);
              if (box)
                void navigate({ to: '/mail/$mailbox', params: { mailbox: mailboxPath(box) } });
            }}
          />
        )}
      </Suspense>
    </div>
  );
}

function useGlobalCommands(): void {
  const intl = useIntl();
  const navigate = useNavigate();
  const go = (mailbox: string) => () =>
    void navigate({ to: '/mail/$mailbox', params: { mailbox } });
  useEffect(() => listenForKeys(window), []);
  useCommand('compose', () => openComposer({ kind: 'new' }));
  useCommand('scheduled', () => openComposer({ kind: 'scheduled' }));
  useCommand('help', () => useLayout.setState({ layer: 'help' }));
  useCommand('palette', () => useLayout.setState({ layer: 'palette' }));
  useCommand('go-mailbox', () => useLayout.setState({ layer: 'palette' }));
  useCommand('undo', () => void runToastAction());
  useCommand('go-inbox', go('inbox'));
  useCommand('go-starred', go('starred'));
  useCommand('go-sent', go('sent'));
  useCommand('go-drafts', go('drafts'));
  useCommand('go-all', go('all'));
  useCommand('go-snoozed', () => {
    // Where it does not exist yet, nothing waits; it is made, so that there is a place to look at.
    void ensureSnoozed()
      .then(go('snoozed'))
      .catch((error: unknown) => toast(errorText(intl, error), { kind: 'error' }));
  });
  useCommand('go-people', () => void navigate({ to: '/people' }));
  useCommand('go-settings', () => {
    void navigate({ to: '/settings/$section', params: { section: 'account' } });
  });
}

function useLeaveWhenSignedOut(): boolean {
  const navigate = useNavigate();
  const out = useSession((state) => state.me === null);
  useEffect(() => {
    if (!out) return;
    const next = window.location.pathname + window.location.search;
    void navigate({ to: '/sign-in', search: { next } });
  }, [out, navigate]);
  return out;
}
