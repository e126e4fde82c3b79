// The seam of the composer: whoever wants to write calls `openComposer`; the shell shows ComposerLayer
// (its own chunk) while anything is open.
import { create } from 'zustand';

import { whenSessionEnds } from '@/api/session';
import type { Email, EmailAddress, Id } from '@/api/types';

import type { Draft } from './draft';
import type { ReplyKind } from './reply';

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
  | { kind: ReplyKind | 'forward' | 'forward-as-attachment'; email: Email }
  /** Goes on with a draft of the server's. */
  | { kind: 'draft'; emailId: Id }
  /** Goes on with what was taken back, or could not be saved; `kept`: its key in the outbox. */
  | { kind: 'restore'; draft: Draft; kept?: string }
  /** Looks at what waits for its time. */
  | { kind: 'scheduled' };

export interface OpenComposer {
  key: number;
  intent: ComposeIntent;
  size: 'docked' | 'full' | 'folded';
  /** The email in Drafts that it stands for: opened again, it is shown and not doubled. */
  emailId: Id | null;
}

interface ComposeState {
  open: readonly OpenComposer[];
  /** The one that was used last: in front. */
  front: number;
}

export const useComposers = create<ComposeState>()(() => ({ open: [], front: 0 }));

whenSessionEnds(() => useComposers.setState({ open: [] }));

let last = 0;

export function openComposer(intent: ComposeIntent): void {
  const emailId =
    intent.kind === 'draft'
      ? intent.emailId
      : intent.kind === 'restore'
        ? intent.draft.emailId
        : null;
  const there = useComposers.getState().open.find((each) => emailId && each.emailId === emailId);
  if (there) {
    changeComposer(there.key, { size: there.size === 'folded' ? 'docked' : there.size });
    useComposers.setState({ front: there.key });
    return;
  }
  last += 1;
  const key = last;
  useComposers.setState(({ open }) => ({
    open: [...open, { key, intent, size: 'docked', emailId }],
    front: key,
  }));
}

export function changeComposer(key: number, change: Partial<OpenComposer>): void {
  useComposers.setState(({ open }) => ({
    open: open.map((each) => (each.key === key ? { ...each, ...change } : each)),
  }));
}

export function closeComposer(key: number): void {
  useComposers.setState(({ open }) => ({ open: open.filter((each) => each.key !== key) }));
}

/** What an earlier page could not give to the server is open again. */
export async function reopenUnsaved(): Promise<void> {
  try {
    const { left } = await import('./outbox');
    const found = await left(() => void reopenUnsaved());
    for (const { key, draft } of found) openComposer({ kind: 'restore', draft, kept: key });
  } catch {
    // A browser that keeps nothing (private windows) has nothing to reopen.
  }
}
