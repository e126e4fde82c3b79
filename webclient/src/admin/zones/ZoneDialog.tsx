import { useIntl } from 'react-intl';

import { Dialog, Tabs } from '@/parts';
import { Loaded } from '@/parts/Loaded';

import { shown, useZone } from './zones';
import { ZoneHistory } from './ZoneHistory';
import { ZoneRecords } from './ZoneRecords';
import { ZoneSeen } from './ZoneSeen';
import { ZoneSigning } from './ZoneSigning';

/** One zone: its records, what was changed, whether it is signed, what the world sees of it. */
export function ZoneDialog({ name, onClose }: { name: string; onClose: () => void }) {
  const intl = useIntl();
  const query = useZone(name);
  const t = (id: string) => intl.formatMessage({ id: `admin.zones.${id}` });
  return (
    <Dialog open wide onClose={onClose} title={shown(name)}>
      <Loaded query={query} lines={8}>
        {(details) => (
          <Tabs
            label={shown(name)}
            tabs={[
              { id: 'records', label: t('records'), content: <ZoneRecords details={details} /> },
              { id: 'history', label: t('history'), content: <ZoneHistory name={name} /> },
              { id: 'signing', label: t('signing'), content: <ZoneSigning details={details} /> },
              ...(details.zone.mail
                ? [{ id: 'seen', label: t('seen'), content: <ZoneSeen name={name} /> }]
                : []),
            ]}
          />
        )}
      </Loaded>
    </Dialog>
  );
}
