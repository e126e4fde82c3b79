import { type ReactNode, useState } from 'react';
import { useIntl } from 'react-intl';

import { FormDialog } from '@/parts';
import { PasswordField } from '@/parts/PasswordField';
import { useWork } from '@/parts/use-work';

/** Asks for one's own password before what is grave; `run` gets it, and its refusals are shown here. */
export function PasswordDialog({
  title,
  text,
  confirm,
  danger,
  say,
  run,
  onClose,
}: {
  title: string;
  text?: ReactNode;
  /** The button that does it. */
  confirm: string;
  danger?: boolean;
  say?: (error: unknown) => string | undefined;
  run: (password: string) => Promise<void>;
  onClose: () => void;
}) {
  const intl = useIntl();
  const [password, setPassword] = useState('');
  const work = useWork(['password'], say);
  const submit = () => {
    if (password === '') {
      work.refuse({ password: intl.formatMessage({ id: 'field.required' }) });
      return;
    }
    void work.run(() => run(password)).then((done) => done && onClose());
  };
  return (
    <FormDialog
      onClose={onClose}
      title={title}
      text={text ?? intl.formatMessage({ id: 'settings.password.prove' })}
      label={confirm}
      danger={danger}
      work={work}
      onSubmit={submit}
    >
      <PasswordField
        label={intl.formatMessage({ id: 'settings.password.own' })}
        value={password}
        error={work.fields['password']}
        // eslint-disable-next-line jsx-a11y/no-autofocus -- the dialog asks for nothing else
        autoFocus
        onChange={(event) => setPassword(event.target.value)}
      />
    </FormDialog>
  );
}
