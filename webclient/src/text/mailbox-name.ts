import type { IntlShape } from 'react-intl';

import type { Mailbox } from '@/api/types';

/** A mailbox with a role is called by the person's language, unless somebody renamed it. */
export function mailboxName(intl: IntlShape, box: Pick<Mailbox, 'name' | 'role'>): string {
  if (box.role && USUAL[box.role]?.includes(box.name.toLowerCase())) {
    return intl.formatMessage({ id: `mailbox.${box.role}` });
  }
  return box.name;
}

const USUAL: Record<string, string[]> = {
  inbox: ['inbox'],
  snoozed: ['snoozed'],
  archive: ['archive', 'archives'],
  drafts: ['drafts'],
  sent: ['sent', 'sent items', 'sent messages', 'sent mail'],
  junk: ['junk', 'spam', 'junk mail', 'junk e-mail'],
  trash: ['trash', 'deleted items', 'deleted messages', 'bin'],
};
