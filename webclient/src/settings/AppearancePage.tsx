import { Monitor, Moon, Rows2, Rows3, Sun } from 'lucide-react';
import { useIntl } from 'react-intl';

import { useSettings } from '@/api/settings';
import { Switch } from '@/parts';
import { Choice } from '@/parts/Choice';
import { Section } from '@/parts/Section';

import { useChange } from './use-change';

/** Theme, density, how lists are made. */
export function AppearancePage() {
  const intl = useIntl();
  const change = useChange();
  const chosen = useSettings();
  const t = (id: string) => intl.formatMessage({ id: `settings.appearance.${id}` });
  return (
    <>
      <Section title={t('look')}>
        <Choice
          label={t('theme')}
          value={chosen.theme}
          options={[
            { value: 'light', label: t('theme.light'), icon: <Sun size={17} /> },
            { value: 'dark', label: t('theme.dark'), icon: <Moon size={17} /> },
            { value: 'system', label: t('theme.system'), icon: <Monitor size={17} /> },
          ]}
          onValue={(theme) => change({ theme })}
        />
        <Choice
          label={t('density')}
          value={chosen.density}
          options={[
            { value: 'normal', label: t('density.normal'), icon: <Rows2 size={17} /> },
            { value: 'compact', label: t('density.compact'), icon: <Rows3 size={17} /> },
          ]}
          onValue={(density) => change({ density })}
        />
      </Section>
      <Section title={t('list')}>
        <Switch
          label={t('conversations')}
          text={t('conversations.text')}
          checked={chosen.conversations}
          onChange={(conversations) => change({ conversations })}
        />
      </Section>
    </>
  );
}
