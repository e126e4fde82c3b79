// What stands beside the list: a card, its form, or a group.
import { UserX } from 'lucide-react';
import { lazy, Suspense, useEffect } from 'react';
import { useIntl } from 'react-intl';

import { type Contact, useCard } from '@/api/contacts';
import type { Id } from '@/api/types';
import { EmptyState, ErrorState, Loading } from '@/parts';

import { NEW, usePlace } from './address';
import { CardHeader } from './CardHeader';
import { GroupView } from './GroupView';
import { isGroup, withAddress } from './people';
import { PersonView } from './PersonView';

const GroupForm = lazy(() =>
  import('./GroupForm').then((module) => ({ default: module.GroupForm })),
);
const PersonForm = lazy(() =>
  import('./PersonForm').then((module) => ({ default: module.PersonForm })),
);

interface PersonProps {
  id: Id;
  all: readonly Contact[];
  /** All contacts are known. */
  loaded: boolean;
  groups: readonly Contact[];
  onRemove: () => void;
}

export function Person(props: PersonProps) {
  return (
    <Suspense fallback={<Loading lines={6} />}>
      {props.id === NEW ? <NewPerson {...props} /> : <KnownPerson {...props} />}
    </Suspense>
  );
}

function NewPerson({ all, loaded, groups }: PersonProps) {
  const { search, goTo } = usePlace();
  const { email, name } = search;
  const there = email === undefined ? undefined : withAddress(all, email);
  useEffect(() => {
    if (there) goTo(there.id, {}, true);
  }, [there, goTo]);
  if (email !== undefined && (!loaded || there)) return <Loading />;
  if (search.kind === 'group') {
    return (
      <GroupForm
        group={null}
        all={all}
        onDone={(id) => goTo(id, {}, true)}
        onCancel={() => goTo(null)}
      />
    );
  }
  return (
    <PersonForm
      card={null}
      group={groups.find(({ id }) => id === search.group)}
      begin={{
        ...(name ? { name: { full: name } } : {}),
        ...(email ? { emails: { e1: { address: email } } } : {}),
      }}
      onDone={(id) => goTo(id, {}, true)}
      onCancel={() => goTo(null)}
    />
  );
}

function KnownPerson({ id, all, groups, onRemove }: PersonProps) {
  const intl = useIntl();
  const { search, goTo } = usePlace();
  const { data: card, error, refetch } = useCard(id);
  const bar = <CardHeader title={intl.formatMessage({ id: 'people.card' })} />;
  if (error && card === undefined) {
    return (
      <>
        {bar}
        <ErrorState error={error} retry={() => void refetch()} />
      </>
    );
  }
  if (card === undefined) {
    return (
      <>
        {bar}
        <Loading lines={6} />
      </>
    );
  }
  if (card === null) {
    return (
      <>
        {bar}
        <EmptyState icon={<UserX size={26} />} title={intl.formatMessage({ id: 'people.gone' })} />
      </>
    );
  }
  const done = () => goTo(id, {}, true);
  if (isGroup(card)) {
    return search.edit ? (
      <GroupForm group={card} all={all} onDone={done} onCancel={done} />
    ) : (
      <GroupView group={card} all={all} onRemove={onRemove} />
    );
  }
  return search.edit ? (
    <PersonForm card={card} begin={{}} onDone={done} onCancel={done} />
  ) : (
    <PersonView card={card} groups={groups} onRemove={onRemove} />
  );
}
