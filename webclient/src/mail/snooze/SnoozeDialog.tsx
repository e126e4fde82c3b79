import { AlarmClockOff, CalendarClock, Moon, Sofa, Sun, Sunrise } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { useIntl } from 'react-intl';

import { Button, Dialog, Field } from '@/parts';
import { longDate, snoozeDate } from '@/text/dates';
import { localInput } from '@/text/local-input';

import { type PresetId, snoozeTimes, utcDate } from './times';

const ICONS: Record<PresetId, ReactNode> = {
  later: <CalendarClock size={18} />,
  evening: <Moon size={18} />,
  tomorrow: <Sun size={18} />,
  weekend: <Sofa size={18} />,
  'next-week': <Sunrise size={18} />,
};

/** Until when something waits. `until`: until when it does already; `onEnd`: no more. */
export function SnoozeDialog({
  until,
  onClose,
  onPick,
  onEnd,
}: {
  until: string | undefined;
  onClose: () => void;
  onPick: (until: string) => void;
  onEnd: () => void;
}) {
  const intl = useIntl();
  const t = (id: string, values?: Record<string, string>) => intl.formatMessage({ id }, values);
  const [now] = useState(() => new Date());
  const [own, setOwn] = useState(() =>
    localInput(until === undefined ? (snoozeTimes(now)[0]?.at ?? now) : new Date(until)),
  );
  const [error, setError] = useState<string>();
  const choose = (time: Date) => {
    onClose();
    onPick(utcDate(time));
  };
  const pick = () => {
    const time = new Date(own);
    if (time.getTime() > Date.now()) choose(time);
    else setError(t('snooze.past'));
  };
  const line =
    'flex min-h-10 w-full items-center gap-3 rounded-lg px-3 text-start hover:bg-hover touch:min-h-11 [&>svg]:shrink-0 [&>svg]:text-muted';
  return (
    <Dialog
      open
      onClose={onClose}
      title={t('snooze.title')}
      text={
        until === undefined
          ? t('snooze.text')
          : t('snooze.waits', { until: longDate(intl.locale, until) })
      }
    >
      <ul aria-label={t('snooze.title')}>
        {snoozeTimes(now).map(({ id, at }) => (
          <li key={id}>
            <button type="button" className={line} onClick={() => choose(at)}>
              {ICONS[id]}
              <span className="flex-1">{t(`snooze.${id}`)}</span>
              <span className="text-sm text-muted">
                {snoozeDate(intl.locale, at.toISOString(), now)}
              </span>
            </button>
          </li>
        ))}
        {until !== undefined && (
          <li>
            <button
              type="button"
              className={line}
              onClick={() => {
                onClose();
                onEnd();
              }}
            >
              <AlarmClockOff size={18} />
              <span className="flex-1">{t('act.unsnooze')}</span>
            </button>
          </li>
        )}
      </ul>
      <form
        noValidate // what is wrong is said in the person's own language, by us
        className="mt-2 flex items-end gap-2 border-t border-line px-3 pt-3"
        onSubmit={(event) => {
          event.preventDefault();
          pick();
        }}
      >
        <div className="min-w-0 flex-1">
          <Field
            type="datetime-local"
            label={t('snooze.own')}
            error={error}
            value={own}
            min={localInput(now)}
            required
            onChange={(event) => {
              setOwn(event.target.value);
              setError(undefined);
            }}
          />
        </div>
        <Button type="submit" kind="primary" className="h-10!">
          {t('snooze.do')}
        </Button>
      </form>
    </Dialog>
  );
}
