import { useId } from 'react';
import { useIntl } from 'react-intl';

import { Field, Select } from '@/parts';

import type { Day } from './form';

/** A birthday, of which the year need not be known. */
export function DayField({
  value,
  error,
  onChange,
}: {
  value: Day;
  error: string | undefined;
  onChange: (value: Day) => void;
}) {
  const intl = useIntl();
  const id = useId();
  const t = (name: string) => intl.formatMessage({ id: `people.day.${name}` });
  const month = new Intl.DateTimeFormat(intl.locale, { month: 'long', timeZone: 'UTC' });
  const months = Array.from({ length: 12 }, (_, at) => ({
    value: String(at + 1),
    label: month.format(new Date(Date.UTC(2000, at, 1))),
  }));
  const set = (change: Partial<Day>) => onChange({ ...value, ...change });
  return (
    <div role="group" aria-labelledby={id} className="flex flex-col gap-2">
      <p id={id} className="text-sm font-semibold text-muted">
        {t('birth')}
      </p>
      <div className="grid grid-cols-[5rem_1fr_6rem] gap-2">
        <Field
          label={t('day')}
          inputMode="numeric"
          autoComplete="off"
          maxLength={2}
          value={value.day}
          onChange={(event) => set({ day: event.target.value })}
        />
        <Select
          label={t('month')}
          value={value.month}
          options={[{ value: '', label: '' }, ...months]}
          onValue={(chosen) => set({ month: chosen })}
        />
        <Field
          label={t('year')}
          inputMode="numeric"
          autoComplete="off"
          maxLength={4}
          value={value.year}
          onChange={(event) => set({ year: event.target.value })}
        />
      </div>
      <p role="alert" className="text-sm text-danger empty:hidden">
        {error}
      </p>
    </div>
  );
}
