import { useState } from 'react';
import { useIntl } from 'react-intl';

import { apiV1 } from '@/api/v1';
import { Button, Dialog, Field, FormDialog, Select } from '@/parts';
import { Copied } from '@/parts/Copied';
import { useWork } from '@/parts/use-work';

import { useDomains } from '../domains/domains';
import { refreshAdmin } from '../use-act';

const DAYS = [1, 7, 14, 30, 90];

/** Makes an invite and shows its link, this once. */
export function NewInvite({ onClose }: { onClose: () => void }) {
  const intl = useIntl();
  const domains = useDomains().data ?? [];
  const t = (id: string) => intl.formatMessage({ id: `admin.invites.${id}` });
  const [domain, setDomain] = useState('');
  const [note, setNote] = useState('');
  const [days, setDays] = useState(14);
  const [token, setToken] = useState('');
  const work = useWork(['domain', 'note', 'days']);
  const chosen = domain || (domains[0]?.name ?? '');
  const make = () =>
    void work.run(async () => {
      const body = { domain: chosen, note: note.trim(), days };
      setToken((await apiV1<{ token: string }>('POST', '/invites', { body })).token);
      await refreshAdmin();
    });
  if (token)
    return (
      <Dialog
        open
        onClose={onClose}
        title={t('new')}
        text={t('link.text')}
        actions={
          <Button kind="primary" onClick={onClose}>
            {intl.formatMessage({ id: 'done' })}
          </Button>
        }
      >
        <Copied
          label={t('link')}
          value={`${window.location.origin}/register?invitation=${encodeURIComponent(token)}`}
        />
      </Dialog>
    );
  return (
    <FormDialog
      onClose={onClose}
      title={t('new')}
      label={t('make')}
      disabled={chosen === ''}
      work={work}
      onSubmit={make}
    >
      <Field
        label={t('note')}
        text={t('note.text')}
        value={note}
        error={work.fields['note']}
        maxLength={200}
        onChange={(event) => setNote(event.target.value)}
      />
      <Select
        label={t('domain')}
        value={chosen}
        error={work.fields['domain']}
        options={domains.map(({ name }) => ({ value: name, label: name }))}
        onValue={setDomain}
      />
      <Select
        label={t('days')}
        value={days}
        options={DAYS.map((value) => ({
          value,
          label: intl.formatMessage({ id: 'admin.invites.days.count' }, { value }),
        }))}
        onValue={setDays}
      />
    </FormDialog>
  );
}
