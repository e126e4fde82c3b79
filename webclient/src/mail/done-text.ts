import type { IntlShape } from 'react-intl';

import { mailboxes } from '@/api/mailboxes';
import type { Id } from '@/api/types';
import { snoozeDate } from '@/text/dates';
import { mailboxName } from '@/text/mailbox-name';

import type { Action } from './act';

function nameOf(intl: IntlShape, id: Id | undefined): string {
  const box = mailboxes().find((each) => each.id === id);
  return box ? mailboxName(intl, box) : '';
}

/** What the toast says; null: nothing, the change is seen where it was made. */
export function doneText(intl: IntlShape, action: Action, count: number): string | null {
  switch (action.kind) {
    case 'star':
    case 'unstar':
      return null;
    case 'snooze':
      return intl.formatMessage(
        { id: 'done.snooze' },
        { count, until: snoozeDate(intl.locale, action.until) },
      );
    case 'labels': {
      const changed = [...action.on, ...action.off];
      if (changed.length > 1) return intl.formatMessage({ id: 'done.labels' }, { count });
      const id = action.on.length > 0 ? 'done.label' : 'done.unlabel';
      return intl.formatMessage({ id }, { count, name: nameOf(intl, changed[0]) });
    }
    case 'move':
      return intl.formatMessage({ id: 'done.move' }, { count, name: nameOf(intl, action.to) });
    default:
      return intl.formatMessage({ id: `done.${action.kind}` }, { count });
  }
}
