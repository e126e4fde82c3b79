// Web push (RFC 8620 §7.2): the server says that mail came; what it is, is asked here and shown.
import de from '../text/de/worker.json';
import en from '../text/en/worker.json';

import { ask, sessionOfBrowser } from './account';
import { worker } from './scope';

interface News {
  id: string;
  threadId: string;
  receivedAt: string;
  from: { name: string | null; email: string }[] | null;
  subject: string | null;
}

const MOST = 3; // notices of their own; more messages are told of in one
const LOOK_BACK = 3600_000; // milliseconds
const TOLD = 'told'; // a cache with one entry: what was told of last
const BIDI = /[\u200e\u200f\u202a-\u202e\u2066-\u2069\u061c\u0000-\u001f\u007f]/g;

const text = () => (navigator.language.startsWith('de') ? de : en);

export function hearPushes(): void {
  worker.addEventListener('push', (event) => {
    event.waitUntil(take(event.data?.json()));
  });
  worker.addEventListener('notificationclick', (event) => {
    event.notification.close();
    const path = (event.notification.data as { path?: string } | null)?.path ?? '/mail/inbox';
    event.waitUntil(show(path));
  });
}

async function take(message: unknown): Promise<void> {
  const { '@type': type, ...more } = (message ?? {}) as Record<string, unknown>;
  if (type === 'PushVerification') await verify(more);
  else if (type === 'StateChange') await tell();
}

/** Nothing else is pushed until the server heard its code again. */
async function verify(more: Record<string, unknown>): Promise<void> {
  const session = await sessionOfBrowser();
  if (!session) return;
  const { pushSubscriptionId: id, verificationCode } = more;
  if (typeof id !== 'string') return;
  await ask(session, ['PushSubscription/set', { update: { [id]: { verificationCode } } }]);
}

async function tell(): Promise<void> {
  const windows = await worker.clients.matchAll({ type: 'window' });
  if (windows.some((each) => each.focused)) return; // it is seen there
  const session = await sessionOfBrowser();
  if (!session) return;
  const { accountId } = session;
  const told = await toldBefore(accountId);
  const inbox = { accountId, filter: { role: 'inbox' } };
  const [found] = (await ask(session, ['Mailbox/query', inbox])) as [{ ids: string[] }];
  const [box] = found.ids;
  if (box === undefined) return;
  const filter = { inMailbox: box, notKeyword: '$seen', after: told.after };
  const sort = [{ property: 'receivedAt', isAscending: false }];
  const [, got, boxes] = (await ask(
    session,
    ['Email/query', { accountId, filter, sort, limit: 20 }],
    [
      'Email/get',
      {
        accountId,
        '#ids': { resultOf: '0', name: 'Email/query', path: '/ids' },
        properties: ['id', 'threadId', 'receivedAt', 'from', 'subject'],
      },
    ],
    ['Mailbox/get', { accountId, ids: [box], properties: ['unreadThreads'] }],
  )) as [unknown, { list: News[] }, { list: { unreadThreads: number }[] }];
  await navigator.setAppBadge?.(boxes.list[0]?.unreadThreads ?? 0).catch(() => undefined);
  const news = got.list.filter((each) => !told.ids.includes(each.id));
  if (news.length === 0) return;
  await remember(accountId, got.list);
  if (news.length > MOST) {
    const many = text()['worker.many'].replace('{count}', String(news.length));
    const who = [...new Set(news.map(senderOf))].slice(0, 5).join(', ');
    await notice(many, who, 'many', '/mail/inbox');
    return;
  }
  for (const each of news.reverse()) {
    await notice(
      senderOf(each) || text()['worker.one'],
      plain(each.subject ?? ''),
      each.threadId,
      `/mail/inbox/${each.threadId}`,
    );
  }
}

/** What strangers wrote, without letters that turn the text around them. */
const plain = (words: string) => words.replace(BIDI, '').slice(0, 200);
const senderOf = ({ from }: News) => plain(from?.[0]?.name ?? from?.[0]?.email ?? '');

const notice = (title: string, body: string, tag: string, path: string) =>
  worker.registration.showNotification(title, {
    ...{ body, tag, icon: '/icon-192.png' },
    data: { path },
  });

interface Told {
  account: string;
  after: string;
  ids: string[];
}

async function toldBefore(account: string): Promise<Told> {
  const earliest = new Date(Date.now() - LOOK_BACK).toISOString().replace(/\.\d+Z$/, 'Z');
  const kept = await (await worker.caches.open(TOLD)).match('/told');
  const told = kept ? ((await kept.json()) as Told) : null;
  if (told?.account !== account) return { account, after: earliest, ids: [] };
  return told.after > earliest ? told : { ...told, after: earliest };
}

async function remember(account: string, list: News[]): Promise<void> {
  const [newest] = list;
  if (!newest) return;
  const told: Told = { account, after: newest.receivedAt, ids: list.map((each) => each.id) };
  await (await worker.caches.open(TOLD)).put('/told', Response.json(told));
}

/** In a window that is open, else in a new one. */
async function show(path: string): Promise<void> {
  const [window] = await worker.clients.matchAll({ type: 'window' });
  if (!window) {
    await worker.clients.openWindow(path);
    return;
  }
  await window.focus();
  window.postMessage({ show: path });
}
