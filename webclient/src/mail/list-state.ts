// The cursor and the selection of the list that is shown.
import { create } from 'zustand';

import { whenSessionEnds } from '@/api/session';
import type { Id } from '@/api/types';

interface ListState {
  /** Which list it is about; another list begins anew. */
  key: string;
  selected: ReadonlySet<Id>;
  /** All that match, loaded or not. */
  all: boolean;
  /** Where a range began. */
  anchor: number | null;
  cursor: { threadId: Id | null; index: number };
}

const EMPTY: Omit<ListState, 'key'> = {
  selected: new Set(),
  all: false,
  anchor: null,
  cursor: { threadId: null, index: 0 },
};

export const useListState = create<ListState>()(() => ({ key: '', ...EMPTY }));

whenSessionEnds(() => useListState.setState({ key: '', ...EMPTY }));

export function beginList(key: string): void {
  if (useListState.getState().key !== key) useListState.setState({ key, ...EMPTY });
}

export function clearSelection(): void {
  const { selected, all } = useListState.getState();
  if (selected.size > 0 || all)
    useListState.setState({ selected: new Set(), all: false, anchor: null });
}

export function selectOnly(ids: readonly Id[]): void {
  useListState.setState({ selected: new Set(ids), all: false });
}

export function toggle(id: Id, index: number): void {
  const selected = new Set(useListState.getState().selected);
  if (!selected.delete(id)) selected.add(id);
  useListState.setState({ selected, all: false, anchor: index });
}

/** Selects from the anchor to `index`; `idAt` knows the loaded rows. */
export function selectRange(index: number, idAt: (index: number) => Id | undefined): void {
  const { anchor, selected, cursor } = useListState.getState();
  const from = anchor ?? cursor.index;
  const next = new Set(selected);
  for (let at = Math.min(from, index); at <= Math.max(from, index); at += 1) {
    const id = idAt(at);
    if (id !== undefined) next.add(id);
  }
  useListState.setState({ selected: next, all: false, anchor: from });
}

export function moveCursor(threadId: Id | null, index: number): void {
  useListState.setState({ cursor: { threadId, index } });
}
