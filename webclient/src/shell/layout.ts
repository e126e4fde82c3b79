// What the window has room for, and what of the frame around the mail is open.
import { useSyncExternalStore } from 'react';
import { create } from 'zustand';

import { whenSessionEnds } from '@/api/session';

export type Room = 'phone' | 'tablet' | 'desk';

const tablet = window.matchMedia('(min-width: 700px)');
const desk = window.matchMedia('(min-width: 1024px)');

function room(): Room {
  return desk.matches ? 'desk' : tablet.matches ? 'tablet' : 'phone';
}

function subscribe(changed: () => void): () => void {
  tablet.addEventListener('change', changed);
  desk.addEventListener('change', changed);
  return () => {
    tablet.removeEventListener('change', changed);
    desk.removeEventListener('change', changed);
  };
}

/** One pane, two panes, or three. */
export function useRoom(): Room {
  return useSyncExternalStore(subscribe, room);
}

interface LayoutState {
  drawer: boolean;
  layer: 'help' | 'palette' | null;
}

export const useLayout = create<LayoutState>()(() => ({ drawer: false, layer: null }));

whenSessionEnds(() => useLayout.setState({ drawer: false, layer: null }));
