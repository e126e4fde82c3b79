// The list of conversations: a grid over the full count of which only the visible rows exist.
import { Inbox, SearchX } from 'lucide-react';
import {
  type KeyboardEvent,
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useState,
} from 'react';
import { useIntl } from 'react-intl';

import { type List, listKeyOf, type ListQuery, type Row } from '@/api/list';
import { useSettings } from '@/api/settings';
import type { Id } from '@/api/types';
import { beginDrag, endDrag } from '@/mail/drag';
import { beginList, moveCursor, selectRange, toggle, useListState } from '@/mail/list-state';
import { roleIn, type Scope } from '@/mail/scope';
import type { Asked } from '@/mail/act';
import type { Targets } from '@/mail/use-actions';
import { EmptyState, ErrorState, type MenuEntry, showContextMenu } from '@/parts';
import { useVisibleRows } from '@/parts/use-visible-rows';

import { ConversationRow, type RowHandlers } from './ConversationRow';
import { currentIndex, focusIndex, useKeepFocus, useKeepPlace } from './place';
import { RowSkeleton } from './RowLink';
import { useSnippets } from './use-snippets';

const COARSE = window.matchMedia('(pointer: coarse)');

/** As --row in tokens.css. */
function rowHeight(density: 'compact' | 'normal'): number {
  if (COARSE.matches) return 76;
  return density === 'compact' ? 52 : 68;
}

interface ListProps {
  label: string;
  scope: Scope;
  query: ListQuery;
  list: List;
  /** The open conversation. */
  open: Id | null;
  onOpen: (threadId: Id, index: number) => void;
  onAct: (action: Asked, targets: Targets) => void;
  menuFor: (targets: Targets) => MenuEntry[];
  /** Told where the list stands, for refreshes that leave it there. */
  onFirstSeen: (index: number) => void;
}

export function ConversationList(props: ListProps) {
  const { label, scope, query, list, open, onOpen, onAct, menuFor, onFirstSeen } = props;
  const intl = useIntl();
  const { density } = useSettings();
  const key = listKeyOf(query);
  const { selected, all, cursor } = useListState();
  const [grid, setGrid] = useState<HTMLDivElement | null>(null);
  const height = rowHeight(density);
  const { data, ensure } = list;
  const total = data?.total ?? 0;
  const rows = data?.rows;
  const rowAt = useCallback((index: number): Row | undefined => rows?.[index], [rows]);
  const idAt = useCallback((index: number) => rows?.[index]?.threadId, [rows]);

  const { attach, first, last, extent, topOf, reveal, ...scroll } = useVisibleRows(total, height);
  const { scrollTo } = scroll;

  useLayoutEffect(() => {
    beginList(key);
    scrollTo(0);
  }, [key, scrollTo]);

  useEffect(() => {
    if (total === 0) return undefined;
    // While one flies by, nothing is asked for.
    const timer = window.setTimeout(() => ensure(first, last), 40);
    return () => window.clearTimeout(timer);
  }, [ensure, first, last, total, data]);

  useKeepPlace(scroll, rows, height, onFirstSeen);
  useKeepFocus(grid, cursor, rows, total);

  const current = currentIndex(cursor, rows, total);
  const focusRow = useCallback(
    (index: number) => {
      const to = Math.max(0, Math.min(total - 1, index));
      moveCursor(rows?.[to]?.threadId ?? null, to);
      reveal(to);
      // A row that only now comes into the window stands there in the next frame.
      if (!focusIndex(grid, to)) requestAnimationFrame(() => focusIndex(grid, to));
    },
    [rows, total, reveal, grid],
  );

  const targetsAt = useCallback(
    (index: number): Targets => {
      const state = useListState.getState();
      const row = rowAt(index);
      if (row && state.all) return { all: query.filter, count: total };
      if (row && state.selected.has(row.threadId)) return { threads: [...state.selected] };
      return row
        ? query.collapse
          ? { threads: [row.threadId] }
          : { emails: [row.id] }
        : { threads: [] };
    },
    [query, rowAt, total],
  );

  const handlers = useMemo<RowHandlers>(
    () => ({
      onSelect: (index, event) => {
        const id = idAt(index);
        if (id === undefined) return;
        if (event.shiftKey) selectRange(index, idAt);
        else toggle(id, index);
        moveCursor(id, index);
      },
      onAct: (index, action) => {
        const row = rowAt(index);
        if (row) onAct(action, query.collapse ? { threads: [row.threadId] } : { emails: [row.id] });
      },
      onContextMenu: (index, event) => {
        moveCursor(idAt(index) ?? null, index);
        showContextMenu(event, intl.formatMessage({ id: 'list.menu' }), menuFor(targetsAt(index)));
      },
      onDragStart: (index, event) => {
        const targets = targetsAt(index);
        const threads = 'threads' in targets ? targets.threads : [idAt(index) ?? ''];
        beginDrag(
          event,
          threads,
          scope,
          intl.formatMessage({ id: 'list.drag' }, { count: threads.length }),
        );
      },
      onDragEnd: endDrag,
    }),
    [idAt, rowAt, onAct, query, intl, menuFor, targetsAt, scope],
  );

  const snippets = useSnippets(scope.kind === 'search' ? query.filter : null, rows, first, last);

  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor((scroll.scroller?.clientHeight ?? 0) / height) - 1);
    const steps: Record<string, number> = {
      ArrowDown: current + 1,
      ArrowUp: current - 1,
      PageDown: current + page,
      PageUp: current - page,
      Home: 0,
      End: total - 1,
    };
    const to = steps[event.key];
    if (to !== undefined) {
      if (event.shiftKey) selectRange(Math.max(0, Math.min(total - 1, to)), idAt);
      focusRow(to);
    } else if (event.key === 'Enter') {
      const id = idAt(current);
      if (id !== undefined) onOpen(id, current);
    } else if (event.key === ' ') {
      const id = idAt(current);
      if (id !== undefined) toggle(id, current);
    } else {
      return;
    }
    event.preventDefault();
  };

  if (list.error) return <ErrorState error={list.error} retry={list.retry} />;
  if (!data) {
    return (
      <div
        role="status"
        className="flex-1 overflow-hidden"
        aria-label={intl.formatMessage({ id: 'loading' })}
      >
        {Array.from({ length: 9 }, (_, at) => (
          <div key={at} style={{ height }} aria-hidden>
            <RowSkeleton />
          </div>
        ))}
      </div>
    );
  }
  if (total === 0) {
    const search = scope.kind === 'search';
    const what = search ? '.search' : roleIn(scope) === 'snoozed' ? '.snoozed' : '';
    return (
      <EmptyState
        icon={search ? <SearchX size={26} /> : <Inbox size={26} />}
        title={intl.formatMessage({ id: `list.empty${what}` })}
        text={intl.formatMessage({ id: `list.empty${what}.text` })}
      />
    );
  }
  return (
    <div ref={attach} className="min-h-0 flex-1 overflow-y-auto overscroll-contain">
      <div
        ref={setGrid}
        role="grid"
        tabIndex={-1}
        aria-label={label}
        aria-rowcount={total}
        aria-multiselectable
        className="relative w-full outline-none"
        style={{ height: extent }}
        onKeyDown={onKeyDown}
      >
        {Array.from({ length: last - first + 1 }, (_, at) => first + at).map((index) => {
          const row = rows?.[index];
          const chosen = row !== undefined && (all || selected.has(row.threadId));
          return (
            // eslint-disable-next-line jsx-a11y/click-events-have-key-events -- the grid takes the keys
            <div
              key={row?.threadId ?? `unknown ${index}`}
              role="row"
              data-index={index}
              aria-rowindex={index + 1}
              aria-selected={chosen}
              tabIndex={index === current ? 0 : -1}
              className="absolute inset-x-0 top-0 outline-none focus-visible:z-10 focus-visible:outline-2 focus-visible:-outline-offset-2 focus-visible:outline-accent"
              style={{ height, transform: `translateY(${topOf(index)}px)` }}
              onFocus={(event) => {
                if (event.target === event.currentTarget) moveCursor(row?.threadId ?? null, index);
              }}
              onClick={(event) => {
                const link = event.target instanceof Element && event.target.closest('a');
                if (!row || event.ctrlKey || event.metaKey) return;
                if (event.defaultPrevented && !link) return;
                event.preventDefault(); // the link is followed by us, with the index
                if (event.shiftKey) handlers.onSelect(index, event);
                else onOpen(row.threadId, index);
              }}
            >
              {row ? (
                <ConversationRow
                  row={row}
                  index={index}
                  scope={scope}
                  collapse={query.collapse}
                  selected={chosen}
                  selecting={all || selected.size > 0}
                  current={index === current}
                  open={row.threadId === open}
                  snippet={snippets.get(row.id)}
                  handlers={handlers}
                />
              ) : (
                <RowSkeleton />
              )}
            </div>
          );
        })}
      </div>
    </div>
  );
}
