// Messages of .eml and mbox files into a folder, by Email/import (RFC 8621 §4.8).
import { upload } from '@/api/blobs';
import { jmap } from '@/api/jmap';
import { MethodError, Problem } from '@/api/problems';
import type { Id, SetError } from '@/api/types';

import { arrivalOf } from './arrival';
import { isMbox, messagesOf, unquote } from './mbox';

const AT_ONCE = 8; // messages in one Email/import
const UPLOADS = 4; // at the same time
const WAITS = [2, 5, 10, 30, 60, 60, 60]; // seconds, when the server says that it is too much

export interface ImportProgress {
  /** Messages that are in. */
  done: number;
  failed: number;
  /** Octets that were read, of all. */
  read: number;
  total: number;
}

interface Message {
  /** For telling which one was refused. */
  name: string;
  data: Blob;
  /** Octets of its file that are dealt with when it is. */
  read: number;
}

interface ImportResponse {
  created: Record<string, { id: Id }> | null;
  notCreated: Record<string, SetError> | null;
}

/** `onRefused` is told of each message that the server does not take; the others go on. */
export async function importFiles(
  files: readonly File[],
  into: { mailboxId: Id; seen: boolean },
  onProgress: (progress: ImportProgress) => void,
  onRefused: (name: string, why: unknown) => void,
  signal: AbortSignal,
): Promise<void> {
  const progress = {
    done: 0,
    failed: 0,
    read: 0,
    total: files.reduce((sum, file) => sum + file.size, 0),
  };
  const flush = async (batch: Message[]) => {
    const uploaded = new Map<string, { blobId: Id; receivedAt: string | undefined }>();
    const refuse = (message: Message | undefined, why: unknown) => {
      progress.failed += 1;
      onRefused(message?.name ?? '', why);
    };
    for (let from = 0; from < batch.length; from += UPLOADS) {
      await Promise.all(
        batch.slice(from, from + UPLOADS).map(async (message, at) => {
          try {
            const { blobId } = await patiently(
              () => upload(message.data, { type: 'message/rfc822', signal }),
              signal,
            );
            const receivedAt = await arrivalOf(message.data);
            uploaded.set(`m${from + at}`, { blobId, receivedAt });
          } catch (error) {
            if (!(error instanceof Problem) || error.status === 401) throw error;
            refuse(message, error); // too large, say
          }
        }),
      );
    }
    signal.throwIfAborted();
    if (uploaded.size > 0) {
      const emails = Object.fromEntries(
        [...uploaded].map(([key, { blobId, receivedAt }]) => [
          key,
          {
            blobId,
            mailboxIds: { [into.mailboxId]: true },
            keywords: into.seen ? { $seen: true } : {},
            ...(receivedAt === undefined ? {} : { receivedAt }),
          },
        ]),
      );
      const answer = await patiently(
        () => jmap<ImportResponse>('Email/import', { emails }),
        signal,
      );
      progress.done += Object.keys(answer.created ?? {}).length;
      for (const [key, error] of Object.entries(answer.notCreated ?? {})) {
        // Of the same message again, the server says so; it is in.
        if (error.type === 'alreadyExists') progress.done += 1;
        else
          refuse(batch[Number(key.slice(1))], new MethodError(error.type, error.description ?? ''));
      }
    }
    progress.read += batch.reduce((sum, each) => sum + each.read, 0);
    onProgress({ ...progress });
  };
  onProgress({ ...progress });
  let batch: Message[] = [];
  for (const file of files) {
    let before = 0;
    for await (const { name, data, end } of messagesIn(file)) {
      batch.push({ name, data, read: end - before });
      before = end;
      if (batch.length >= AT_ONCE) {
        await flush(batch);
        batch = [];
      }
      signal.throwIfAborted();
    }
  }
  if (batch.length > 0) await flush(batch);
}

async function* messagesIn(file: File): AsyncGenerator<{ name: string; data: Blob; end: number }> {
  if (!(await isMbox(file))) {
    yield { name: file.name, data: file, end: file.size };
    return;
  }
  let count = 0;
  for await (const { start, end } of messagesOf(file)) {
    count += 1;
    const octets = unquote(new Uint8Array(await file.slice(start, end).arrayBuffer()));
    yield { name: `${file.name}, ${count}`, data: new Blob([octets]), end };
  }
}

/** Again and again, ever later, while the server says that it is too much at once. */
async function patiently<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (const wait of [...WAITS, null]) {
    try {
      return await work();
    } catch (error) {
      const busy =
        (error instanceof Problem && (error.status === 429 || error.status === 503)) ||
        (error instanceof MethodError && error.type === 'rateLimit');
      if (!busy || wait === null) throw error;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, wait * 1000);
        signal.addEventListener('abort', () => {
          clearTimeout(timer);
          resolve();
        });
      });
      signal.throwIfAborted();
    }
  }
  throw new Error('unreachable');
}
