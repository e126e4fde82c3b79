import { X } from 'lucide-react';
import { useRef, useState } from 'react';
import { useIntl } from 'react-intl';

import { useSettings } from '@/api/settings';
import { strokeOf } from '@/keys/stroke';
import { COMMANDS, keysOf } from '@/keys/table';
import { Button, Dialog, IconButton, Keys } from '@/parts';

import { conflictsOf } from './conflicts';

const SEQUENCE_TIME = 1200; // as the dispatch waits for the second stroke
const MODIFIERS = ['Shift', 'Control', 'Alt', 'Meta', 'AltGraph'];
const MOST = 4;

/** Takes the keys of a command: what is pressed in the field is written down, not carried out. */
export function KeyDialog({
  id,
  onClose,
  onKeys,
}: {
  id: string;
  onClose: () => void;
  onKeys: (keys: string[]) => void;
}) {
  const intl = useIntl();
  const chosen = useSettings();
  const [keys, setKeys] = useState(keysOf(id, chosen));
  const last = useRef(-Infinity); // nothing was pressed here yet
  const t = (name: string) => intl.formatMessage({ id: `settings.keys.${name}` });
  const command = COMMANDS.find((each) => each.id === id);
  const press = (stroke: string) => {
    // One single key soon after another makes a sequence of two ("g i").
    const now = performance.now();
    const before = keys.at(-1);
    const joins =
      before !== undefined &&
      now - last.current < SEQUENCE_TIME &&
      !before.includes(' ') &&
      !/\+./.test(before) &&
      !/\+./.test(stroke);
    last.current = now;
    const next = joins ? [...keys.slice(0, -1), `${before} ${stroke}`] : [...keys, stroke];
    setKeys([...new Set(next)].slice(-MOST));
  };
  const conflicts = conflictsOf(id, keys, chosen);
  return (
    <Dialog
      open
      onClose={onClose}
      title={command ? intl.formatMessage({ id: command.label }) : id}
      text={t('press.text')}
      actions={
        <>
          <Button onClick={onClose}>{intl.formatMessage({ id: 'cancel' })}</Button>
          <Button kind="primary" onClick={() => onKeys(keys)}>
            {intl.formatMessage({ id: 'save' })}
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-3">
        <input
          aria-label={t('press')}
          placeholder={t('press')}
          readOnly
          value=""
          // eslint-disable-next-line jsx-a11y/no-autofocus -- the dialog asks for nothing else
          autoFocus
          className="h-12 rounded-lg border border-line-strong bg-surface px-3 text-center placeholder:text-muted dark:bg-sunken"
          onKeyDown={(event) => {
            // Tab leaves the field, Escape the dialog: whoever has no mouse is not caught here.
            if (MODIFIERS.includes(event.key) || event.key === 'Tab' || event.key === 'Escape')
              return;
            event.preventDefault();
            event.stopPropagation();
            press(strokeOf(event.nativeEvent));
          }}
        />
        <ul className="flex min-h-10 flex-wrap items-center gap-3">
          {keys.map((each) => (
            <li key={each} className="flex items-center gap-1">
              <Keys keys={each} />
              <IconButton
                small
                label={`${intl.formatMessage({ id: 'remove' })}: ${each}`}
                icon={<X size={14} />}
                onClick={() => setKeys(keys.filter((other) => other !== each))}
              />
            </li>
          ))}
          {keys.length === 0 && <li className="text-muted">{t('none')}</li>}
        </ul>
        <p role="status" className="text-sm text-warn empty:hidden">
          {conflicts.length > 0 &&
            intl.formatMessage(
              { id: 'settings.keys.conflict' },
              {
                names: intl.formatList(conflicts.map((label) => intl.formatMessage({ id: label }))),
              },
            )}
        </p>
      </div>
    </Dialog>
  );
}
