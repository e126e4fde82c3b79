// All messages of a folder, or all there are, as one mbox.
import { downloadUrl } from '@/api/blobs';
import { jmap, limit, pieces } from '@/api/jmap';
import { fetchOrThrow } from '@/api/problems';
import type { EmailFilter, EmailSummary, GetResponse, QueryResponse } from '@/api/types';

import { fromLine, quote } from './mbox';

const AT_ONCE = 4; // downloads
const GATHERED = 16 * 1024 * 1024; // octets, then a Blob is made of them, which the browser may keep on disk

type Wanted = Pick<EmailSummary, 'id' | 'blobId' | 'receivedAt' | 'from'>;

/** Oldest first. The ids are read first, so that mail that comes meanwhile shifts nothing. */
async function allIds(filter: EmailFilter | null, signal: AbortSignal): Promise<string[]> {
  const ids: string[] = [];
  for (;;) {
    signal.throwIfAborted();
    const answer = await jmap<QueryResponse>('Email/query', {
      filter,
      sort: [{ property: 'receivedAt', isAscending: true }],
      position: ids.length,
      limit: 2000,
      calculateTotal: false,
    });
    ids.push(...answer.ids);
    if (answer.ids.length === 0) return [...new Set(ids)];
  }
}

export async function exportMbox(
  filter: EmailFilter | null,
  onProgress: (done: number, total: number) => void,
  signal: AbortSignal,
): Promise<Blob> {
  const ids = await allIds(filter, signal);
  const blobs: Blob[] = [];
  let gathered: BlobPart[] = [];
  let octets = 0;
  let done = 0;
  const seal = () => {
    blobs.push(new Blob(gathered));
    gathered = [];
    octets = 0;
  };
  onProgress(0, ids.length);
  for (const some of pieces(ids, Math.min(200, limit('maxObjectsInGet', 200)))) {
    const got = await jmap<GetResponse<Wanted>>('Email/get', {
      ids: some,
      properties: ['id', 'blobId', 'receivedAt', 'from'],
    });
    const found = new Map(got.list.map((each) => [each.id, each]));
    // What was deleted meanwhile is not there any more.
    const wanted = some.flatMap((id) => found.get(id) ?? []);
    for (const few of pieces(wanted, AT_ONCE)) {
      signal.throwIfAborted();
      const messages = await Promise.all(few.map((each) => download(each, signal)));
      few.forEach((each, at) => {
        const message = quote(messages[at] ?? new Uint8Array());
        gathered.push(
          fromLine(each.from?.[0]?.email ?? '', new Date(each.receivedAt)),
          message,
          '\n',
        );
        octets += message.length;
      });
      if (octets > GATHERED) seal();
      done += few.length;
      onProgress(done, ids.length);
    }
  }
  seal();
  return new Blob(blobs, { type: 'application/mbox' });
}

async function download(email: Wanted, signal: AbortSignal): Promise<Uint8Array> {
  const response = await fetchOrThrow(downloadUrl(email.blobId, 'message.eml', 'message/rfc822'), {
    signal,
  });
  return new Uint8Array(await response.arrayBuffer());
}
