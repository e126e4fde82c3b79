import { useState } from 'react';
import { useIntl } from 'react-intl';

import { useMe } from '@/api/session';
import { apiV1 } from '@/api/v1';
import { Field, FormDialog, Switch, toast } from '@/parts';
import { PasswordField } from '@/parts/PasswordField';
import { useWork } from '@/parts/use-work';

import { refreshAdmin } from '../use-act';
import { fromGigabytes } from './accounts';

/** Makes an account. */
export function NewAccount({ onClose }: { onClose: () => void }) {
  const intl = useIntl();
  const me = useMe();
  const t = (id: string) => intl.formatMessage({ id: `admin.accounts.${id}` });
  const [address, setAddress] = useState('');
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [quota, setQuota] = useState('0');
  const [admin, setAdmin] = useState(false);
  const work = useWork(['address', 'name', 'password', 'quota']);
  const make = () => {
    const octets = fromGigabytes(quota);
    const wrong: Record<string, string> = {};
    if (!/^[^\s@]+@[^\s@]+$/.test(address.trim())) wrong['address'] = t('address.wrong');
    if (password === '') wrong['password'] = intl.formatMessage({ id: 'field.required' });
    if (!(octets >= 0)) wrong['quota'] = t('number.wrong');
    if (Object.keys(wrong).length > 0) {
      work.refuse(wrong);
      return;
    }
    void work
      .run(async () => {
        const body = { address: address.trim(), name: name.trim(), password, quota: octets, admin };
        await apiV1('POST', '/accounts', { body });
        await refreshAdmin();
      })
      .then((done) => {
        if (!done) return;
        toast(intl.formatMessage({ id: 'admin.accounts.made' }, { address: address.trim() }));
        onClose();
      });
  };
  return (
    <FormDialog
      onClose={onClose}
      title={t('new')}
      label={t('make')}

      work={work}
      onSubmit={make}
    >
      <Field
        label={t('address')}
        type="email"
        value={address}
        error={work.fields['address']}
        autoComplete="off"
        autoCapitalize="none"
        // eslint-disable-next-line jsx-a11y/no-autofocus -- it is what one fills in first
        autoFocus
        onChange={(event) => setAddress(event.target.value)}
      />
      <Field
        label={t('name')}
        value={name}
        error={work.fields['name']}
        autoComplete="off"
        maxLength={100}
        onChange={(event) => setName(event.target.value)}
      />
      <PasswordField
        label={t('password')}
        value={password}
        error={work.fields['password']}
        autoComplete="new-password"
        onChange={(event) => setPassword(event.target.value)}
      />
      <Field
        label={t('quota')}
        text={t('quota.text')}
        inputMode="decimal"
        value={quota}
        error={work.fields['quota']}
        onChange={(event) => setQuota(event.target.value)}
      />
      {me.admin && (
        <Switch
          label={t('is-admin')}
          text={t('is-admin.text')}
          checked={admin}
          onChange={setAdmin}
        />
      )}
    </FormDialog>
  );
}
