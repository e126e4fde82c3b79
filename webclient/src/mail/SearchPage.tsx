import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useCallback, useMemo, useState } from 'react';
import { useIntl } from 'react-intl';

import { useMailboxesQuery } from '@/api/mailboxes';
import type { Id } from '@/api/types';
import { ErrorState, Loading } from '@/parts';
import { mailboxName } from '@/text/mailbox-name';

import { MailView } from './MailView';
import { Chips } from './search/Chips';
import { toFilter } from './search/filter';
import { parse } from './search/query';

/** /search?q= and /search/:thread?q= */
export function SearchPage() {
  const intl = useIntl();
  const navigate = useNavigate();
  const { thread = null } = useParams({ strict: false });
  const q = useSearch({ strict: false, select: (search) => search.q ?? '' });
  const boxes = useMailboxesQuery();
  // Ages ("newer_than:2w") are counted from when the page was opened.
  const [now] = useState(() => new Date());
  const filter = useMemo(
    () =>
      toFilter(parse(q), { boxes: boxes.data ?? [], nameOf: (box) => mailboxName(intl, box), now }),
    [q, boxes.data, intl, now],
  );
  const goTo = useCallback(
    (threadId: Id | null) => {
      void (threadId === null
        ? navigate({ to: '/search', search: { q } })
        : navigate({ to: '/search/$thread', params: { thread: threadId }, search: { q } }));
    },
    [navigate, q],
  );
  if (boxes.error && !boxes.data) {
    return <ErrorState error={boxes.error} retry={() => void boxes.refetch()} />;
  }
  if (!boxes.data) return <Loading />;
  return (
    <MailView
      scope={{ kind: 'search', q, filter }}
      title={
        q === ''
          ? intl.formatMessage({ id: 'search.title.empty' })
          : intl.formatMessage({ id: 'search.title' }, { q })
      }
      open={thread}
      goTo={goTo}
      above={
        <Chips q={q} onQuery={(next) => void navigate({ to: '/search', search: { q: next } })} />
      }
    />
  );
}
