import { useState } from 'react';
import { useIntl } from 'react-intl';

import { Problem } from '@/api/problems';
import { Field, FormDialog } from '@/parts';
import { Copied } from '@/parts/Copied';
import { useWork } from '@/parts/use-work';

import { confirmTotp, type TotpBegun } from './security';

/** The secret as a QR code and as letters; a code shows that the app has it. */
export function TotpDialog({
  begun,
  onClose,
  onDone,
}: {
  begun: TotpBegun;
  onClose: () => void;
  onDone: (codes: string[]) => void;
}) {
  const intl = useIntl();
  const [code, setCode] = useState('');
  const t = (id: string) => intl.formatMessage({ id: `settings.totp.${id}` });
  const work = useWork(['code'], (error) =>
    error instanceof Problem && error.status === 401 ? t('wrong-code') : undefined,
  );
  const submit = () => {
    const digits = code.replaceAll(/\s/g, '');
    if (!/^\d{6}$/.test(digits)) {
      work.refuse({ code: t('six-digits') });
      return;
    }
    void work.run(async () => onDone(await confirmTotp(digits)));
  };
  return (
    <FormDialog
      onClose={onClose}
      title={t('turn-on')}
      text={t('scan')}
      label={t('turn-on')}

      work={work}
      onSubmit={submit}
    >
      <img
        // As an image: nothing of it can run, whatever it holds.
        src={`data:image/svg+xml,${encodeURIComponent(begun.qr)}`}
        alt={t('qr')}
        className="size-48 self-center rounded-lg bg-white p-1"
      />
      <Copied label={t('secret')} value={begun.secret} />
      <Field
        label={t('code')}
        text={t('code.text')}
        value={code}
        error={work.fields['code']}
        inputMode="numeric"
        autoComplete="one-time-code"
        maxLength={12}
        onChange={(event) => setCode(event.target.value)}
      />
    </FormDialog>
  );
}
