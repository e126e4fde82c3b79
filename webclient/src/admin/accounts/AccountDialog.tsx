import { useState } from 'react';
import { useIntl } from 'react-intl';

import { useMe } from '@/api/session';
import { apiV1 } from '@/api/v1';
import { Button, Dialog, Field, Switch, Tabs, toast } from '@/parts';
import { Loaded } from '@/parts/Loaded';
import { useWork } from '@/parts/use-work';

import { refreshAdmin } from '../use-act';
import { AccountAccess } from './AccountAccess';
import {
  type AccountDetail,
  accountPath,
  fromGigabytes,
  toGigabytes,
  useAccount,
} from './accounts';

/** One account: who it is, its limits, its rights; how it is signed in to. */
export function AccountDialog({ id, onClose }: { id: string; onClose: () => void }) {
  const intl = useIntl();
  const query = useAccount(id);
  const t = (name: string) => intl.formatMessage({ id: `admin.accounts.${name}` });
  return (
    <Dialog open wide onClose={onClose} title={query.data?.address ?? t('account')}>
      <Loaded query={query} lines={8}>
        {(account) => (
          <Tabs
            label={account.address}
            tabs={[
              {
                id: 'about',
                label: t('tab.about'),
                content: <About account={account} onClose={onClose} />,
              },
              {
                id: 'access',
                label: t('tab.access'),
                content: <AccountAccess account={account} onClose={onClose} />,
              },
            ]}
          />
        )}
      </Loaded>
    </Dialog>
  );
}

const FIELDS = ['name', 'quota', 'sendsPerHour', 'sendsPerDay', 'adminOf'];

function About({ account, onClose }: { account: AccountDetail; onClose: () => void }) {
  const intl = useIntl();
  const me = useMe();
  const t = (id: string) => intl.formatMessage({ id: `admin.accounts.${id}` });
  const [name, setName] = useState(account.name);
  const [quota, setQuota] = useState(toGigabytes(account.quota));
  const [hour, setHour] = useState(String(account.sendsPerHour));
  const [day, setDay] = useState(String(account.sendsPerDay));
  const [enabled, setEnabled] = useState(account.enabled);
  const [admin, setAdmin] = useState(account.admin);
  const [adminOf, setAdminOf] = useState(account.adminOf.join(', '));
  const work = useWork(FIELDS);
  const myself = account.id === me.accountId;
  const save = () => {
    const numbers = { quota: fromGigabytes(quota), sendsPerHour: +hour, sendsPerDay: +day };
    const wrong = Object.entries(numbers).filter(([, value]) => !(value >= 0));
    if (wrong.length > 0) {
      work.refuse(Object.fromEntries(wrong.map(([field]) => [field, t('number.wrong')])));
      return;
    }
    const wanted = {
      name: name.trim(),
      ...numbers,
      enabled,
      admin,
      adminOf: adminOf.split(/[\s,;]+/).filter(Boolean),
    };
    // Only what was changed: domain administrators may not even repeat rights.
    const body = Object.fromEntries(
      Object.entries(wanted).filter(
        ([key, value]) =>
          JSON.stringify(value) !== JSON.stringify(account[key as keyof typeof wanted]),
      ),
    );
    void work
      .run(async () => {
        if (Object.keys(body).length > 0) await apiV1('PATCH', accountPath(account.id), { body });
        await refreshAdmin();
      })
      .then((done) => {
        if (!done) return;
        toast(intl.formatMessage({ id: 'saved' }));
        onClose();
      });
  };
  return (
    <form
      noValidate
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      <Field
        label={t('name')}
        value={name}
        error={work.fields['name']}
        maxLength={100}
        onChange={(event) => setName(event.target.value)}
      />
      <fieldset className="grid gap-4 sm:grid-cols-3">
        <legend className="mb-2 font-semibold">{t('limits')}</legend>
        <Field
          label={t('quota')}
          text={t('quota.text')}
          inputMode="decimal"
          value={quota}
          error={work.fields['quota']}
          onChange={(event) => setQuota(event.target.value)}
        />
        <Field
          label={t('per-hour')}
          text={t('per-hour.text')}
          inputMode="numeric"
          value={hour}
          error={work.fields['sendsPerHour']}
          onChange={(event) => setHour(event.target.value)}
        />
        <Field
          label={t('per-day')}
          text={t('per-hour.text')}
          inputMode="numeric"
          value={day}
          error={work.fields['sendsPerDay']}
          onChange={(event) => setDay(event.target.value)}
        />
      </fieldset>
      <Switch
        label={t('enabled')}
        text={t('enabled.text')}
        checked={enabled}
        disabled={myself}
        onChange={setEnabled}
      />
      {me.admin && (
        <>
          <Switch
            label={t('is-admin')}
            text={t('is-admin.text')}
            checked={admin}
            disabled={myself}
            onChange={setAdmin}
          />
          <Field
            label={t('domains')}
            text={t('domains.text')}
            value={adminOf}
            error={work.fields['adminOf']}
            autoCapitalize="none"
            spellCheck={false}
            onChange={(event) => setAdminOf(event.target.value)}
          />
        </>
      )}
      <p role="alert" className="text-sm text-danger empty:hidden">
        {work.error}
      </p>
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>{intl.formatMessage({ id: 'cancel' })}</Button>
        <Button kind="primary" type="submit" busy={work.busy}>
          {intl.formatMessage({ id: 'save' })}
        </Button>
      </div>
    </form>
  );
}
