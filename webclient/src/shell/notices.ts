// Desktop notices of new mail: loaded when the first one may be due.
import type { IntlShape } from 'react-intl';

import { chain, ref } from '@/api/jmap';
import { roleId } from '@/api/mailboxes';
import type { EmailSummary, GetResponse, QueryResponse } from '@/api/types';

import { SHOW } from './show-event';

const MOST = 3; // notices of their own; more messages are told of in one

type News = Pick<EmailSummary, 'id' | 'threadId' | 'receivedAt' | 'from' | 'subject' | 'preview'>;

const told = new Set<string>();

/** Tells of unread mail that came into the inbox after `since`. A click on it is use-notices' matter. */
export async function tellOfNews(intl: IntlShape, since: Date): Promise<void> {
  const inbox = roleId('inbox');
  if (inbox === undefined) return;
  const [, got] = (await chain(
    [
      'Email/query',
      {
        filter: {
          inMailbox: inbox,
          notKeyword: '$seen',
          after: since.toISOString().replace(/\.\d+Z$/, 'Z'),
        },
        sort: [{ property: 'receivedAt', isAscending: false }],
        limit: 20,
      },
    ],
    [
      'Email/get',
      {
        ids: ref(0, '/ids'),
        properties: ['id', 'threadId', 'receivedAt', 'from', 'subject', 'preview'],
      },
    ],
  )) as [QueryResponse, GetResponse<News>];
  const news = got.list.filter((each) => !told.has(each.id));
  for (const { id } of news) told.add(id);
  if (news.length > MOST) {
    await show(
      intl.formatMessage({ id: 'notice.many' }, { count: news.length }),
      intl.formatList([...new Set(news.map(senderOf))].slice(0, 5)),
      'many',
      '/mail/inbox',
    );
    return;
  }
  for (const each of news.reverse()) {
    await show(
      senderOf(each) || intl.formatMessage({ id: 'notice.unknown' }),
      [each.subject ?? '', each.preview].filter(Boolean).join('\n'),
      each.threadId,
      `/mail/inbox/${each.threadId}`,
    );
  }
}

function senderOf(email: News): string {
  const sender = email.from?.[0];
  return sender?.name ?? sender?.email ?? '';
}

/**
 * What strangers wrote reaches it as text only. Notices of one `tag` replace each other, those of a push
 * as well. By the worker, where there is one: telephones know no other way, and a click finds this page.
 */
async function show(title: string, text: string, tag: string, path: string): Promise<void> {
  const body = text.slice(0, 200);
  const worker = await (navigator as Partial<Navigator>).serviceWorker?.getRegistration('/');
  if (worker?.active) {
    await worker.showNotification(title, { body, tag, icon: '/icon-192.png', data: { path } });
    return;
  }
  const notice = new Notification(title, { body, tag, icon: '/icon-192.png' });
  notice.onclick = () => {
    window.focus();
    notice.close();
    window.dispatchEvent(new CustomEvent(SHOW, { detail: path }));
  };
}
