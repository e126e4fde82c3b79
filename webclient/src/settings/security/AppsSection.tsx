import { useState } from 'react';
import { useIntl } from 'react-intl';

import { Switch } from '@/parts';
import { Section } from '@/parts/Section';

import { PasswordDialog } from '../PasswordDialog';
import { setAppPasswordsOnly, useFactor } from './security';

/** With a second factor on: whether mail programs may still use the account's own password. */
export function AppsSection() {
  const intl = useIntl();
  const { data } = useFactor();
  const [wanted, setWanted] = useState<boolean | null>(null);
  const t = (id: string) => intl.formatMessage({ id: `settings.apps-only.${id}` });
  if (!data || (!data.totp && data.passkeys === 0)) return null;
  return (
    <Section title={t('title')}>
      <Switch
        label={t('on')}
        text={t('on.text')}
        checked={data.appPasswordsOnly}
        onChange={setWanted}
      />
      {wanted !== null && (
        <PasswordDialog
          title={t('on')}
          confirm={intl.formatMessage({ id: 'save' })}
          run={(password) => setAppPasswordsOnly(password, wanted)}
          onClose={() => setWanted(null)}
        />
      )}
    </Section>
  );
}
