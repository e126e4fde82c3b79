// The list and the conversation beside it (or one of them, on a phone).
import { MailOpen, PenLine } from 'lucide-react';
import { lazy, Suspense, useCallback, useState } from 'react';
import { useIntl } from 'react-intl';

import type { ListQuery } from '@/api/list';
import { updateSettings, useSettings } from '@/api/settings';
import type { Id } from '@/api/types';
import { openComposer } from '@/mail/compose/store';
import { cx, EmptyState, IconButton, Loading, type MenuEntry } from '@/parts';
import { useRoom } from '@/shell/layout';
import { Resizer } from '@/shell/Resizer';
import { useTitle } from '@/shell/pages';

import { Sidebar } from './folders/Sidebar';
import { ConversationList } from './list/ConversationList';
import { ListHeader } from './list/ListHeader';
import { moveCursor, useListState } from './list-state';
import { filterOf, roleIn, type Scope } from './scope';
import { known, useMailView } from './use-mail-view';

import { useMailboxes } from '@/api/mailboxes';

const Picker = lazy(() => import('./Picker').then((module) => ({ default: module.Picker })));
const Thread = lazy(() => import('./thread/Thread').then((module) => ({ default: module.Thread })));

export function MailView({
  scope,
  title,
  open,
  goTo,
  more = [],
  above,
}: {
  scope: Scope;
  title: string;
  open: Id | null;
  goTo: (threadId: Id | null) => void;
  more?: MenuEntry[];
  /** Between the header and the rows. */
  above?: React.ReactNode;
}) {
  const intl = useIntl();
  const room = useRoom();
  const boxes = useMailboxes();
  const settings = useSettings();
  const role = roleIn(scope);
  const query: ListQuery = {
    filter: filterOf(scope, boxes),
    collapse: settings.conversations,
    ...(scope.kind === 'mailbox' ? { snoozes: scope.mailbox.id } : {}),
    ...(role === 'snoozed' ? { soonest: true } : {}),
  };
  const view = useMailView(scope, query, open, goTo);
  const { list, picking, setPicking } = view;
  const [dragged, setWidth] = useState<number | null>(null);
  const width = dragged ?? (room === 'tablet' ? 330 : settings.listWidth);
  const [busy, setBusy] = useState(false);
  const unread = scope.kind === 'mailbox' ? scope.mailbox.unreadThreads : 0;
  useTitle(unread > 0 ? `(${intl.formatNumber(unread)}) ${title}` : title);

  const onOpen = useCallback(
    (threadId: Id, index: number) => {
      moveCursor(threadId, index);
      const row = list.data?.rows[index];
      if (role === 'drafts' && row) openComposer({ kind: 'draft', emailId: row.id });
      else goTo(threadId);
    },
    [goTo, list.data, role],
  );
  const showList = room !== 'phone' || open === null;
  const showThread = room !== 'phone' || open !== null;
  const panes = room === 'phone' ? 'rounded-none' : 'rounded-2xl border border-line';
  return (
    <>
      <Sidebar current={scope.kind === 'mailbox' ? scope.mailbox.id : scope.kind} />
      <main id="content" tabIndex={-1} className="flex min-w-0 flex-1 outline-none">
        {showList && (
          <section
            aria-label={title}
            className={cx(
              'flex min-h-0 min-w-0 flex-col overflow-hidden bg-canvas print:hidden',
              panes,
              room === 'phone' ? 'flex-1' : 'mb-2 shrink-0',
            )}
            style={room === 'phone' ? {} : { width }}
          >
            <ListHeader
              title={title}
              total={list.data?.total}
              loaded={list.data?.rows.reduce((count, row) => count + (row ? 1 : 0), 0) ?? 0}
              role={role}
              busy={busy}
              onRefresh={() => {
                setBusy(true);
                void list
                  .refresh()
                  .catch(() => undefined)
                  .finally(() => setBusy(false));
              }}
              onSelect={view.select}
              onSelectMatching={() => useListState.setState({ all: true })}
              onAct={(action) => view.onAct(action)}
              more={more}
            />
            {above}
            <ConversationList
              label={title}
              scope={scope}
              query={query}
              list={list}
              open={open}
              onOpen={onOpen}
              onAct={view.onAct}
              menuFor={view.menuFor}
              onFirstSeen={view.onFirstSeen}
            />
          </section>
        )}
        {showList && showThread && (
          <Resizer
            label={intl.formatMessage({ id: 'resize.list' })}
            width={width}
            least={280}
            most={640}
            onWidth={setWidth}
            onDone={(to) => {
              setWidth(to);
              if (room === 'desk') void updateSettings({ listWidth: to }).catch(() => undefined);
            }}
          />
        )}
        {showThread && (
          <section
            aria-label={intl.formatMessage({ id: 'thread.region' })}
            className={cx(
              'flex min-h-0 min-w-0 flex-1 flex-col overflow-hidden bg-surface print:overflow-visible print:border-0',
              panes,
              room !== 'phone' && 'me-2 mb-2',
            )}
          >
            {open === null ? (
              <EmptyState
                icon={<MailOpen size={26} />}
                title={intl.formatMessage({ id: 'thread.none' })}
              />
            ) : (
              <Suspense fallback={<Loading lines={6} />}>
                <Thread
                  key={open}
                  threadId={open}
                  scope={scope}
                  back={room === 'phone' ? () => goTo(null) : undefined}
                  onAct={(action) => view.onAct(action, { threads: [open] })}
                />
              </Suspense>
            )}
          </section>
        )}
      </main>
      {room !== 'desk' && showList && (room === 'tablet' || open === null) && (
        <IconButton
          label={intl.formatMessage({ id: 'compose' })}
          icon={<PenLine size={22} />}
          className="fixed inset-e-5 bottom-5 z-20 size-14! rounded-2xl bg-accent! text-on-accent! shadow-raised print:hidden"
          onClick={() => openComposer({ kind: 'new' })}
        />
      )}
      {picking && (
        <Suspense fallback={null}>
          <Picker
            kind={picking.kind}
            emails={known(picking.targets)}
            onClose={() => setPicking(null)}
            onAct={(action) => view.onAct(action, picking.targets)}
          />
        </Suspense>
      )}
    </>
  );
}
