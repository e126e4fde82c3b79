// The seam of the composer: whoever wants to write calls `openComposer`; the shell shows ComposerLayer
// (its own chunk) while anything is open.
import { create } from 'zustand';

import type { Email, EmailAddress, Id } from '@/api/types';

/** What somebody wants to write. */
export type ComposeIntent =
  | {
      kind: 'new';
      to?: EmailAddress[];
      cc?: EmailAddress[];
      bcc?: EmailAddress[];
      subject?: string;
      text?: string;
    }
  | { kind: 'reply' | 'reply-all' | 'forward' | 'forward-as-attachment'; email: Email }
  /** Goes on with a draft of the server's. */
  | { kind: 'draft'; emailId: Id };

export interface OpenComposer {
  key: number;
  intent: ComposeIntent;
}

interface ComposeState {
  open: readonly OpenComposer[];
}

export const useComposers = create<ComposeState>()(() => ({ open: [] }));

let last = 0;

export function openComposer(intent: ComposeIntent): void {
  last += 1;
  const key = last;
  useComposers.setState(({ open }) => ({ open: [...open, { key, intent }] }));
}

export function closeComposer(key: number): void {
  useComposers.setState(({ open }) => ({ open: open.filter((each) => each.key !== key) }));
}
