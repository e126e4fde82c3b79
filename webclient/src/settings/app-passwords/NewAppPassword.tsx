import { useState } from 'react';
import { useIntl } from 'react-intl';

import { passkeyMessage, passkeysWork } from '@/api/passkeys';
import { useMe } from '@/api/session';
import { Button, Dialog, Field, FormDialog, Select } from '@/parts';
import { Check } from '@/parts/Choice';
import { Copied } from '@/parts/Copied';
import { PasswordField } from '@/parts/PasswordField';
import { useWork } from '@/parts/use-work';

import { useFactor } from '../security/security';
import { makeAppPassword, type Scope, SCOPES } from './app-passwords';

const DAYS = [0, 7, 30, 90, 365];
const DAY = 86_400_000;

/** A name, what it may do, until when; then the secret, this once. */
export function NewAppPassword({
  name: usual = '',
  onClose,
}: {
  name?: string;
  onClose: () => void;
}) {
  const intl = useIntl();
  const me = useMe();
  const t = (id: string) => intl.formatMessage({ id: `settings.app-passwords.${id}` });
  const [name, setName] = useState(usual);
  const [scopes, setScopes] = useState<readonly Scope[]>(['imap', 'smtp']);
  const [days, setDays] = useState(0);
  const [secret, setSecret] = useState('');
  const [password, setPassword] = useState('');
  const [code, setCode] = useState('');
  const factor = useFactor().data;
  const work = useWork(['name', 'scopes', 'expires', 'password', 'code'], passkeyMessage);
  const second = factor !== undefined && (factor.totp || factor.passkeys > 0);
  const passkey = factor !== undefined && factor.passkeys > 0 && passkeysWork();
  const administers = me.admin || me.adminOf.length > 0;
  const make = () => {
    const wrong: Record<string, string> = {};
    if (name.trim() === '') wrong['name'] = intl.formatMessage({ id: 'field.required' });
    if (scopes.length === 0) wrong['scopes'] = t('scopes.none');
    if (password === '') wrong['password'] = intl.formatMessage({ id: 'field.required' });
    if (second && !passkey && code === '')
      wrong['code'] = intl.formatMessage({ id: 'field.required' });
    if (Object.keys(wrong).length > 0) {
      work.refuse(wrong);
      return;
    }
    const expires = days === 0 ? null : new Date(Date.now() + days * DAY).toISOString();
    const wanted = { name: name.trim(), scopes, expires, password, code: code.trim() };
    void work.run(async () =>
      setSecret(await makeAppPassword(wanted, second && wanted.code === '')),
    );
  };
  if (secret !== '') {
    return (
      <Dialog
        open
        onClose={onClose}
        title={t('made')}
        text={t('made.text')}
        actions={
          <Button kind="primary" onClick={onClose}>
            {intl.formatMessage({ id: 'done' })}
          </Button>
        }
      >
        <div className="flex flex-col gap-3">
          <Copied label={t('login')} value={me.address} />
          <Copied label={t('secret')} value={secret} />
        </div>
      </Dialog>
    );
  }
  return (
    <FormDialog
      onClose={onClose}
      title={t('new')}
      label={t('make')}

      work={work}
      onSubmit={make}
    >
      <Field
        label={t('name')}
        placeholder={t('name.hint')}
        value={name}
        error={work.fields['name']}
        maxLength={100}
        // eslint-disable-next-line jsx-a11y/no-autofocus -- it is what one fills in first
        autoFocus
        onChange={(event) => setName(event.target.value)}
      />
      <fieldset>
        <legend className="text-sm font-medium">{t('scopes')}</legend>
        {SCOPES.filter((each) => each !== 'admin' || administers).map((each) => (
          <Check
            key={each}
            label={intl.formatMessage({ id: `settings.scope.${each.replace(':', '-')}` })}
            checked={scopes.includes(each)}
            onChange={(on) =>
              setScopes(on ? [...scopes, each] : scopes.filter((other) => other !== each))
            }
          />
        ))}
        <p role="alert" className="text-sm text-danger empty:hidden">
          {work.fields['scopes']}
        </p>
      </fieldset>
      <Select
        label={t('expires')}
        value={days}
        error={work.fields['expires']}
        options={DAYS.map((value) => ({
          value,
          label: intl.formatMessage({ id: 'settings.app-passwords.expires.days' }, { value }),
        }))}
        onValue={setDays}
      />
      <PasswordField
        label={intl.formatMessage({ id: 'settings.password.own' })}
        value={password}
        error={work.fields['password']}
        onChange={(event) => setPassword(event.target.value)}
      />
      {second && (
        <Field
          label={t(passkey ? 'code.or-passkey' : 'code')}
          value={code}
          error={work.fields['code']}
          maxLength={40}
          autoComplete="one-time-code"
          onChange={(event) => setCode(event.target.value)}
        />
      )}
    </FormDialog>
  );
}
