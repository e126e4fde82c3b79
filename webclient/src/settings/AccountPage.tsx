import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { LogOut } from 'lucide-react';
import { useIntl } from 'react-intl';

import { loadQuotas } from '@/api/quota';
import { signOut, useMe } from '@/api/session';
import { useSettings } from '@/api/settings';
import { Avatar, Button, Select } from '@/parts';
import { Loaded } from '@/parts/Loaded';
import { Meter } from '@/parts/Meter';
import { Badge, Section } from '@/parts/Section';
import { size } from '@/text/dates';
import { LANGUAGE_NAMES, type Language } from '@/text/Text';

import { useChange } from './use-change';

/** Who one is here, the language, the space that is taken. */
export function AccountPage() {
  const intl = useIntl();
  const me = useMe();
  const change = useChange();
  const { language } = useSettings();
  const t = (id: string) => intl.formatMessage({ id });
  const quotas = useQuery({
    queryKey: ['settings-page', 'quota'],
    queryFn: loadQuotas,
    staleTime: 0,
  });
  return (
    <>
      <Section title={t('settings.account.you')}>
        <div className="flex flex-wrap items-center gap-4">
          <Avatar name={me.name} address={me.address} size={52} />
          <div className="min-w-0 flex-1 basis-44">
            <p className="flex flex-wrap items-center gap-2 text-lg font-medium" dir="auto">
              {me.name || me.address}
              {me.admin && <Badge tone="accent">{t('admin')}</Badge>}
            </p>
            {me.name && <p className="text-muted wrap-anywhere">{me.address}</p>}
          </div>
          <Button icon={<LogOut size={16} />} onClick={() => void signOut()}>
            {t('sign-out')}
          </Button>
        </div>
        <p className="text-sm text-muted">
          {intl.formatMessage(
            { id: 'settings.account.name' },
            {
              link: (text) => (
                <Link
                  to="/settings/$section"
                  params={{ section: 'identities' }}
                  className="text-accent underline"
                >
                  {text}
                </Link>
              ),
            },
          )}
        </p>
      </Section>
      <Section title={t('settings.account.language')}>
        <Select
          label={t('settings.account.language')}
          text={t('settings.account.language.text')}
          value={language}
          options={[
            { value: 'auto' as const, label: t('settings.account.language.auto') },
            ...Object.entries(LANGUAGE_NAMES).map(([value, label]) => ({
              value: value as Language,
              label,
            })),
          ]}
          onValue={(value) => change({ language: value })}
        />
      </Section>
      <Section title={t('settings.account.space')}>
        <Loaded query={quotas} lines={2}>
          {(found) => {
            const octets = found.find((each) => each.resourceType === 'octets');
            if (!octets) return <p className="text-muted">{t('settings.account.space.free')}</p>;
            const [used, total] = [octets.used, octets.hardLimit].map((each) =>
              size(intl.locale, each),
            );
            return (
              <Meter
                label={intl.formatMessage({ id: 'storage' }, { used, total })}
                used={octets.used}
                total={octets.hardLimit}
              />
            );
          }}
        </Loaded>
      </Section>
    </>
  );
}
