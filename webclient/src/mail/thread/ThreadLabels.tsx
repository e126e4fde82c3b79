// Under the subject: the labels, each of which can be taken off; until when it waits; that it is muted.
import { AlarmClock, BellOff } from 'lucide-react';
import { useIntl } from 'react-intl';

import { useMailboxes } from '@/api/mailboxes';
import type { EmailSummary } from '@/api/types';
import { anyMuted, type Asked } from '@/mail/act';
import { labelsOf } from '@/mail/labels/choice';
import { LabelChip } from '@/mail/labels/LabelChip';
import type { Scope } from '@/mail/scope';
import { longDate } from '@/text/dates';

export function ThreadLabels({
  emails,
  scope,
  onAct,
}: {
  emails: EmailSummary[];
  scope: Scope;
  onAct: (action: Asked) => void;
}) {
  const intl = useIntl();
  const boxes = useMailboxes();
  const labels = labelsOf(emails, boxes, null);
  const until = emails.findLast((email) => email.snoozed)?.snoozed?.until;
  const muted = anyMuted(emails);
  if (labels.length === 0 && until === undefined && !muted) return null;
  const note = (icon: React.ReactNode, text: string, undo: string, action: Asked) => (
    <li className="inline-flex items-center gap-1.5 text-sm text-muted [&>svg]:shrink-0">
      {icon}
      <span>{text}</span>
      <button
        type="button"
        className="font-medium text-accent-ink underline touch:min-h-11"
        onClick={() => onAct(action)}
      >
        {undo}
      </button>
    </li>
  );
  return (
    <ul
      aria-label={intl.formatMessage({ id: 'thread.labels' })}
      className="-mt-1 flex flex-wrap items-center gap-x-2 gap-y-1.5 px-5 pb-3 print:hidden"
    >
      {labels.map((box) => (
        <li key={box.id} className="inline-flex">
          <LabelChip
            box={box}
            onRemove={() =>
              onAct(
                // Out of the folder that one looks at is out of sight, as a move to the archive is.
                scope.kind === 'mailbox' && scope.mailbox.id === box.id
                  ? { kind: 'archive' }
                  : { kind: 'labels', on: [], off: [box.id] },
              )
            }
          />
        </li>
      ))}
      {until !== undefined &&
        note(
          <AlarmClock size={15} />,
          intl.formatMessage({ id: 'thread.waits' }, { until: longDate(intl.locale, until) }),
          intl.formatMessage({ id: 'act.unsnooze' }),
          { kind: 'unsnooze' },
        )}
      {muted &&
        note(
          <BellOff size={15} />,
          intl.formatMessage({ id: 'thread.muted' }),
          intl.formatMessage({ id: 'act.unmute' }),
          { kind: 'unmute' },
        )}
    </ul>
  );
}
