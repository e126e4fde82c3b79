import { useIntl } from 'react-intl';

import { Loaded } from '@/parts/Loaded';
import { Badge, Row, Rows } from '@/parts/Section';

import { shown, useSeen } from './zones';

const TONES = { good: 'good', missing: 'bad', differs: 'bad', unknown: 'warn' } as const;

/** Each record that the mail domain needs, and whether the world sees it. */
export function ZoneSeen({ name }: { name: string }) {
  const intl = useIntl();
  const query = useSeen(name);
  const t = (id: string) => intl.formatMessage({ id: `admin.zones.${id}` });
  return (
    <Loaded query={query} lines={8}>
      {(records) => (
        <Rows label={t('seen')}>
          {records.map((each) => (
            <Row
              key={`${each.name} ${each.type} ${each.value}`}
              title={<bdi dir="ltr">{shown(each.name)}</bdi>}
              badges={
                <>
                  <Badge tone="accent">{each.type}</Badge>
                  <Badge tone={TONES[each.state]}>{t(`state.${each.state}`)}</Badge>
                </>
              }
              text={
                <>
                  <code dir="ltr">{each.value}</code>
                  {each.state !== 'good' && (
                    <>
                      {each.found.length > 0 && (
                        <p>
                          {t('found')} <code dir="ltr">{each.found.join(', ')}</code>
                        </p>
                      )}
                      <p lang="en">{each.why}</p>
                    </>
                  )}
                </>
              }
            />
          ))}
        </Rows>
      )}
    </Loaded>
  );
}
