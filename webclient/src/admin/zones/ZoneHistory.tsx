import { useIntl } from 'react-intl';

import { apiV1 } from '@/api/v1';
import { Row, Rows } from '@/parts/Section';
import { mediumDate } from '@/text/dates';

import { Pages, usePages } from '../pages';
import { type ZoneChange, zonePath } from './zones';

/** Who changed what, newest first. */
export function ZoneHistory({ name }: { name: string }) {
  const intl = useIntl();
  const t = (id: string) => intl.formatMessage({ id: `admin.zones.${id}` });
  const query = usePages(['zone-history', name], async (before, signal) => {
    const { changes, next } = await apiV1<{ changes: ZoneChange[]; next: number | null }>(
      'GET',
      `${zonePath(name)}/changes`,
      { query: { before: before || undefined }, signal },
    );
    return { items: changes, next: next === null ? null : String(next) };
  });
  return (
    <Pages query={query}>
      {(changes) => (
        <Rows label={t('history')}>
          {changes.map((each) => (
            <Row
              key={each.serial}
              title={each.by === 'settings' ? t('by.settings') : each.by}
              text={
                <>
                  {intl.formatMessage(
                    { id: 'admin.zones.change' },
                    { at: mediumDate(intl.locale, each.at), serial: each.serial },
                  )}
                  {each.what !== '' && <p>{t(`what.${each.what}`)}</p>}
                  <Lines sign="−" tone="text-danger" lines={each.removed} />
                  <Lines sign="+" tone="text-success" lines={each.added} />
                </>
              }
            />
          ))}
        </Rows>
      )}
    </Pages>
  );
}

function Lines({ sign, tone, lines }: { sign: string; tone: string; lines: string[] }) {
  return lines.map((line) => (
    <code key={line} dir="ltr" className={`block wrap-anywhere ${tone}`}>
      {sign} {line}
    </code>
  ));
}
