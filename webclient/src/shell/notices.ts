// Desktop notices of new mail: loaded when the first one may be due.
import type { IntlShape } from 'react-intl';

import { chain, ref } from '@/api/jmap';
import { roleId } from '@/api/mailboxes';
import type { EmailSummary, GetResponse, QueryResponse } from '@/api/types';

const MOST = 3; // notices of their own; more messages are told of in one

type News = Pick<EmailSummary, 'id' | 'threadId' | 'receivedAt' | 'from' | 'subject' | 'preview'>;

const told = new Set<string>();

/** Tells of unread mail that came into the inbox after `since`. `open` shows a conversation, or the inbox. */
export async function tellOfNews(
  intl: IntlShape,
  since: Date,
  open: (threadId: string | null) => void,
): Promise<void> {
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
    show(
      intl.formatMessage({ id: 'notice.many' }, { count: news.length }),
      intl.formatList([...new Set(news.map(senderOf))].slice(0, 5)),
      'many',
      () => open(null),
    );
    return;
  }
  for (const each of news.reverse()) {
    show(
      senderOf(each) || intl.formatMessage({ id: 'notice.unknown' }),
      [each.subject ?? '', each.preview].filter(Boolean).join('\n'),
      each.threadId,
      () => open(each.threadId),
    );
  }
}

function senderOf(email: News): string {
  const sender = email.from?.[0];
  return sender?.name ?? sender?.email ?? '';
}

/** What strangers wrote reaches it as text only. Notices of one `tag` replace each other. */
function show(title: string, body: string, tag: string, click: () => void): void {
  const notice = new Notification(title, { body: body.slice(0, 200), tag, icon: '/icon.svg' });
  notice.onclick = () => {
    window.focus();
    notice.close();
    click();
  };
}
