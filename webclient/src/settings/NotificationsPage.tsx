import { useState } from 'react';
import { useIntl } from 'react-intl';

import { useSettings } from '@/api/settings';
import { Button, Switch } from '@/parts';
import { Section } from '@/parts/Section';

import { useChange } from './use-change';

const known = () => 'Notification' in window;

/** Notices of the desktop about new mail. The browser has the last word. */
export function NotificationsPage() {
  const intl = useIntl();
  const change = useChange();
  const { notifications } = useSettings();
  const [permission, setPermission] = useState(known() ? Notification.permission : 'denied');
  const t = (id: string) => intl.formatMessage({ id: `settings.notifications.${id}` });
  const turn = async (on: boolean) => {
    if (on && permission === 'default') {
      const answer = await Notification.requestPermission();
      setPermission(answer);
      if (answer !== 'granted') return;
    }
    change({ notifications: on });
  };
  return (
    <Section title={t('desktop')}>
      <Switch
        label={t('on')}
        text={t('on.text')}
        checked={notifications && permission === 'granted'}
        disabled={permission === 'denied'}
        onChange={(on) => void turn(on)}
      />
      {permission === 'denied' && (
        <p role="status" className="rounded-lg bg-warn-soft px-3 py-2 text-sm text-warn">
          {t(known() ? 'denied' : 'unknown')}
        </p>
      )}
      {permission === 'granted' && notifications && (
        <div>
          <Button
            onClick={() => new Notification(t('try.title'), { body: t('try.text'), tag: 'try' })}
          >
            {t('try')}
          </Button>
        </div>
      )}
    </Section>
  );
}
