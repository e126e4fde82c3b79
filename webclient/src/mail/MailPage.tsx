import { useNavigate, useParams } from '@tanstack/react-router';
import { useCallback } from 'react';
import { useIntl } from 'react-intl';

import { useMailboxesQuery } from '@/api/mailboxes';
import type { Id } from '@/api/types';
import { ErrorState, Loading } from '@/parts';
import { NotFoundPage } from '@/shell/pages';
import { mailboxName } from '@/text/mailbox-name';

import { useMailboxMenu } from './folders/use-mailbox-menu';
import { MailView } from './MailView';
import { scopeOf } from './scope';

/** /mail/:mailbox and /mail/:mailbox/:thread */
export function MailPage() {
  const intl = useIntl();
  const navigate = useNavigate();
  const { mailbox: name = 'inbox', thread = null } = useParams({ strict: false });
  const boxes = useMailboxesQuery();
  const menu = useMailboxMenu();
  const goTo = useCallback(
    (threadId: Id | null) => {
      void (threadId === null
        ? navigate({ to: '/mail/$mailbox', params: { mailbox: name } })
        : navigate({ to: '/mail/$mailbox/$thread', params: { mailbox: name, thread: threadId } }));
    },
    [name, navigate],
  );
  if (boxes.error && !boxes.data) {
    return <ErrorState error={boxes.error} retry={() => void boxes.refetch()} />;
  }
  if (!boxes.data) return <Loading />;
  const scope = scopeOf(name, boxes.data);
  if (!scope) return <NotFoundPage />;
  const title =
    scope.kind === 'mailbox'
      ? mailboxName(intl, scope.mailbox)
      : intl.formatMessage({ id: `mailbox.${scope.kind}` });
  return (
    <MailView
      scope={scope}
      title={title}
      open={thread}
      goTo={goTo}
      more={scope.kind === 'mailbox' ? menu(scope.mailbox) : []}
    />
  );
}
