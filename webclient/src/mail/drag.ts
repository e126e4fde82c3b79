// Conversations on their way to a folder. What a drop gets is kept here: the data of a drag cannot be
// read before it ends, and the folders want to know what is coming.
import { create } from 'zustand';

import type { Id } from '@/api/types';

import type { Scope } from './scope';

export const DRAG_TYPE = 'application/x-mail-conversations';

export const useDrag = create<{ drag: { threads: readonly Id[]; scope: Scope } | null }>()(() => ({
  drag: null,
}));

export function beginDrag(
  event: React.DragEvent,
  threads: readonly Id[],
  scope: Scope,
  label: string,
): void {
  event.dataTransfer.effectAllowed = 'copyMove';
  event.dataTransfer.setData(DRAG_TYPE, threads.join(' '));
  const ghost = document.createElement('div');
  ghost.textContent = label;
  ghost.className =
    'fixed -top-96 left-0 rounded-lg bg-accent px-3 py-2 text-base font-medium text-on-accent';
  document.body.append(ghost);
  event.dataTransfer.setDragImage(ghost, -8, 12);
  setTimeout(() => ghost.remove(), 0);
  useDrag.setState({ drag: { threads, scope } });
}

export function endDrag(): void {
  useDrag.setState({ drag: null });
}
