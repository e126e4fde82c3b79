import { X } from 'lucide-react';
import { useIntl } from 'react-intl';

import { useSettings } from '@/api/settings';
import type { Mailbox } from '@/api/types';
import { cx } from '@/parts';
import { mailboxName } from '@/text/mailbox-name';

import { colourOf, inColour } from './colours';

/** A mailbox as a label of what lies in it. */
export function LabelChip({
  box,
  onRemove,
}: {
  box: Mailbox;
  onRemove?: (() => void) | undefined;
}) {
  const intl = useIntl();
  const colour = colourOf(box.id, useSettings());
  const name = mailboxName(intl, box);
  return (
    <span
      className={cx(
        'inline-flex max-w-28 shrink-0 items-center rounded px-1.5 text-xs',
        colour ? 'label-chip' : 'bg-sunken text-muted',
        onRemove && 'max-w-52 rounded-full py-0.5 ps-2.5 pe-1 text-sm',
      )}
      style={inColour(colour)}
    >
      <bdi className="truncate">{name}</bdi>
      {onRemove && (
        <button
          type="button"
          aria-label={intl.formatMessage({ id: 'label.remove' }, { name })}
          className="ms-0.5 inline-flex size-6 items-center justify-center rounded-full hover:bg-hover touch:size-11"
          onClick={onRemove}
        >
          <X size={13} />
        </button>
      )}
    </span>
  );
}
