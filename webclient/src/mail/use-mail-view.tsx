// What a list with a conversation beside it can do: commands, menus, moving about. For a mailbox as for
// what a search found.
import {
  AlarmClock,
  AlarmClockOff,
  Archive,
  BellOff,
  BellRing,
  FolderInput,
  Mail,
  MailOpen,
  ShieldAlert,
  ShieldCheck,
  Star,
  Tag,
  Trash2,
} from 'lucide-react';
import { useCallback, useMemo, useRef, useState } from 'react';
import { useIntl } from 'react-intl';

import { knownEmail, knownThread } from '@/api/email';
import { listKeyOf, type ListQuery, useList } from '@/api/list';
import { useSettings } from '@/api/settings';
import type { EmailSummary, Id } from '@/api/types';
import { useCommand } from '@/keys/commands';
import { keysOf } from '@/keys/table';
import type { MenuEntry } from '@/parts';

import { type Action, anyMuted, anyStarred, anyUnread, type Asked } from './act';
import { currentIndex } from './list/place';
import {
  clearSelection,
  moveCursor,
  selectOnly,
  selectRange,
  toggle,
  useListState,
} from './list-state';
import { canSnooze, roleIn, type Scope } from './scope';
import { type Targets, useActions } from './use-actions';

export type SelectWhich = 'all' | 'none' | 'read' | 'unread' | 'starred' | 'unstarred';
export type Picking = { kind: 'move' | 'label' | 'snooze'; targets: Targets } | null;

const emailsOf = (threadId: Id): EmailSummary[] =>
  (knownThread(threadId)?.emailIds ?? []).flatMap((id) => knownEmail(id) ?? []);

/** The emails that targets stand for, as far as they are known here. */
export const known = (on: Targets): EmailSummary[] =>
  'threads' in on
    ? on.threads.flatMap(emailsOf)
    : 'emails' in on
      ? on.emails.flatMap((id) => knownEmail(id) ?? [])
      : [];

export function useMailView(
  scope: Scope,
  query: ListQuery,
  open: Id | null,
  goTo: (threadId: Id | null) => void,
) {
  const intl = useIntl();
  const choice = useSettings();
  const { act, destroy } = useActions();
  const firstSeen = useRef(0);
  const list = useList(
    query,
    useCallback(() => firstSeen.current, []),
  );
  const onFirstSeen = useCallback((index: number) => {
    firstSeen.current = index;
  }, []);
  const [picking, setPicking] = useState<Picking>(null);
  const role = roleIn(scope);
  const rows = list.data?.rows;
  const total = list.data?.total ?? 0;
  const key = listKeyOf(query);

  const here = () => currentIndex(useListState.getState().cursor, rows, total);

  /** What a command is about: the selection, else what is open, else where the cursor stands. */
  const targets = useCallback((): Targets => {
    const state = useListState.getState();
    if (state.key === key && state.all) return { all: query.filter, count: total };
    if (state.key === key && state.selected.size > 0) return { threads: [...state.selected] };
    if (open !== null) return { threads: [open] };
    const row = rows?.[currentIndex(state.cursor, rows, total)];
    if (!row) return { threads: [] };
    return query.collapse ? { threads: [row.threadId] } : { emails: [row.id] };
  }, [key, open, query, rows, total]);

  const stepTo = useCallback(
    (step: number, alsoOpen: boolean) => {
      const index = Math.max(
        0,
        Math.min(total - 1, currentIndex(useListState.getState().cursor, rows, total) + step),
      );
      const row = rows?.[index];
      if (!row) return;
      moveCursor(row.threadId, index);
      const element = document.querySelector<HTMLElement>(`[role="row"][data-index="${index}"]`);
      element?.scrollIntoView({ block: 'nearest' });
      if (alsoOpen) goTo(row.threadId);
      else element?.focus({ preventScroll: true });
    },
    [goTo, rows, total],
  );

  const run = useCallback(
    async (action: Action | 'destroy', on: Targets): Promise<void> => {
      const leaving =
        action === 'destroy' ||
        /^(archive|trash|spam|not-spam|move|snooze|mute)$/.test(action.kind) ||
        (action.kind === 'unsnooze' && role === 'snoozed');
      if (action === 'destroy') {
        if (!(await destroy(on, scope))) return;
      } else {
        void act(action, on, scope);
      }
      if (leaving) clearSelection();
      if (leaving && open !== null && (!('threads' in on) || on.threads.includes(open))) goTo(null);
    },
    [act, destroy, goTo, open, role, scope],
  );

  const onAct = useCallback(
    (action: Asked, on: Targets = targets()) => {
      if (action === 'pick-move') setPicking({ kind: 'move', targets: on });
      else if (action === 'pick-label') setPicking({ kind: 'label', targets: on });
      else if (action === 'pick-snooze') setPicking({ kind: 'snooze', targets: on });
      else void run(action, on);
    },
    [run, targets],
  );

  const select = useCallback(
    (which: SelectWhich) => {
      if (which === 'none') {
        clearSelection();
        return;
      }
      const loaded = (rows ?? []).flatMap((row) => (row ? [row.threadId] : []));
      const fits = (id: Id): boolean => {
        const emails = emailsOf(id);
        if (which === 'read') return !anyUnread(emails);
        if (which === 'unread') return anyUnread(emails);
        if (which === 'starred') return anyStarred(emails);
        return which === 'unstarred' ? !anyStarred(emails) : true;
      };
      selectOnly(loaded.filter(fits));
    },
    [rows],
  );

  const menuFor = useCallback(
    (on: Targets): MenuEntry[] => {
      const t = (id: string) => intl.formatMessage({ id });
      const hint = (id: string) => (choice.keysOff ? undefined : keysOf(id, choice)[0]);
      const entry = (
        label: string,
        icon: React.ReactNode,
        action: Asked,
        id?: string,
      ): MenuEntry => ({
        label: t(label),
        icon,
        run: () => onAct(action, on),
        ...(id === undefined ? {} : { hint: hint(id) }),
      });
      const emails = known(on);
      const unread = anyUnread(emails);
      const muted = anyMuted(emails);
      return [
        ...(role === 'archive' || role === 'trash' || role === 'drafts'
          ? []
          : [entry('key.archive', <Archive size={16} />, { kind: 'archive' }, 'archive')]),
        role === 'trash'
          ? entry('act.destroy', <Trash2 size={16} />, 'destroy')
          : entry('key.delete', <Trash2 size={16} />, { kind: 'trash' }, 'delete'),
        entry('key.move', <FolderInput size={16} />, 'pick-move', 'move'),
        entry('key.label', <Tag size={16} />, 'pick-label', 'label'),
        ...(canSnooze(role)
          ? [entry('key.snooze', <AlarmClock size={16} />, 'pick-snooze', 'snooze')]
          : []),
        ...(role === 'snoozed'
          ? [entry('act.unsnooze', <AlarmClockOff size={16} />, { kind: 'unsnooze' })]
          : []),
        'line',
        unread
          ? entry('key.read', <MailOpen size={16} />, { kind: 'read' }, 'read')
          : entry('key.unread', <Mail size={16} />, { kind: 'unread' }, 'unread'),
        entry('key.star', <Star size={16} />, { kind: 'star' }, 'star'),
        entry('act.unstar', <Star size={16} />, { kind: 'unstar' }),
        muted
          ? entry('act.unmute', <BellRing size={16} />, { kind: 'unmute' }, 'mute')
          : entry('key.mute', <BellOff size={16} />, { kind: 'mute' }, 'mute'),
        'line',
        role === 'junk'
          ? entry('act.not-spam', <ShieldCheck size={16} />, { kind: 'not-spam' })
          : entry('key.spam', <ShieldAlert size={16} />, { kind: 'spam' }, 'spam'),
      ];
    },
    [choice, intl, onAct, role],
  );

  useCommand('next', () => stepTo(1, open !== null));
  useCommand('previous', () => stepTo(-1, open !== null));
  const extend = (step: number) => {
    const to = Math.max(0, Math.min(total - 1, here() + step));
    selectRange(to, (index) => rows?.[index]?.threadId);
    stepTo(step, false);
  };
  useCommand('extend-next', () => extend(1));
  useCommand('extend-previous', () => extend(-1));
  useCommand('open', () => {
    const row = rows?.[here()];
    if (row) goTo(row.threadId);
  });
  useCommand('select', () => {
    const row = rows?.[here()];
    if (row) toggle(row.threadId, here());
  });
  useCommand('select-all', () => select('all'));
  useCommand('select-none', () => select('none'));
  useCommand('select-read', () => select('read'));
  useCommand('select-unread', () => select('unread'));
  useCommand('select-starred', () => select('starred'));
  useCommand('select-unstarred', () => select('unstarred'));
  useCommand('archive', () => onAct({ kind: 'archive' }));
  useCommand('delete', () => onAct(role === 'trash' ? 'destroy' : { kind: 'trash' }));
  useCommand('spam', () => onAct({ kind: role === 'junk' ? 'not-spam' : 'spam' }));
  useCommand('star', () => onAct({ kind: anyStarred(known(targets())) ? 'unstar' : 'star' }));
  useCommand('mute', () => onAct({ kind: anyMuted(known(targets())) ? 'unmute' : 'mute' }));
  useCommand('snooze', () => onAct('pick-snooze'), canSnooze(role));
  useCommand('read', () => onAct({ kind: 'read' }));
  useCommand('unread', () => onAct({ kind: 'unread' }));
  useCommand('move', () => onAct('pick-move'));
  useCommand('label', () => onAct('pick-label'));
  useCommand('refresh', () => void list.refresh());
  useCommand('back', () => goTo(null), open !== null);
  const archiveAnd = (step: number) => {
    const on = targets();
    const next = rows?.[here() + step];
    void act({ kind: 'archive' }, on, scope);
    goTo(next?.threadId ?? null);
  };
  useCommand('archive-next', () => archiveAnd(1), open !== null);
  useCommand('archive-previous', () => archiveAnd(-1), open !== null);

  return useMemo(
    () => ({ list, onFirstSeen, onAct, select, menuFor, picking, setPicking, targets }),
    [list, onFirstSeen, onAct, select, menuFor, picking, targets],
  );
}
