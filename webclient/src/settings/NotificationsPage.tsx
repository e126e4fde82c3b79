import { useEffect, useState } from 'react';
import { useIntl } from 'react-intl';

import { isPushed, pushKey, startPush, stopPush } from '@/api/push';
import { useSettings } from '@/api/settings';
import { Button, errorText, Switch, toast } from '@/parts';
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
      {permission === 'granted' && notifications && pushKey() !== undefined && <Pushed />}
      {permission === 'denied' && (
        <p role="status" className="rounded-lg bg-warn-soft px-3 py-2 text-sm text-warn">
          {t(known() ? 'denied' : 'unknown')}
        </p>
      )}
      {permission === 'granted' && notifications && (
        <div>
          <Button onClick={() => void tryOne(t('try.title'), t('try.text'))}>{t('try')}</Button>
        </div>
      )}
    </Section>
  );
}

/** By the worker where there is one: telephones know no other way. */
async function tryOne(title: string, body: string): Promise<void> {
  const worker = await (navigator as Partial<Navigator>).serviceWorker?.getRegistration('/');
  const options = { body, tag: 'try', icon: '/icon-192.png' };
  if (worker?.active) await worker.showNotification(title, options);
  else new Notification(title, options);
}

/** Also while no page of ours is open: by the push service of this browser's maker. */
function Pushed() {
  const intl = useIntl();
  const [on, setOn] = useState<boolean | null>(null);
  useEffect(() => {
    isPushed().then(setOn, () => setOn(false));
  }, []);
  const turn = async (wanted: boolean) => {
    setOn(null);
    try {
      await (wanted ? startPush() : stopPush());
      setOn(wanted);
    } catch (error) {
      setOn(!wanted);
      const why = errorText(intl, error);
      toast(intl.formatMessage({ id: 'settings.notifications.push.failed' }, { why }), { kind: 'error' }); // prettier-ignore
    }
  };
  return (
    <Switch
      label={intl.formatMessage({ id: 'settings.notifications.push' })}
      text={intl.formatMessage({ id: 'settings.notifications.push.text' })}
      checked={on === true}
      disabled={on === null}
      onChange={(wanted) => void turn(wanted)}
    />
  );
}
