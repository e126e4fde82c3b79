// The import or export under way: it goes on while one looks at other pages. One at a time.
import { create } from 'zustand';

import { whenSessionEnds } from '@/api/session';

export interface Transfer {
  kind: 'import' | 'export';
  state: 'running' | 'done' | 'failed' | 'cancelled';
  /** Messages that are dealt with, and refused. */
  done: number;
  failed: number;
  /** 0 to 1. */
  part: number;
  error: unknown;
  /** Messages that were refused, the first of them. */
  refused: readonly { name: string; why: unknown }[];
}

interface TransferState {
  transfer: Transfer | null;
  cancel: () => void;
}

const MOST_REFUSED = 50;

export const useTransfer = create<TransferState>()(() => ({
  transfer: null,
  cancel: () => undefined,
}));

function patch(change: Partial<Transfer>): void {
  useTransfer.setState(({ transfer }) => ({ transfer: transfer && { ...transfer, ...change } }));
}

export interface Report {
  progress: (change: Pick<Transfer, 'done' | 'failed' | 'part'>) => void;
  refused: (name: string, why: unknown) => void;
}

const stay = (event: BeforeUnloadEvent) => event.preventDefault();

/** Runs `work` as the one transfer; ends in a state, never in a rejection. */
export async function transfer(
  kind: Transfer['kind'],
  work: (report: Report, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  if (useTransfer.getState().transfer?.state === 'running') return;
  const control = new AbortController();
  useTransfer.setState({
    transfer: { kind, state: 'running', done: 0, failed: 0, part: 0, error: null, refused: [] },
    cancel: () => control.abort(),
  });
  // The browser asks before the page is left.
  window.addEventListener('beforeunload', stay);
  try {
    await work(
      {
        progress: patch,
        refused: (name, why) =>
          useTransfer.setState(({ transfer: now }) => ({
            transfer: now && {
              ...now,
              refused: [...now.refused, { name, why }].slice(0, MOST_REFUSED),
            },
          })),
      },
      control.signal,
    );
    patch({ state: 'done', part: 1 });
  } catch (error) {
    patch(control.signal.aborted ? { state: 'cancelled' } : { state: 'failed', error });
  } finally {
    window.removeEventListener('beforeunload', stay);
  }
}

whenSessionEnds(() => {
  useTransfer.getState().cancel();
  useTransfer.setState({ transfer: null });
});
