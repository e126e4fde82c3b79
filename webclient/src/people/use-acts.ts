// What can be done with contacts, with a toast that takes it back.
import { useMemo } from 'react';
import { type IntlShape, useIntl } from 'react-intl';

import { type Contact, destroyCards, updateCard } from '@/api/contacts';
import { openComposer } from '@/mail/compose/store';
import { errorText, toast } from '@/parts';

import { addressOf, nameOf, plainUid } from './people';

export function useActs() {
  const intl = useIntl();
  return useMemo(
    () => ({
      write: (contacts: readonly Contact[]) =>
        openComposer({
          kind: 'new',
          to: contacts.map(addressOf).filter((each) => each !== null),
        }),
      remove: (contacts: readonly Contact[]) => remove(intl, contacts),
      setMember: (group: Contact, contact: Pick<Contact, 'uid'>, inside: boolean) =>
        attempt(intl, () => setMember(group, contact, inside)),
    }),
    [intl],
  );
}

async function attempt(intl: IntlShape, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    toast(errorText(intl, error), { kind: 'error' });
  }
}

function remove(intl: IntlShape, contacts: readonly Contact[]): Promise<void> {
  return attempt(intl, async () => {
    const back = await destroyCards(contacts.map(({ id }) => id));
    const name = contacts[0] ? nameOf(contacts[0]) : '';
    toast(intl.formatMessage({ id: 'people.deleted' }, { count: contacts.length, name }), {
      action: {
        label: intl.formatMessage({ id: 'undo' }),
        run: () => void attempt(intl, back),
      },
    });
  });
}

function setMember(group: Contact, contact: Pick<Contact, 'uid'>, inside: boolean): Promise<void> {
  const members = Object.keys(group.members ?? {}).filter(
    (uid) => plainUid(uid) !== plainUid(contact.uid),
  );
  if (inside) members.push(contact.uid);
  const map = Object.fromEntries(members.map((uid) => [uid, true]));
  return updateCard(group.id, { members: members.length > 0 ? map : null });
}
