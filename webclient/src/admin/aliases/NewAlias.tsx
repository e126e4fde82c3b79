import { useState } from 'react';
import { useIntl } from 'react-intl';

import { apiV1 } from '@/api/v1';
import { Field, FormDialog, Switch, TextArea } from '@/parts';
import { Choice } from '@/parts/Choice';
import { useWork } from '@/parts/use-work';

import { AccountField } from '../accounts/AccountField';
import { accountId } from '../accounts/accounts';
import { refreshAdmin } from '../use-act';

/** Another address of an account, or one that leads elsewhere. */
export function NewAlias({ onClose }: { onClose: () => void }) {
  const intl = useIntl();
  const t = (id: string) => intl.formatMessage({ id: `admin.aliases.${id}` });
  const [kind, setKind] = useState<'alias' | 'forward'>('alias');
  const [address, setAddress] = useState('');
  const [account, setAccount] = useState('');
  const [keep, setKeep] = useState(false);
  const [targets, setTargets] = useState('');
  const work = useWork(['address', 'account', 'targets']);
  const needsAccount = kind === 'alias' || keep;
  const submit = async () => {
    const wrong: Record<string, string> = {};
    const list = targets.split(/[\s,;]+/).filter(Boolean);
    if (!/^[^\s@]+@[^\s@]+$/.test(address.trim())) wrong['address'] = t('address.wrong');
    if (kind === 'forward' && list.length === 0) wrong['targets'] = t('targets.none');
    const done = await work.run(async () => {
      const id = needsAccount ? await accountId(account) : '';
      if (id === undefined) wrong['account'] = intl.formatMessage({ id: 'admin.no-account' });
      if (Object.keys(wrong).length > 0) return;
      const body = {
        address: address.trim(),
        account: id,
        targets: kind === 'forward' ? list : [],
      };
      await apiV1('POST', '/aliases', { body });
      await refreshAdmin();
    });
    if (Object.keys(wrong).length > 0) work.refuse(wrong);
    else if (done) onClose();
  };
  return (
    <FormDialog
      onClose={onClose}
      title={t('new')}
      label={intl.formatMessage({ id: 'add' })}

      work={work}
      onSubmit={() => void submit()}
    >
      <Choice
        label={t('kind')}
        value={kind}
        options={[
          { value: 'alias', label: t('kind.alias') },
          { value: 'forward', label: t('kind.forward') },
        ]}
        onValue={setKind}
      />
      <Field
        label={t('address')}
        type="email"
        value={address}
        error={work.fields['address']}
        autoComplete="off"
        autoCapitalize="none"
        onChange={(event) => setAddress(event.target.value)}
      />
      {kind === 'forward' && (
        <>
          <TextArea
            label={t('targets')}
            text={t('targets.text')}
            rows={3}
            value={targets}
            error={work.fields['targets']}
            spellCheck={false}
            autoCapitalize="none"
            onChange={(event) => setTargets(event.target.value)}
          />
          <Switch label={t('keep')} checked={keep} onChange={setKeep} />
        </>
      )}
      {needsAccount && (
        <AccountField
          label={t('account')}
          value={account}
          error={work.fields['account']}
          onValue={setAccount}
        />
      )}
    </FormDialog>
  );
}
