import { useState } from 'react';
import { useIntl } from 'react-intl';

import { useMe } from '@/api/session';
import { Button, toast } from '@/parts';
import { Check } from '@/parts/Choice';
import { PasswordField } from '@/parts/PasswordField';
import { Section } from '@/parts/Section';
import { useWork } from '@/parts/use-work';

import { changePassword } from './security';

/** Another password. Other sessions end with the old one. */
export function PasswordSection() {
  const intl = useIntl();
  const me = useMe();
  const t = (id: string) => intl.formatMessage({ id: `settings.password.${id}` });
  const [old, setOld] = useState('');
  const [password, setPassword] = useState('');
  const [again, setAgain] = useState('');
  const [endApps, setEndApps] = useState(false);
  const work = useWork(['oldPassword', 'newPassword']);
  const submit = () => {
    const wrong: Record<string, string> = {};
    const required = intl.formatMessage({ id: 'field.required' });
    if (old === '') wrong['oldPassword'] = required;
    if (password === '') wrong['newPassword'] = required;
    if (again !== password) wrong['again'] = intl.formatMessage({ id: 'field.mismatch' });
    if (Object.keys(wrong).length > 0) {
      work.refuse(wrong);
      return;
    }
    void work
      .run(async () => {
        const count = await changePassword(old, password, endApps);
        toast(intl.formatMessage({ id: 'settings.password.changed' }, { count }), {
          kind: 'success',
        });
      })
      .then((done) => {
        if (!done) return;
        setOld('');
        setPassword('');
        setAgain('');
      });
  };
  return (
    <Section title={t('title')} text={t('text')}>
      <form
        noValidate
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <input type="hidden" autoComplete="username" value={me.address} readOnly />
        <PasswordField
          label={t('own')}
          value={old}
          error={work.fields['oldPassword']}
          onChange={(event) => setOld(event.target.value)}
        />
        <div className="grid gap-4 sm:grid-cols-2">
          <PasswordField
            label={t('new')}
            value={password}
            error={work.fields['newPassword']}
            autoComplete="new-password"
            onChange={(event) => setPassword(event.target.value)}
          />
          <PasswordField
            label={t('again')}
            value={again}
            error={work.fields['again']}
            autoComplete="new-password"
            onChange={(event) => setAgain(event.target.value)}
          />
        </div>
        <Check label={t('end-apps')} checked={endApps} onChange={setEndApps} />
        <p role="alert" className="text-sm text-danger empty:hidden">
          {work.error}
        </p>
        <div>
          <Button kind="primary" type="submit" busy={work.busy}>
            {t('change')}
          </Button>
        </div>
      </form>
    </Section>
  );
}
