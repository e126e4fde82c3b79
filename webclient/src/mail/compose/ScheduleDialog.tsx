import { useState } from 'react';
import { useIntl } from 'react-intl';

import { longestHold } from '@/api/submissions';
import { Button, Dialog, Field } from '@/parts';
import { localInput } from '@/text/local-input';

export function ScheduleDialog({
  onClose,
  onPick,
}: {
  onClose: () => void;
  onPick: (at: Date) => void;
}) {
  const intl = useIntl();
  const t = (id: string, values?: Record<string, string>) => intl.formatMessage({ id }, values);
  const [value, setValue] = useState(() => localInput(new Date(Date.now() + 3_600_000)));
  const [error, setError] = useState<string>();
  const pick = () => {
    const at = new Date(value);
    const latest = new Date(Date.now() + longestHold() * 1000);
    if (!(at.getTime() > Date.now())) setError(t('send.past'));
    else if (at > latest)
      setError(t('send.too-far', { at: intl.formatDate(latest, { dateStyle: 'medium', timeStyle: 'short' }) })); // prettier-ignore
    else onPick(at);
  };
  return (
    <Dialog
      open
      onClose={onClose}
      title={t('send.when')}
      actions={
        <>
          <Button onClick={onClose}>{t('cancel')}</Button>
          <Button kind="primary" onClick={pick}>
            {t('send.schedule')}
          </Button>
        </>
      }
    >
      <Field
        type="datetime-local"
        label={t('send.when.label')}
        error={error}
        value={value}
        min={localInput(new Date())}
        onChange={(event) => {
          setValue(event.target.value);
          setError(undefined);
        }}
      />
    </Dialog>
  );
}
