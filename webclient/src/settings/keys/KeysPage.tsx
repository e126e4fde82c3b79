import { Pencil, RotateCcw } from 'lucide-react';
import { useState } from 'react';
import { useIntl } from 'react-intl';

import { useSettings } from '@/api/settings';
import { COMMANDS, keysOf, type Where } from '@/keys/table';
import { Button, IconButton, Keys, Select, Switch } from '@/parts';
import { Row, Rows, Section } from '@/parts/Section';

import { useChange } from '../use-change';
import { KeyDialog } from './KeyDialog';

const GROUPS: Where[] = ['everywhere', 'list', 'thread', 'compose'];

/** The set of keys, and one's own for each command. */
export function KeysPage() {
  const intl = useIntl();
  const change = useChange();
  const chosen = useSettings();
  const [edited, setEdited] = useState<string | null>(null);
  const t = (id: string) => intl.formatMessage({ id: `settings.keys.${id}` });
  const reset = (id: string) => {
    const { [id]: _own, ...rest } = chosen.keyBindings;
    change({ keyBindings: rest });
  };
  return (
    <>
      <Section title={t('title')}>
        <Switch
          label={intl.formatMessage({ id: 'keys.on' })}
          text={intl.formatMessage({ id: 'keys.on.text' })}
          checked={!chosen.keysOff}
          onChange={(on) => change({ keysOff: !on })}
        />
        <Select
          label={t('set')}
          value={chosen.keySet}
          options={[
            { value: 'gmail', label: 'Gmail' },
            { value: 'outlook', label: 'Outlook' },
            { value: 'apple', label: 'Apple Mail' },
          ]}
          onValue={(keySet) => change({ keySet })}
        />
        {Object.keys(chosen.keyBindings).length > 0 && (
          <div>
            <Button icon={<RotateCcw size={16} />} onClick={() => change({ keyBindings: {} })}>
              {t('reset-all')}
            </Button>
          </div>
        )}
      </Section>
      {GROUPS.map((where) => (
        <Section bare key={where} title={intl.formatMessage({ id: `keys.${where}` })}>
          <Rows label={intl.formatMessage({ id: `keys.${where}` })}>
            {COMMANDS.filter((each) => each.when === where).map((each) => {
              const name = intl.formatMessage({ id: each.label });
              const keys = keysOf(each.id, chosen);
              return (
                <Row
                  key={each.id}
                  title={<span className="font-normal">{name}</span>}
                  actions={
                    <>
                      <span className="flex items-center gap-2 pe-1">
                        {keys.length === 0 && (
                          <span className="text-sm text-muted">
                            {intl.formatMessage({ id: 'none' })}
                          </span>
                        )}
                        {keys.map((one) => (
                          <Keys key={one} keys={one} />
                        ))}
                      </span>
                      {each.id in chosen.keyBindings && (
                        <IconButton
                          small
                          label={`${t('reset')}: ${name}`}
                          icon={<RotateCcw size={15} />}
                          onClick={() => reset(each.id)}
                        />
                      )}
                      <IconButton
                        small
                        label={`${t('change')}: ${name}`}
                        icon={<Pencil size={15} />}
                        onClick={() => setEdited(each.id)}
                      />
                    </>
                  }
                />
              );
            })}
          </Rows>
        </Section>
      ))}
      {edited !== null && (
        <KeyDialog
          id={edited}
          onClose={() => setEdited(null)}
          onKeys={(keys) => {
            change({ keyBindings: { ...chosen.keyBindings, [edited]: keys } });
            setEdited(null);
          }}
        />
      )}
    </>
  );
}
