import { useState } from 'react';
import { useIntl } from 'react-intl';

import { apiV1 } from '@/api/v1';
import { Field, FormDialog, toast } from '@/parts';
import { useWork } from '@/parts/use-work';

import { AccountField } from '../accounts/AccountField';
import { accountId, useAccount } from '../accounts/accounts';
import { refreshAdmin } from '../use-act';
import { type Domain, domainPath } from './domains';

/** A domain, or a new one where `domain` is null. */
export function DomainDialog({ domain, onClose }: { domain: Domain | null; onClose: () => void }) {
  const intl = useIntl();
  const t = (id: string) => intl.formatMessage({ id: `admin.domains.${id}` });
  const before = {
    postmaster: useAccount(domain?.postmaster ?? '').data?.address ?? '',
    catchAll: useAccount(domain?.catchAll ?? '').data?.address ?? '',
  };
  const [name, setName] = useState('');
  // Undefined until it is changed: the addresses of the ids may still be on their way.
  const [changed, setChanged] = useState<{ postmaster?: string; catchAll?: string }>({});
  const { postmaster, catchAll } = { ...before, ...changed };
  const work = useWork(['name', 'postmaster', 'catchAll']);
  const save = async () => {
    const ids: Record<string, string> = {};
    const wrong: Record<string, string> = {};
    for (const [field, address] of Object.entries(changed)) {
      const id = address.trim() === '' ? '' : await accountId(address);
      if (id === undefined) wrong[field] = intl.formatMessage({ id: 'admin.no-account' });
      else ids[field] = id;
    }
    if (!domain && name.trim() === '') wrong['name'] = intl.formatMessage({ id: 'field.required' });
    if (Object.keys(wrong).length > 0) return wrong;
    if (domain) await apiV1('PATCH', domainPath(domain.name), { body: ids });
    else await apiV1('POST', '/domains', { body: { name: name.trim(), ...ids } });
    await refreshAdmin();
    return null;
  };
  const submit = async () => {
    let wrong: Record<string, string> | null = null;
    const done = await work.run(async () => {
      wrong = await save();
    });
    if (wrong) {
      work.refuse(wrong);
    } else if (done) {
      toast(intl.formatMessage({ id: 'saved' }));
      onClose();
    }
  };
  return (
    <FormDialog
      onClose={onClose}
      title={domain ? domain.name : t('new')}
      label={domain ? intl.formatMessage({ id: 'save' }) : intl.formatMessage({ id: 'add' })}

      work={work}
      onSubmit={() => void submit()}
    >
      {!domain && (
        <Field
          label={t('name')}
          text={t('name.text')}
          placeholder="example.com"
          value={name}
          error={work.fields['name']}
          autoCapitalize="none"
          spellCheck={false}
          // eslint-disable-next-line jsx-a11y/no-autofocus -- it is what one fills in first
          autoFocus
          onChange={(event) => setName(event.target.value)}
        />
      )}
      <AccountField
        label={t('postmaster')}
        text={t('postmaster.text')}
        value={postmaster}
        error={work.fields['postmaster']}
        onValue={(value) => setChanged({ ...changed, postmaster: value })}
      />
      <AccountField
        label={t('catch-all')}
        text={t('catch-all.text')}
        value={catchAll}
        error={work.fields['catchAll']}
        onValue={(value) => setChanged({ ...changed, catchAll: value })}
      />
    </FormDialog>
  );
}
