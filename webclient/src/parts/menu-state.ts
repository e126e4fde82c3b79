// The one menu that may be open, and what menus are made of.
import type { ReactNode } from 'react';
import { create } from 'zustand';

export type MenuEntry =
  | {
      label: string;
      icon?: ReactNode;
      hint?: string | undefined;
      run: () => void;
      danger?: boolean;
      disabled?: boolean;
      /** A tick that is on or off. */
      checked?: boolean;
    }
  | { label: string; icon?: ReactNode; entries: MenuEntry[] }
  | 'line';

export interface OpenMenu {
  id: string;
  /** The place it opens beside, in pixels of the window. */
  at: { x: number; y: number; width: number; height: number };
  entries: MenuEntry[];
  align: 'start' | 'end';
  label: string;
  /** Gets the focus back. */
  opener: HTMLElement | null;
}

export const useMenu = create<{ menu: OpenMenu | null }>()(() => ({ menu: null }));
