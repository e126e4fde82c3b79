import { useState } from 'react';
import { useIntl } from 'react-intl';

import { apiV1 } from '@/api/v1';
import { Field, FormDialog } from '@/parts';
import { useWork } from '@/parts/use-work';

import { refreshAdmin } from '../use-act';

/** A zone of no mail domain, such as that of our addresses. */
export function NewZone({ onClose }: { onClose: () => void }) {
  const intl = useIntl();
  const t = (id: string) => intl.formatMessage({ id: `admin.zones.${id}` });
  const [name, setName] = useState('');
  const work = useWork(['name']);
  const submit = async () => {
    const done = await work.run(async () => {
      await apiV1('POST', '/zones', { body: { name: name.trim() } });
      await refreshAdmin();
    });
    if (done) onClose();
  };
  return (
    <FormDialog
      onClose={onClose}
      title={t('new')}
      label={intl.formatMessage({ id: 'add' })}
      disabled={name.trim() === ''}
      work={work}
      onSubmit={() => void submit()}
    >
      <Field
        label={t('name')}
        text={t('name.text')}
        placeholder="2.0.192.in-addr.arpa"
        value={name}
        error={work.fields['name']}
        autoCapitalize="none"
        spellCheck={false}
        onChange={(event) => setName(event.target.value)}
      />
    </FormDialog>
  );
}
