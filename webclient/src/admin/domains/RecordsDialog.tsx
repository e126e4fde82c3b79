import { useIntl } from 'react-intl';

import { Dialog } from '@/parts';
import { CopyButton } from '@/parts/Copied';
import { Loaded } from '@/parts/Loaded';
import { Badge } from '@/parts/Section';

import { useRecords, zoneOf } from './domains';

/** The DNS records that a domain needs, each with what it is for. */
export function RecordsDialog({ name, onClose }: { name: string; onClose: () => void }) {
  const intl = useIntl();
  const query = useRecords(name);
  const t = (id: string) => intl.formatMessage({ id: `admin.records.${id}` });
  return (
    <Dialog
      open
      wide
      onClose={onClose}
      title={intl.formatMessage({ id: 'admin.records.title' }, { name })}
      text={t('text')}
    >
      <Loaded query={query} lines={10}>
        {(records) => (
          <div className="flex flex-col gap-3">
            <p className="flex items-center justify-end gap-2 text-sm">
              {t('zone')}
              <CopyButton label={t('zone')} value={zoneOf(records)} />
            </p>
            <ul className="flex flex-col gap-3">
              {records.map((each, at) => (
                <li key={at} className="rounded-xl border border-line p-3">
                  <p className="mb-1.5 flex flex-wrap items-center gap-2">
                    <Badge tone="accent">{each.type}</Badge>
                    <code dir="ltr" className="min-w-0 wrap-anywhere select-all">
                      {each.name}
                    </code>
                  </p>
                  <div className="flex items-start gap-2 rounded-lg bg-sunken py-0.5 ps-3 pe-1">
                    <code
                      dir="ltr"
                      className="min-w-0 flex-1 py-1 text-sm wrap-anywhere select-all"
                    >
                      {each.value}
                    </code>
                    <CopyButton label={`${each.type} ${each.name}`} value={each.value} />
                  </div>
                  <p className="mt-1.5 text-sm text-muted" lang="en">
                    {each.why}
                  </p>
                </li>
              ))}
            </ul>
          </div>
        )}
      </Loaded>
    </Dialog>
  );
}
