import { UserRoundPlus } from 'lucide-react';
import { useIntl } from 'react-intl';

import type { EmailBody } from '@/api/types';

/** Beside a sender's name: who copies an id and a subject gets into a conversation as well. */
export function Newcomer({ body }: { body: EmailBody | undefined }) {
  const intl = useIntl();
  if (!body?.isNewToThread) return null;
  return (
    <span className="inline-flex shrink-0 items-center gap-1 text-xs text-muted">
      <UserRoundPlus size={13} aria-hidden />
      {intl.formatMessage({ id: 'message.newcomer' })}
    </span>
  );
}
