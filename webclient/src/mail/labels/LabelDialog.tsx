// Labels put on and taken off, several at once; a new one is made from what was typed.
import { Check, Minus, Plus } from 'lucide-react';
import { type KeyboardEvent, useState } from 'react';
import { useIntl } from 'react-intl';

import { createMailbox, type MailboxNode, useMailboxes, useMailboxTree } from '@/api/mailboxes';
import { useSettings } from '@/api/settings';
import type { EmailSummary, Id } from '@/api/types';
import { Button, cx, Dialog, errorText, Field, toast } from '@/parts';

import { changesOf, isLabel, type Tick, ticksOf } from './choice';
import { colourOf, inColour } from './colours';

export function LabelDialog({
  emails,
  onClose,
  onDone,
}: {
  emails: EmailSummary[];
  onClose: () => void;
  onDone: (on: Id[], off: Id[]) => void;
}) {
  const intl = useIntl();
  const t = (id: string, values?: Record<string, string>) => intl.formatMessage({ id }, values);
  const settings = useSettings();
  const boxes = useMailboxes();
  const tree = flat(useMailboxTree()).filter(({ mailbox }) => isLabel(mailbox));
  const [before] = useState(() => ticksOf(emails, boxes));
  const [chosen, setChosen] = useState<ReadonlyMap<Id, Tick>>(new Map());
  const [words, setWords] = useState('');
  const [at, setAt] = useState(0);
  const [busy, setBusy] = useState(false);
  const wanted = words.trim();
  const same = (name: string) => name.toLocaleLowerCase() === wanted.toLocaleLowerCase();
  const found = tree.filter(({ mailbox }) =>
    mailbox.name.toLocaleLowerCase().includes(wanted.toLocaleLowerCase()),
  );
  const canMake = wanted !== '' && !tree.some(({ mailbox }) => same(mailbox.name));
  const tickOf = (id: Id): Tick => chosen.get(id) ?? before.get(id) ?? 'off';
  const toggle = (id: Id) => {
    const next = new Map(chosen);
    // Mixed goes on, then off, then back to mixed: nobody loses what was there by looking.
    const order: Tick[] = before.get(id) === 'mixed' ? ['mixed', 'on', 'off'] : ['off', 'on'];
    next.set(id, order[(order.indexOf(tickOf(id)) + 1) % order.length] ?? 'on');
    setChosen(next);
  };
  const { on, off } = changesOf(before, chosen);
  const apply = () => {
    onClose();
    if (on.length + off.length > 0) onDone(on, off);
  };
  const make = async () => {
    setBusy(true);
    try {
      const id = await createMailbox({ name: wanted, parentId: null, isSubscribed: true });
      setChosen(new Map(chosen).set(id, 'on'));
      setWords('');
    } catch (error) {
      toast(errorText(intl, error), { kind: 'error' });
    } finally {
      setBusy(false);
    }
  };
  const count = found.length + (canMake ? 1 : 0);
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (step !== 0 && count > 0) {
      event.preventDefault();
      setAt((at + step + count) % count);
    } else if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      apply();
    } else if (event.key === 'Enter') {
      event.preventDefault();
      const node = found[at];
      if (node) toggle(node.mailbox.id);
      else if (canMake && !busy) void make();
      else apply();
    }
  };
  const line =
    'flex min-h-9 items-center gap-2 rounded-lg px-3 aria-selected:bg-accent-soft touch:min-h-11';
  return (
    <Dialog
      open
      onClose={onClose}
      title={t('label.title')}
      actions={
        <>
          <Button onClick={onClose}>{t('cancel')}</Button>
          <Button kind="primary" onClick={apply} disabled={busy}>
            {t('label.apply')}
          </Button>
        </>
      }
    >
      <Field
        label={t('label.find')}
        value={words}
        // eslint-disable-next-line jsx-a11y/no-autofocus -- it is what the dialog is for
        autoFocus
        role="combobox"
        aria-expanded={count > 0}
        aria-controls="label-list"
        aria-activedescendant={count > 0 ? `label-${at}` : undefined}
        autoComplete="off"
        maxLength={200}
        onChange={(event) => {
          setWords(event.target.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
      />
      <div
        id="label-list"
        role="listbox"
        aria-multiselectable
        hidden={count === 0} // an empty one says nothing
        aria-label={t('label.title')}
        className="mt-2 max-h-[40dvh] overflow-y-auto"
      >
        {found.map(({ mailbox, depth }, index) => {
          const tick = tickOf(mailbox.id);
          const colour = colourOf(mailbox.id, settings);
          return (
            <div
              key={mailbox.id}
              id={`label-${index}`}
              role="option"
              tabIndex={-1}
              aria-selected={index === at}
              aria-checked={tick === 'mixed' ? 'mixed' : tick === 'on'}
              className={line}
              style={{ paddingInlineStart: 12 + (wanted === '' ? depth * 16 : 0) }}
              onPointerEnter={() => setAt(index)}
              onPointerUp={() => toggle(mailbox.id)}
            >
              <span
                aria-hidden
                className={cx(
                  'inline-flex size-4.5 shrink-0 items-center justify-center rounded border border-line-strong',
                  tick !== 'off' && 'border-accent bg-accent text-on-accent',
                )}
              >
                {tick === 'on' && <Check size={14} />}
                {tick === 'mixed' && <Minus size={14} />}
              </span>
              {colour && <span aria-hidden className="label-dot" style={inColour(colour)} />}
              <bdi className="truncate">{mailbox.name}</bdi>
            </div>
          );
        })}
        {canMake && (
          <div
            id={`label-${found.length}`}
            role="option"
            tabIndex={-1}
            aria-selected={at === found.length}
            aria-disabled={busy}
            className={line}
            onPointerEnter={() => setAt(found.length)}
            onPointerUp={() => {
              if (!busy) void make();
            }}
          >
            <Plus size={16} className="text-muted" />
            <span className="truncate">{t('label.make', { name: wanted })}</span>
          </div>
        )}
      </div>
      {count === 0 && <p className="px-3 py-4 text-muted">{t('label.none')}</p>}
    </Dialog>
  );
}

function flat(nodes: MailboxNode[]): MailboxNode[] {
  return nodes.flatMap((node) => [node, ...flat(node.children)]);
}
