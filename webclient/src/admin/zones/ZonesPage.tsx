import { Globe, Plus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useIntl } from 'react-intl';

import { useMe } from '@/api/session';
import { apiV1 } from '@/api/v1';
import { Button, confirm, IconButton } from '@/parts';
import { Loaded } from '@/parts/Loaded';
import { Badge, Row, Rows, Section } from '@/parts/Section';
import { mediumDate } from '@/text/dates';

import { useAct } from '../use-act';
import { NewZone } from './NewZone';
import { ZoneDialog } from './ZoneDialog';
import { shown, useZones, type Zone, zonePath } from './zones';

/** What our name server answers for. */
export function ZonesPage() {
  const intl = useIntl();
  const me = useMe();
  const act = useAct();
  const query = useZones();
  const [open, setOpen] = useState<string | null>(null);
  const [adding, setAdding] = useState(false);
  const t = (id: string) => intl.formatMessage({ id: `admin.zones.${id}` });
  const remove = async ({ name }: Zone) => {
    const yes = await confirm({
      title: intl.formatMessage({ id: 'admin.zones.remove' }, { name: shown(name) }),
      text: t('remove.text'),
      confirm: intl.formatMessage({ id: 'remove' }),
      danger: true,
    });
    if (yes) await act(() => apiV1('DELETE', zonePath(name)));
  };
  return (
    <Section
      bare
      title={t('title')}
      text={t('text')}
      actions={
        me.admin && (
          <Button kind="primary" icon={<Plus size={16} />} onClick={() => setAdding(true)}>
            {t('new')}
          </Button>
        )
      }
    >
      <Loaded query={query}>
        {(zones) => (
          <Rows label={t('title')}>
            {zones.length === 0 && <Row title={t('none')} />}
            {zones.map((zone) => (
              <Row
                key={zone.name}
                icon={<Globe size={18} />}
                title={
                  <button
                    type="button"
                    className="text-start underline-offset-2 hover:underline touch:min-h-11"
                    onClick={() => setOpen(zone.name)}
                  >
                    {shown(zone.name)}
                  </button>
                }
                badges={zone.signed && <Badge tone="good">{t('signed')}</Badge>}
                text={intl.formatMessage(
                  { id: 'admin.zones.about' },
                  {
                    count: zone.own,
                    serial: zone.serial,
                    changed: mediumDate(intl.locale, zone.changed),
                  },
                )}
                actions={
                  me.admin &&
                  !zone.mail && (
                    <IconButton
                      label={`${intl.formatMessage({ id: 'remove' })}: ${shown(zone.name)}`}
                      icon={<Trash2 size={16} />}
                      onClick={() => void remove(zone)}
                    />
                  )
                }
              />
            ))}
          </Rows>
        )}
      </Loaded>
      {open !== null && <ZoneDialog name={open} onClose={() => setOpen(null)} />}
      {adding && <NewZone onClose={() => setAdding(false)} />}
    </Section>
  );
}
