import { useIntl } from 'react-intl';

import { apiV1 } from '@/api/v1';
import { confirm, Switch } from '@/parts';
import { CopyButton } from '@/parts/Copied';

import { useAct } from '../use-act';
import { shown, type ZoneDetails, zonePath } from './zones';

/** DNSSEC on or off, and what the zone above must say of it. */
export function ZoneSigning({ details: { zone, ds } }: { details: ZoneDetails }) {
  const intl = useIntl();
  const act = useAct();
  const t = (id: string) => intl.formatMessage({ id: `admin.zones.${id}` });
  const change = async (signed: boolean) => {
    const yes =
      signed ||
      (await confirm({
        title: t('unsign'),
        text: t('unsign.text'),
        confirm: t('unsign.do'),
        danger: true,
      }));
    if (yes) await act(() => apiV1('PATCH', zonePath(zone.name), { body: { signed } }));
  };
  return (
    <div className="flex flex-col gap-4">
      <Switch
        label={t('sign')}
        text={t('sign.text')}
        checked={zone.signed}
        onChange={(signed) => void change(signed)}
      />
      {ds.map((each) => (
        <div key={each} className="flex flex-col gap-1.5">
          <p>{t('ds')}</p>
          <div className="flex items-start gap-2 rounded-lg bg-sunken py-0.5 ps-3 pe-1">
            <code dir="ltr" className="min-w-0 flex-1 py-1 text-sm wrap-anywhere select-all">
              {each}
            </code>
            <CopyButton label={`DS ${shown(zone.name)}`} value={each} />
          </div>
        </div>
      ))}
    </div>
  );
}
