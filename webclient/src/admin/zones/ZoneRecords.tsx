import { Plus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useIntl } from 'react-intl';

import { Button, IconButton } from '@/parts';
import { Badge, Row, Rows } from '@/parts/Section';

import { useAct } from '../use-act';
import { NewRecord } from './NewRecord';
import { changeZone, shown, type ZoneDetails, type ZoneRecord } from './zones';

/** All records that hold: those of ours can be removed, the others follow from the settings. */
export function ZoneRecords({ details: { zone, records } }: { details: ZoneDetails }) {
  const intl = useIntl();
  const act = useAct();
  const [adding, setAdding] = useState(false);
  const t = (id: string) => intl.formatMessage({ id: `admin.zones.${id}` });
  const remove = ({ name, type, value }: ZoneRecord) =>
    act(() => changeZone(zone, { remove: [{ name, type, value }] }));
  return (
    <div className="flex flex-col gap-3">
      <Button className="self-end" icon={<Plus size={16} />} onClick={() => setAdding(true)}>
        {t('record.new')}
      </Button>
      <Rows label={t('records')}>
        {records.map((each) => (
          <Row
            key={`${each.name} ${each.type} ${each.value}`}
            title={<bdi dir="ltr">{shown(each.name)}</bdi>}
            badges={
              <>
                <Badge tone="accent">{each.type}</Badge>
                {!each.own && <Badge>{t('derived')}</Badge>}
              </>
            }
            text={
              <>
                <code dir="ltr" className="select-all">
                  {each.value}
                </code>
                {each.why !== '' && <p lang="en">{each.why}</p>}
              </>
            }
            actions={
              each.own && (
                <IconButton
                  label={`${intl.formatMessage({ id: 'remove' })}: ${shown(each.name)} ${each.type} ${each.value}`}
                  icon={<Trash2 size={16} />}
                  onClick={() => void remove(each)}
                />
              )
            }
          />
        ))}
      </Rows>
      {adding && <NewRecord zone={zone} onClose={() => setAdding(false)} />}
    </div>
  );
}
