// What is asked before something is done to conversations: where to, which labels, until when.
import { useIntl } from 'react-intl';

import type { EmailSummary } from '@/api/types';
import { AreaText } from '@/text/AreaText';

import type { Action } from './act';
import { LabelDialog } from './labels/LabelDialog';
import { MoveDialog } from './MoveDialog';
import { SnoozeDialog } from './snooze/SnoozeDialog';

interface PickerProps {
  kind: 'move' | 'label' | 'snooze';
  /** What it is about, as far as that is known. */
  emails: EmailSummary[];
  onClose: () => void;
  onAct: (action: Action) => void;
}

export function Picker(props: PickerProps) {
  return (
    <AreaText area="organise">
      <Asked {...props} />
    </AreaText>
  );
}

function Asked({ kind, emails, onClose, onAct }: PickerProps) {
  const intl = useIntl();
  if (kind === 'snooze') {
    const waiting = emails.find((email) => email.snoozed)?.snoozed?.until;
    return (
      <SnoozeDialog
        until={waiting}
        onClose={onClose}
        onPick={(until) => onAct({ kind: 'snooze', until })}
        onEnd={() => onAct({ kind: 'unsnooze' })}
      />
    );
  }
  if (kind === 'label') {
    return (
      <LabelDialog
        emails={emails}
        onClose={onClose}
        onDone={(on, off) => onAct({ kind: 'labels', on, off })}
      />
    );
  }
  return (
    <MoveDialog
      title={intl.formatMessage({ id: 'key.move' })}
      onClose={onClose}
      onChoose={(to) => onAct({ kind: 'move', to })}
    />
  );
}
