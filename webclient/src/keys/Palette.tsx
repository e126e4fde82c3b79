import { Command } from 'cmdk';
import { useMemo } from 'react';
import { useIntl } from 'react-intl';

import { useMailboxes } from '@/api/mailboxes';
import { mailboxName } from '@/text/mailbox-name';
import { useSettings } from '@/api/settings';
import { Dialog, Keys } from '@/parts';

import { runCommand, useCommands } from './commands';
import { COMMANDS, keysOf } from './table';

/** Everything that can be done now, by name. `goTo` opens a mailbox. */
export function Palette({
  onClose,
  goTo,
}: {
  onClose: () => void;
  goTo: (mailboxId: string) => void;
}) {
  const intl = useIntl();
  const choice = useSettings();
  const active = useCommands((state) => state.active);
  const boxes = useMailboxes();
  const commands = useMemo(
    () => COMMANDS.filter((each) => !('quiet' in each) && active.has(each.id)),
    [active],
  );
  const item =
    'flex min-h-9 items-center justify-between gap-3 rounded-lg px-3 data-[selected=true]:bg-accent-soft data-[selected=true]:text-accent-ink touch:min-h-11';
  const then = (run: () => void) => () => {
    onClose();
    // The dialog gives the focus back first, then the command may take it.
    setTimeout(run, 0);
  };
  return (
    <Dialog open onClose={onClose} title={intl.formatMessage({ id: 'key.palette' })}>
      <Command label={intl.formatMessage({ id: 'key.palette' })} loop>
        <Command.Input
          // eslint-disable-next-line jsx-a11y/no-autofocus -- it is what the palette is for
          autoFocus
          placeholder={intl.formatMessage({ id: 'palette.hint' })}
          className="mb-2 h-11 w-full rounded-lg border border-line-strong bg-surface px-3"
        />
        <Command.List className="max-h-[50dvh] overflow-y-auto">
          <Command.Empty className="p-4 text-center text-muted">
            {intl.formatMessage({ id: 'palette.none' })}
          </Command.Empty>
          <Command.Group>
            {commands.map(({ id, label }) => (
              <Command.Item
                key={id}
                value={intl.formatMessage({ id: label })}
                onSelect={then(() => runCommand(id))}
                className={item}
              >
                {intl.formatMessage({ id: label })}
                {keysOf(id, choice)[0] !== undefined && <Keys keys={keysOf(id, choice)[0] ?? ''} />}
              </Command.Item>
            ))}
          </Command.Group>
          <Command.Group heading={intl.formatMessage({ id: 'mailboxes' })}>
            {boxes.map((box) => (
              <Command.Item
                key={box.id}
                value={`${mailboxName(intl, box)} ${box.id}`}
                onSelect={then(() => goTo(box.id))}
                className={item}
              >
                <bdi>{mailboxName(intl, box)}</bdi>
              </Command.Item>
            ))}
          </Command.Group>
        </Command.List>
      </Command>
    </Dialog>
  );
}
