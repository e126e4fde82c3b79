// Files on their way up.
import { useCallback, useEffect, useRef } from 'react';
import { useIntl } from 'react-intl';

import { upload } from '@/api/blobs';
import { useMe } from '@/api/session';
import { errorText, toast } from '@/parts';

import { address, file } from './begin';
import type { Attached } from './draft';
import { token } from './outbox';
import type { DraftHandle } from './use-draft';

export interface Files {
  attach: (files: readonly File[]) => void;
  /** Resolves to where each picture is read. */
  embed: (files: readonly File[]) => Promise<string[]>;
  remove: (key: string) => void;
}

export function useFiles({ change, current }: Pick<DraftHandle, 'change' | 'current'>): Files {
  const intl = useIntl();
  const { features } = useMe();
  const running = useRef(new Map<string, AbortController>());
  useEffect(() => {
    const all = running.current;
    return () => all.forEach((each) => each.abort());
  }, []);
  const update = useCallback(
    (key: string, part: Partial<Attached>) =>
      change(({ attached }) => ({
        attached: attached.map((each) => (each.key === key ? { ...each, ...part } : each)),
      })),
    [change],
  );
  const send = useCallback(
    async (given: File, cid: string | null): Promise<string | null> => {
      const held = current().attached.reduce((sum, each) => sum + each.size, 0);
      // Base64 makes four octets of three, and a line end after each 76.
      const most = Math.min(features.uploadSize, Math.floor(features.messageSize * 0.72) - held);
      if (given.size > most) {
        const size = intl.formatNumber(Math.max(0, most) / 1e6, { maximumFractionDigits: 1 });
        toast(intl.formatMessage({ id: 'compose.too-big' }, { name: given.name, size }), {
          kind: 'error',
        });
        return null;
      }
      const each: Attached = {
        ...file(),
        name: given.name || 'image.png',
        type: given.type || 'application/octet-stream',
        size: given.size,
        cid,
      };
      const stop = new AbortController();
      running.current.set(each.key, stop);
      change(({ attached }) => ({ attached: [...attached, each] }));
      try {
        const { blobId } = await upload(given, {
          type: each.type,
          signal: stop.signal,
          onProgress: (progress) => update(each.key, { progress }),
        });
        update(each.key, { blobId, progress: 1 });
        return address({ ...each, blobId });
      } catch (error) {
        if (!stop.signal.aborted) update(each.key, { error: errorText(intl, error) });
        return null;
      } finally {
        running.current.delete(each.key);
      }
    },
    [change, current, features, intl, update],
  );
  return {
    attach: useCallback((files) => files.forEach((each) => void send(each, null)), [send]),
    embed: useCallback(
      async (files) => {
        const all = await Promise.all(files.map((each) => send(each, `${token()}@mailsys`)));
        return all.filter((each) => each !== null);
      },
      [send],
    ),
    remove: useCallback(
      (key) => {
        running.current.get(key)?.abort();
        change(({ attached }) => ({ attached: attached.filter((each) => each.key !== key) }));
      },
      [change],
    ),
  };
}
