// Where one is in the list: the cursor's row, the focus and the scrolling keep to it when rows come and go.
import { useEffect, useLayoutEffect, useRef } from 'react';

import type { Row } from '@/api/list';
import type { Id } from '@/api/types';
import { moveCursor } from '@/mail/list-state';
import type { VisibleRows } from '@/parts/use-visible-rows';

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

/** False: the row is not in the document. */
export function focusIndex(grid: HTMLElement | null, index: number): boolean {
  const row = grid?.querySelector<HTMLElement>(`[data-index="${index}"]`);
  row?.focus({ preventScroll: true });
  return row !== null && row !== undefined;
}

/** Rows that come or go above leave the visible ones where they are. */
export function useKeepPlace(
  { scroller, offset, scrollTo }: Pick<VisibleRows, 'scroller' | 'offset' | 'scrollTo'>,
  rows: readonly (Row | undefined)[] | undefined,
  height: number,
  onFirstSeen: (index: number) => void,
): void {
  const before = useRef<readonly (Row | undefined)[] | undefined>(undefined);
  useEffect(() => {
    if (!scroller) return undefined;
    const seen = () => onFirstSeen(offset() < height / 2 ? 0 : Math.ceil(offset() / height));
    seen();
    scroller.addEventListener('scroll', seen, { passive: true });
    return () => scroller.removeEventListener('scroll', seen);
  }, [scroller, offset, height, onFirstSeen]);
  useLayoutEffect(() => {
    const was = before.current;
    before.current = rows;
    if (!rows || !was || was === rows || offset() < height / 2) return;
    const at = Math.ceil(offset() / height);
    const anchor = was[at];
    if (!anchor || rows[at]?.threadId === anchor.threadId) return;
    const now = rows.findIndex((row) => row?.threadId === anchor.threadId);
    if (now >= 0) scrollTo(offset() + (now - at) * height);
  }, [rows, offset, scrollTo, height]);
}

/** A focused row that was removed hands the focus to its successor. */
export function useKeepFocus(
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
