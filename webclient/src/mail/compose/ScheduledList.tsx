// What waits for its time; opened, it is taken back and is a draft again.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useIntl } from 'react-intl';

import { useEmail } from '@/api/email';
import { type Scheduled, scheduled, takeBack } from '@/api/submissions';
import { Button, Dialog, ErrorState, errorText, Loading, toast } from '@/parts';

import { openComposer } from './store';

export function ScheduledList({ onClose }: { onClose: () => void }) {
  const intl = useIntl();
  const { data, error, refetch } = useQuery({
    queryKey: ['scheduled'],
    queryFn: scheduled,
    staleTime: 0,
    gcTime: 0,
  });
  return (
    <Dialog open onClose={onClose} title={intl.formatMessage({ id: 'scheduled.title' })}>
      {error ? (
        <ErrorState error={error} retry={() => void refetch()} />
      ) : data === undefined ? (
        <Loading lines={3} />
      ) : data.length === 0 ? (
        <p className="text-muted">{intl.formatMessage({ id: 'scheduled.none' })}</p>
      ) : (
        <ul className="flex flex-col gap-2">
          {data.map((each) => (
            <Line key={each.id} each={each} onClose={onClose} />
          ))}
        </ul>
      )}
    </Dialog>
  );
}

function Line({ each, onClose }: { each: Scheduled; onClose: () => void }) {
  const intl = useIntl();
  const { data: email } = useEmail(each.emailId);
  const [busy, setBusy] = useState(false);
  const back = async () => {
    setBusy(true);
    try {
      await takeBack(each.id, each.emailId);
      onClose();
      openComposer({ kind: 'draft', emailId: each.emailId });
    } catch (error) {
      toast(errorText(intl, error), { kind: 'error' });
    } finally {
      setBusy(false);
    }
  };
  return (
    <li className="flex flex-wrap items-center gap-2 rounded-lg bg-sunken p-3">
      <div className="min-w-0 flex-1">
        <p className="truncate font-medium">
          <bdi>{email?.subject || '…'}</bdi>
        </p>
        <p className="truncate text-sm text-muted">
          {intl.formatMessage(
            { id: 'scheduled.to' },
            { who: (email?.to ?? []).map(({ name, email: at }) => name ?? at).join(', ') },
          )}
        </p>
        <p className="text-sm text-muted">
          <time dateTime={each.sendAt}>
            {intl.formatDate(each.sendAt, { dateStyle: 'medium', timeStyle: 'short' })}
          </time>
        </p>
      </div>
      <Button busy={busy} onClick={() => void back()}>
        {intl.formatMessage({ id: 'scheduled.cancel' })}
      </Button>
    </li>
  );
}
