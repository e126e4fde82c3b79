// The list of conversations: a grid over the full count of which only the visible rows exist.
import { useVirtualizer } from '@tanstack/react-virtual';
import { Inbox, SearchX } from 'lucide-react';
import {
  type KeyboardEvent,
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from 'react';
import { useIntl } from 'react-intl';

import { type List, listKeyOf, type ListQuery, type Row } from '@/api/list';
import { useSettings } from '@/api/settings';
import type { Id } from '@/api/types';
import type { Action } from '@/mail/act';
import { beginDrag, endDrag } from '@/mail/drag';
import { beginList, moveCursor, selectRange, toggle, useListState } from '@/mail/list-state';
import type { Scope } from '@/mail/scope';
import type { Targets } from '@/mail/use-actions';
import { EmptyState, ErrorState, type MenuEntry, showContextMenu } from '@/parts';

import { ConversationRow, type RowHandlers, RowSkeleton } from './ConversationRow';
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
  onAct: (action: Action | 'destroy', targets: Targets) => void;
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
  const [scroller, setScroller] = useState<HTMLDivElement | null>(null);
  const [grid, setGrid] = useState<HTMLDivElement | null>(null);
  const height = rowHeight(density);
  const { data, ensure } = list;
  const total = data?.total ?? 0;
  const rows = data?.rows;
  const rowAt = useCallback((index: number): Row | undefined => rows?.[index], [rows]);
  const idAt = useCallback((index: number) => rows?.[index]?.threadId, [rows]);

  useLayoutEffect(() => {
    beginList(key);
    scroller?.scrollTo({ top: 0 });
  }, [key, scroller]);

  const virtual = useVirtualizer({
    count: total,
    getScrollElement: () => scroller,
    estimateSize: () => height,
    overscan: 6,
    getItemKey: (index) => rows?.[index]?.threadId ?? `unknown ${index}`,
  });
  useEffect(() => virtual.measure(), [height, virtual]);

  const items = virtual.getVirtualItems();
  const first = items[0]?.index ?? 0;
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (total === 0) return undefined;
    // While one flies by, nothing is asked for.
    const timer = window.setTimeout(() => ensure(first, last), 40);
    return () => window.clearTimeout(timer);
  }, [ensure, first, last, total, data]);

  useKeepPlace(scroller, rows, height, onFirstSeen);
  useKeepFocus(grid, cursor, rows, total);

  const current = currentIndex(cursor, rows, total);
  const focusRow = useCallback(
    (index: number) => {
      const to = Math.max(0, Math.min(total - 1, index));
      virtual.scrollToIndex(to);
      moveCursor(rows?.[to]?.threadId ?? null, to);
      requestAnimationFrame(() => focusIndex(grid, to));
    },
    [rows, total, virtual, grid],
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
    const page = Math.max(1, Math.floor((scroller?.clientHeight ?? 0) / height) - 1);
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
    return (
      <EmptyState
        icon={search ? <SearchX size={26} /> : <Inbox size={26} />}
        title={intl.formatMessage({ id: search ? 'list.empty.search' : 'list.empty' })}
        text={intl.formatMessage({ id: search ? 'list.empty.search.text' : 'list.empty.text' })}
      />
    );
  }
  return (
    <div ref={setScroller} className="min-h-0 flex-1 overflow-y-auto overscroll-contain">
      <div
        ref={setGrid}
        role="grid"
        tabIndex={-1}
        aria-label={label}
        aria-rowcount={total}
        aria-multiselectable
        className="relative w-full outline-none"
        style={{ height: virtual.getTotalSize() }}
        onKeyDown={onKeyDown}
      >
        {items.map((item) => {
          const row = rows?.[item.index];
          const chosen = row !== undefined && (all || selected.has(row.threadId));
          return (
            // eslint-disable-next-line jsx-a11y/click-events-have-key-events -- the grid takes the keys
            <div
              key={item.key}
              role="row"
              data-index={item.index}
              aria-rowindex={item.index + 1}
              aria-selected={chosen}
              tabIndex={item.index === current ? 0 : -1}
              className="absolute inset-x-0 top-0 outline-none focus-visible:z-10 focus-visible:outline-2 focus-visible:-outline-offset-2 focus-visible:outline-accent"
              style={{ height, transform: `translateY(${item.start}px)` }}
              onFocus={(event) => {
                if (event.target === event.currentTarget)
                  moveCursor(row?.threadId ?? null, item.index);
              }}
              onClick={(event) => {
                const link = event.target instanceof Element && event.target.closest('a');
                if (!row || event.ctrlKey || event.metaKey) return;
                if (event.defaultPrevented && !link) return;
                event.preventDefault(); // the link is followed by us, with the index
                if (event.shiftKey) handlers.onSelect(item.index, event);
                else onOpen(row.threadId, item.index);
              }}
            >
              {row ? (
                <ConversationRow
                  row={row}
                  index={item.index}
                  scope={scope}
                  collapse={query.collapse}
                  selected={chosen}
                  selecting={all || selected.size > 0}
                  current={item.index === current}
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

/** The cursor's row; when it left the list, the one that took its place. */
export function currentIndex(
  cursor: { threadId: Id | null; index: number },
  rows: readonly (Row | undefined)[] | undefined,
  total: number,
): number {
  if (!rows || total === 0) return 0;
  if (cursor.threadId !== null && rows[cursor.index]?.threadId !== cursor.threadId) {
    const found = rows.findIndex((row) => row?.threadId === cursor.threadId);
    if (found >= 0) return found;
  }
  return Math.min(cursor.index, total - 1);
}

function focusIndex(grid: HTMLElement | null, index: number): void {
  grid?.querySelector<HTMLElement>(`[data-index="${index}"]`)?.focus({ preventScroll: true });
}

/** Rows that come or go above leave the visible ones where they are. */
function useKeepPlace(
  scroller: HTMLElement | null,
  rows: readonly (Row | undefined)[] | undefined,
  height: number,
  onFirstSeen: (index: number) => void,
): void {
  const before = useRef<{ rows: readonly (Row | undefined)[]; top: number } | null>(null);
  useEffect(() => {
    if (!scroller) return undefined;
    const seen = () => {
      onFirstSeen(scroller.scrollTop < height / 2 ? 0 : Math.ceil(scroller.scrollTop / height));
      if (before.current) before.current.top = scroller.scrollTop;
    };
    seen();
    scroller.addEventListener('scroll', seen, { passive: true });
    return () => scroller.removeEventListener('scroll', seen);
  }, [scroller, height, onFirstSeen]);
  useLayoutEffect(() => {
    const was = before.current;
    before.current = rows ? { rows, top: scroller?.scrollTop ?? 0 } : null;
    if (!scroller || !rows || !was || was.rows === rows || scroller.scrollTop < height / 2) return;
    const at = Math.ceil(scroller.scrollTop / height);
    const anchor = was.rows[at];
    if (!anchor || rows[at]?.threadId === anchor.threadId) return;
    const now = rows.findIndex((row) => row?.threadId === anchor.threadId);
    if (now >= 0) scroller.scrollBy({ top: (now - at) * height });
  }, [rows, scroller, height]);
}

/** A focused row that was removed hands the focus to its successor. */
function useKeepFocus(
  grid: HTMLElement | null,
  cursor: { threadId: Id | null; index: number },
  rows: readonly (Row | undefined)[] | undefined,
  total: number,
): void {
  const had = useRef(false);
  useEffect(() => {
    if (!grid) return undefined;
    const track = () => {
      had.current = grid.contains(document.activeElement);
    };
    document.addEventListener('focusin', track);
    return () => document.removeEventListener('focusin', track);
  }, [grid]);
  useEffect(() => {
    if (!had.current || document.activeElement !== document.body || total === 0) return;
    const index = currentIndex(cursor, rows, total);
    moveCursor(rows?.[index]?.threadId ?? null, index);
    focusIndex(grid, index);
  }, [grid, cursor, rows, total]);
}
