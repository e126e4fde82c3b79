import { useState } from 'react';
import { useIntl } from 'react-intl';

import { Field, FormDialog, Select } from '@/parts';
import { useWork } from '@/parts/use-work';

import { refreshAdmin } from '../use-act';
import { changeZone, shown, type Zone } from './zones';

const EXAMPLES: Record<string, string> = {
  A: '192.0.2.1',
  AAAA: '2001:db8::1',
  CNAME: 'www',
  MX: '10 mail',
  TXT: 'v=…',
  SRV: '0 1 443 www',
  CAA: '0 issue "letsencrypt.org"',
  NS: 'ns1.example.net.',
  PTR: 'mail.example.com.',
  TLSA: '3 1 1 …',
  HTTPS: '1 . alpn="h2"',
  SSHFP: '4 2 …',
  DS: '12345 13 2 …',
};

/** A record that somebody writes. */
export function NewRecord({ zone, onClose }: { zone: Zone; onClose: () => void }) {
  const intl = useIntl();
  const t = (id: string) => intl.formatMessage({ id: `admin.zones.record.${id}` });
  const [name, setName] = useState('');
  const [type, setType] = useState('A');
  const [value, setValue] = useState('');
  const [ttl, setTtl] = useState('300');
  const work = useWork(['name', 'type', 'value', 'ttl']);
  const submit = async () => {
    if (!(Number(ttl) >= 1)) {
      work.refuse({ ttl: t('ttl.wrong') });
      return;
    }
    const done = await work.run(async () => {
      await changeZone(zone, {
        add: [{ name: name.trim() || '@', type, value, ttl: Number(ttl) }],
      });
      await refreshAdmin();
    });
    if (done) onClose();
  };
  return (
    <FormDialog
      onClose={onClose}
      title={t('new')}
      label={intl.formatMessage({ id: 'add' })}
      disabled={value.trim() === ''}
      work={work}
      onSubmit={() => void submit()}
    >
      <Field
        label={t('name')}
        text={intl.formatMessage(
          { id: 'admin.zones.record.name.text' },
          { zone: shown(zone.name) },
        )}
        value={name}
        error={work.fields['name']}
        autoCapitalize="none"
        spellCheck={false}
        onChange={(event) => setName(event.target.value)}
      />
      <Select
        label={t('type')}
        value={type}
        error={work.fields['type']}
        options={Object.keys(EXAMPLES).map((each) => ({ value: each, label: each }))}
        onValue={setType}
      />
      <Field
        label={t('value')}
        text={t('value.text')}
        placeholder={EXAMPLES[type]}
        value={value}
        error={work.fields['value']}
        autoCapitalize="none"
        spellCheck={false}
        onChange={(event) => setValue(event.target.value)}
      />
      <Field
        label={t('ttl')}
        inputMode="numeric"
        value={ttl}
        error={work.fields['ttl']}
        onChange={(event) => setTtl(event.target.value)}
      />
    </FormDialog>
  );
}
