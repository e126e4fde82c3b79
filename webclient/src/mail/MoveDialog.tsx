import { useState } from 'react';
import { useIntl } from 'react-intl';

import { useMailboxTree, type MailboxNode } from '@/api/mailboxes';
import type { Id } from '@/api/types';
import { Dialog, Field } from '@/parts';
import { mailboxName } from '@/text/mailbox-name';

/** Chooses a folder by typing and arrow keys. */
export function MoveDialog({
  title,
  onClose,
  onChoose,
}: {
  title: string;
  onClose: () => void;
  onChoose: (id: Id) => void;
}) {
  const intl = useIntl();
  const [words, setWords] = useState('');
  const [at, setAt] = useState(0);
  const all = flat(useMailboxTree()).filter(({ mailbox }) => mailbox.role !== 'drafts');
  const wanted = words.trim().toLocaleLowerCase();
  const found = all.filter(({ mailbox }) =>
    mailboxName(intl, mailbox).toLocaleLowerCase().includes(wanted),
  );
  const choose = (id: Id) => {
    onClose();
    onChoose(id);
  };
  return (
    <Dialog open onClose={onClose} title={title}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const chosen = found[at];
          if (chosen) choose(chosen.mailbox.id);
        }}
      >
        <Field
          label={intl.formatMessage({ id: 'move.find' })}
          value={words}
          // eslint-disable-next-line jsx-a11y/no-autofocus -- it is what the dialog is for
          autoFocus
          role="combobox"
          aria-expanded
          aria-controls="move-list"
          aria-activedescendant={found[at] ? `move-${found[at].mailbox.id}` : undefined}
          autoComplete="off"
          onChange={(event) => {
            setWords(event.target.value);
            setAt(0);
          }}
          onKeyDown={(event) => {
            const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
            if (step === 0 || found.length === 0) return;
            event.preventDefault();
            setAt((at + step + found.length) % found.length);
          }}
        />
        <div
          id="move-list"
          role="listbox"
          aria-label={title}
          className="mt-2 max-h-[45dvh] overflow-y-auto"
        >
          {found.map(({ mailbox, depth }, index) => (
            <div
              key={mailbox.id}
              id={`move-${mailbox.id}`}
              role="option"
              tabIndex={-1}
              aria-selected={index === at}
              className="flex min-h-9 items-center rounded-lg px-3 aria-selected:bg-accent-soft aria-selected:text-accent-ink touch:min-h-11"
              style={{ paddingInlineStart: 12 + (wanted === '' ? depth * 16 : 0) }}
              onPointerEnter={() => setAt(index)}
              onPointerUp={() => choose(mailbox.id)}
            >
              <bdi>{mailboxName(intl, mailbox)}</bdi>
            </div>
          ))}
        </div>
      </form>
    </Dialog>
  );
}

function flat(nodes: MailboxNode[]): MailboxNode[] {
  return nodes.flatMap((node) => [node, ...flat(node.children)]);
}
