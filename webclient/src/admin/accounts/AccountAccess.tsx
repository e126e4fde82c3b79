import { LogOut, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useIntl } from 'react-intl';

import { useMe } from '@/api/session';
import { apiV1 } from '@/api/v1';
import { ask, Button, confirm, Switch, toast } from '@/parts';
import { PasswordField } from '@/parts/PasswordField';
import { useWork } from '@/parts/use-work';

import { refreshAdmin, useAct } from '../use-act';
import { type AccountDetail, accountPath } from './accounts';

/** What an account is signed in with, another password, signing it out, removing it. */
export function AccountAccess({
  account,
  onClose,
}: {
  account: AccountDetail;
  onClose: () => void;
}) {
  const intl = useIntl();
  const me = useMe();
  const act = useAct();
  const t = (id: string) => intl.formatMessage({ id: `admin.accounts.${id}` });
  const { address } = account;
  const endSessions = async () => {
    const yes = await confirm({
      title: t('end-sessions'),
      text: address,
      confirm: t('end-sessions'),
    });
    if (yes) await act(() => apiV1('DELETE', `${accountPath(account.id)}/sessions`), t('ended'));
  };
  const remove = async () => {
    const typed = await ask({
      title: intl.formatMessage({ id: 'admin.accounts.remove' }, { address }),
      text: t('remove.text'),
      confirm: t('remove.do'),
      danger: true,
      input: { label: t('remove.type'), value: '' },
    });
    if (typed === null) return;
    if (typed.toLowerCase() !== address) {
      toast(t('remove.mistyped'), { kind: 'error' });
      return;
    }
    onClose();
    await act(
      () => apiV1('DELETE', accountPath(account.id)),
      intl.formatMessage({ id: 'admin.accounts.removed' }, { address }),
    );
  };
  return (
    <div className="flex flex-col gap-5">
      <dl className="grid grid-cols-[auto_1fr] gap-x-6 gap-y-1">
        <Fact label={t('addresses')} value={intl.formatList(account.addresses)} />
        <Fact label={t('second-factor')} value={t(account.secondFactor ? 'yes' : 'no')} />
        <Fact label={t('app-passwords')} value={intl.formatNumber(account.appPasswords)} />
        <Fact label={t('sessions')} value={intl.formatNumber(account.sessions)} />
      </dl>
      <PasswordReset account={account} />
      <div className="flex flex-wrap gap-2 border-t border-line pt-4">
        <Button
          icon={<LogOut size={16} />}
          disabled={account.sessions === 0}
          onClick={() => void endSessions()}
        >
          {t('end-sessions')}
        </Button>
        <Button
          kind="danger"
          icon={<Trash2 size={16} />}
          disabled={account.id === me.accountId}
          onClick={() => void remove()}
        >
          {t('remove.do')}
        </Button>
      </div>
    </div>
  );
}

function Fact({ label, value }: { label: string; value: string }) {
  return (
    <>
      <dt className="text-muted">{label}</dt>
      <dd className="wrap-anywhere">{value}</dd>
    </>
  );
}

function PasswordReset({ account }: { account: AccountDetail }) {
  const intl = useIntl();
  const t = (id: string) => intl.formatMessage({ id: `admin.accounts.${id}` });
  const [password, setPassword] = useState('');
  const [revoke, setRevoke] = useState(true);
  const [remove, setRemove] = useState(false);
  const work = useWork(['password']);
  const reset = () => {
    if (password === '') {
      work.refuse({ password: intl.formatMessage({ id: 'field.required' }) });
      return;
    }
    void work
      .run(async () => {
        const body = { password, revokeAppPasswords: revoke, removeSecondFactor: remove };
        await apiV1('POST', `${accountPath(account.id)}/password`, { body });
        await refreshAdmin();
      })
      .then((done) => {
        if (!done) return;
        setPassword('');
        toast(t('reset.done'), { kind: 'success' });
      });
  };
  return (
    <form
      noValidate
      className="flex flex-col gap-1"
      onSubmit={(event) => {
        event.preventDefault();
        reset();
      }}
    >
      <PasswordField
        label={t('reset')}
        text={t('reset.text')}
        value={password}
        error={work.fields['password']}
        autoComplete="new-password"
        onChange={(event) => setPassword(event.target.value)}
      />
      <Switch label={t('reset.revoke')} checked={revoke} onChange={setRevoke} />
      {account.secondFactor && (
        <Switch label={t('reset.factor')} checked={remove} onChange={setRemove} />
      )}
      <p role="alert" className="text-sm text-danger empty:hidden">
        {work.error}
      </p>
      <div>
        <Button type="submit" busy={work.busy}>
          {t('reset.do')}
        </Button>
      </div>
    </form>
  );
}
