// One draft: changed by the person, kept in the browser at once, saved on the server after two idle seconds.
import { useCallback, useEffect, useRef, useState } from 'react';

import { destroyDraft, saveDraft } from '@/api/drafts';
import { Offline } from '@/api/problems';
import type { Id, Identity } from '@/api/types';

import { contentOf, isEmpty } from './content';
import type { Draft } from './draft';
import { forget, keep, token } from './outbox';
import { changeComposer } from './store';

const IDLE = 2000;
/** Between what is kept in the browser; less than this is lost when the browser itself is killed. */
const KEEP = 300;
const AGAIN = 15_000;

const noop = () => undefined;

export type Saving = 'none' | 'unsaved' | 'saving' | 'saved' | 'offline' | 'failed';

export interface DraftHandle {
  draft: Draft;
  saving: Saving;
  error: unknown;
  change: (change: Partial<Draft> | ((draft: Draft) => Partial<Draft>)) => void;
  /** Saves what is not saved; resolves to the email's id, null for an empty one. Throws. */
  save: () => Promise<Id | null>;
  /** Nothing is saved any more, until `resume`. */
  stop: () => void;
  resume: () => void;
  /** When the save under way, if any, has ended one way or the other. */
  settled: () => Promise<void>;
  current: () => Draft;
}

/** `kept`: its key in the outbox, where an earlier page left it because it was not saved. */
export function useDraft(
  key: number,
  first: Draft,
  identities: Identity[],
  kept?: string,
): DraftHandle {
  const [draft, setDraft] = useState(first);
  const [saving, setSaving] = useState<Saving>(
    kept !== undefined ? 'unsaved' : first.emailId ? 'saved' : 'none',
  );
  const [error, setError] = useState<unknown>(null);
  const now = useRef(first);
  const version = useRef(kept === undefined ? 0 : 1);
  const saved = useRef(0);
  const timer = useRef(0);
  const keeping = useRef(0);
  const stopped = useRef(false);
  const turn = useRef<Promise<unknown>>(Promise.resolve());
  const [outboxKey] = useState(() => kept ?? token());

  const write = useCallback(async (): Promise<Id | null> => {
    const at = version.current;
    const own = now.current;
    if (stopped.current || (own.emailId !== null && saved.current === at)) return own.emailId;
    const identity = identities.find((each) => each.id === own.identityId) ?? identities[0];
    if (!identity || (isEmpty(own) && own.emailId === null)) return null;
    setSaving('saving');
    try {
      const id = await saveDraft(contentOf(own, identity), own.emailId);
      now.current = { ...now.current, emailId: id };
      setDraft((value) => ({ ...value, emailId: id }));
      changeComposer(key, { emailId: id });
      saved.current = at;
      setSaving(version.current === at ? 'saved' : 'unsaved');
      setError(null);
      if (version.current === at) void forget(outboxKey).catch(() => undefined);
      return id;
    } catch (failure) {
      setSaving(failure instanceof Offline ? 'offline' : 'failed');
      setError(failure);
      await keep(outboxKey, own).catch(() => undefined);
      throw failure;
    }
  }, [identities, key, outboxKey]);

  const save = useCallback((): Promise<Id | null> => {
    window.clearTimeout(timer.current);
    // One after the other: each replaces the one before.
    const next = turn.current.catch(() => undefined).then(write);
    turn.current = next;
    return next;
  }, [write]);

  const change = useCallback<DraftHandle['change']>(
    (given) => {
      const before = now.current;
      now.current = { ...before, ...(typeof given === 'function' ? given(before) : given) };
      version.current += 1;
      setDraft(now.current);
      setSaving((was) => (was === 'offline' ? was : 'unsaved'));
      window.clearTimeout(timer.current);
      timer.current = window.setTimeout(() => void save().catch(() => undefined), IDLE);
      keeping.current ||= window.setTimeout(() => {
        keeping.current = 0;
        if (version.current === saved.current || stopped.current || isEmpty(now.current)) return;
        void keep(outboxKey, now.current).catch(() => undefined);
      }, KEEP);
    },
    [save, outboxKey],
  );

  useEffect(() => {
    if (kept !== undefined) void save().catch(() => undefined);
  }, [kept, save]);

  useEffect(() => {
    if (saving !== 'offline') return undefined;
    const again = () => void save().catch(() => undefined);
    const every = window.setInterval(again, AGAIN);
    window.addEventListener('online', again);
    return () => {
      window.clearInterval(every);
      window.removeEventListener('online', again);
    };
  }, [saving, save]);

  useEffect(() => {
    const dirty = () => version.current !== saved.current && !stopped.current;
    const flush = () => {
      if (!dirty()) return;
      if (!isEmpty(now.current)) void keep(outboxKey, now.current).catch(() => undefined);
      void save().catch(() => undefined);
    };
    const hidden = () => document.visibilityState === 'hidden' && flush();
    const leaving = (event: BeforeUnloadEvent) => {
      if (!dirty() || isEmpty(now.current)) return;
      flush();
      event.preventDefault();
    };
    window.addEventListener('blur', flush);
    document.addEventListener('visibilitychange', hidden);
    window.addEventListener('beforeunload', leaving);
    return () => {
      window.clearTimeout(timer.current);
      window.clearTimeout(keeping.current);
      keeping.current = 0;
      window.removeEventListener('blur', flush);
      document.removeEventListener('visibilitychange', hidden);
      window.removeEventListener('beforeunload', leaving);
    };
  }, [save, outboxKey]);

  const stop = useCallback(() => {
    stopped.current = true;
    window.clearTimeout(timer.current);
    void forget(outboxKey).catch(() => undefined);
  }, [outboxKey]);
  const resume = useCallback(() => {
    stopped.current = false;
  }, []);
  const settled = useCallback(() => turn.current.then(noop, noop), []);
  const current = useCallback(() => now.current, []);
  return { draft, saving, error, change, save, stop, resume, settled, current };
}

/** Away with it; resolves to what brings it back. */
export async function discard(draft: Draft): Promise<Draft> {
  if (draft.emailId !== null) await destroyDraft(draft.emailId);
  return { ...draft, emailId: null };
}
