// Changes without a network: shown, kept in order, sent with the next connection.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { queryClient, queryKeys } from './cache';
import { knownEmail } from './email';
import { MethodError } from './problems';
import { endSession, useSession } from './session';
import type { EmailSummary } from './types';
import { resumeWrites, useWaiting, whenRefused, whenWaitingChanges, writePatches } from './writes';

const email = (id: string): EmailSummary => ({
  ...{ id, blobId: 'B', threadId: 'T', mailboxIds: { F1: true }, keywords: {}, size: 1 },
  ...{ receivedAt: '2026-01-01T00:00:00Z', sentAt: null, subject: '', preview: '' },
  ...{ from: null, to: null, cc: null, hasAttachment: false, snoozed: null },
});

let online = true;
let refused: string[] = [];
let sent: Record<string, Record<string, unknown>>[] = [];

/** The server, as far as these calls go. */
function answer(_: string, init: RequestInit): Promise<Response> {
  if (!online) return Promise.reject(new TypeError('Failed to fetch'));
  const { methodCalls } = JSON.parse(init.body as string) as {
    methodCalls: [string, { update?: Record<string, Record<string, unknown>> }, string][];
  };
  const methodResponses = methodCalls.map(([name, args, id]) => {
    if (name !== 'Email/set') return [name, { list: [], state: '1' }, id];
    sent.push(args.update ?? {});
    const ids = Object.keys(args.update ?? {});
    const no = ids.filter((each) => refused.includes(each));
    return [name, { oldState: '1', newState: '2', notUpdated: Object.fromEntries(no.map((each) => [each, { type: 'forbidden' }])) }, id]; // prettier-ignore
  });
  return Promise.resolve(Response.json({ methodResponses }));
}

const seen = (id: string) => new Map([[id, { keywords: { $seen: true } }]]);
const moved = (id: string) => new Map([[id, { mailboxIds: { F1: false, F2: true } }]]);

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('fetch', vi.fn(answer));
  online = true;
  refused = [];
  sent = [];
  useSession.setState({ me: { accountId: 'A1' } as never, jmap: { capabilities: {} } as never });
  for (const id of ['M1', 'M2']) queryClient.setQueryData(queryKeys.email(id), email(id));
});

afterEach(() => {
  endSession();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

async function write(patches: Parameters<typeof writePatches>[0]): Promise<void> {
  const writing = writePatches(patches);
  await vi.advanceTimersByTimeAsync(10);
  await writing;
}

describe('changes without a network', () => {
  it('are shown, wait, and go out in their order', async () => {
    const kept: unknown[] = [];
    whenWaitingChanges((writes) => kept.push(writes));
    online = false;
    await write(seen('M1'));
    await write(moved('M1'));
    expect(knownEmail('M1')).toMatchObject({ keywords: { $seen: true }, mailboxIds: { F2: true } });
    expect(useWaiting.getState().count).toBe(2);
    expect(kept.at(-1)).toEqual([[...seen('M1')], [...moved('M1')]]);
    online = true;
    await vi.advanceTimersByTimeAsync(6000);
    expect(sent).toEqual([
      { M1: { 'keywords/$seen': true } },
      { M1: { 'mailboxIds/F1': null, 'mailboxIds/F2': true } },
    ]);
    expect([useWaiting.getState().count, kept.at(-1)]).toEqual([0, []]);
  });

  it('that are refused later are taken back and told of; the others go on', async () => {
    const told: unknown[] = [];
    whenRefused((error) => told.push(error));
    online = false;
    await write(seen('M1'));
    await write(seen('M2'));
    online = true;
    refused = ['M1'];
    await vi.advanceTimersByTimeAsync(6000);
    expect([knownEmail('M1')?.keywords, knownEmail('M2')?.keywords]).toEqual([{}, { $seen: true }]);
    expect(told).toEqual([expect.any(MethodError)]);
  });

  it('of an earlier page are shown and sent', async () => {
    resumeWrites([[...seen('M2')]]);
    expect(knownEmail('M2')?.keywords).toEqual({ $seen: true });
    await vi.advanceTimersByTimeAsync(10);
    expect(sent).toEqual([{ M2: { 'keywords/$seen': true } }]);
  });

  it('end with the session', async () => {
    online = false;
    await write(seen('M1'));
    endSession();
    expect(useWaiting.getState().count).toBe(0);
    online = true;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent).toEqual([]);
  });
});

it('a change that is refused at once is taken back at once', async () => {
  refused = ['M1'];
  const writing = writePatches(seen('M1'));
  const failed = expect(writing).rejects.toThrow(MethodError);
  await vi.advanceTimersByTimeAsync(10);
  await failed;
  expect(knownEmail('M1')?.keywords).toEqual({});
});
