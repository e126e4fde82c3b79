import { useIntl } from 'react-intl';

import { updateSettings, useSettings } from '@/api/settings';
import { Dialog, Keys, Switch } from '@/parts';

import { COMMANDS, keysOf, type Where } from './table';

const GROUPS: Where[] = ['everywhere', 'list', 'thread', 'compose'];

/** All keys, from the table. */
export function Help({ onClose }: { onClose: () => void }) {
  const intl = useIntl();
  const choice = useSettings();
  return (
    <Dialog open onClose={onClose} title={intl.formatMessage({ id: 'key.help' })} wide>
      <Switch
        label={intl.formatMessage({ id: 'keys.on' })}
        text={intl.formatMessage({ id: 'keys.on.text' })}
        checked={!choice.keysOff}
        onChange={(on) => void updateSettings({ keysOff: !on })}
      />
      <div className="mt-2 grid gap-x-10 gap-y-5 sm:grid-cols-2">
        {GROUPS.map((where) => (
          <section key={where}>
            <h3 className="mb-1 text-sm font-semibold text-muted">
              {intl.formatMessage({ id: `keys.${where}` })}
            </h3>
            <dl>
              {COMMANDS.filter((each) => each.when === where).map((each) => (
                <div key={each.id} className="flex items-center justify-between gap-4 py-1">
                  <dt>{intl.formatMessage({ id: each.label })}</dt>
                  <dd className="flex gap-2">
                    {keysOf(each.id, choice).map((keys) => (
                      <Keys key={keys} keys={keys} />
                    ))}
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
