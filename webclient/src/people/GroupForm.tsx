// A group's name, and who is in it.
import { useMemo, useState } from 'react';
import { useIntl } from 'react-intl';

import { type Card, type Contact, createCard, updateCard } from '@/api/contacts';
import type { Id } from '@/api/types';
import { Button, Field } from '@/parts';
import { useVisibleRows } from '@/parts/use-visible-rows';
import { useWork } from '@/parts/use-work';

import { CardHeader } from './CardHeader';
import { Face } from './Face';
import { emailsOf, found, inOrder, isGroup, membersOf, nameOf } from './people';
import { useLeaving } from './use-leaving';

const HEIGHT = 48;

export function GroupForm({
  group,
  all,
  onDone,
  onCancel,
}: {
  group: Card | null;
  all: readonly Contact[];
  onDone: (id: Id) => void;
  onCancel: () => void;
}) {
  const intl = useIntl();
  const work = useWork();
  const t = (id: string) => intl.formatMessage({ id: `people.${id}` });
  const before = useMemo(() => (group ? membersOf(group, all) : []), [group, all]);
  const [name, setName] = useState(group ? nameOf(group) : '');
  const [changed, setChanged] = useState<ReadonlyMap<Id, boolean>>(new Map());
  const isIn = (each: Contact) => changed.get(each.id) ?? before.includes(each);
  const dirty = changed.size > 0 || name !== (group ? nameOf(group) : '');
  const leave = useLeaving(dirty);

  const save = async () => {
    if (name.trim() === '') {
      work.refuse({ name: t('group.name.missing') });
      return;
    }
    let id = group?.id ?? '';
    const done = await work.run(async () => {
      const people = all.filter((each) => !isGroup(each) && isIn(each)).map(({ uid }) => uid);
      // Members that are no contacts of ours stay what they are.
      const ours = new Set(
        before.flatMap(({ uid }) => [uid, `urn:uuid:${uid}`, uid.replace(/^urn:uuid:/i, '')]),
      );
      const others = Object.keys(group?.members ?? {}).filter((uid) => !ours.has(uid));
      const uids = [...others, ...people];
      const members = uids.length > 0 ? Object.fromEntries(uids.map((uid) => [uid, true])) : null;
      if (group) await updateCard(group.id, { name: { full: name.trim() }, members });
      else {
        id = await createCard({
          kind: 'group',
          name: { full: name.trim() },
          ...(members ? { members } : {}),
        });
      }
    });
    if (done) leave(() => onDone(id));
  };
  return (
    <form
      className="flex min-h-0 flex-1 flex-col"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <CardHeader title={t(group ? 'group.edit' : 'group.new')}>
        <Button onClick={onCancel}>{intl.formatMessage({ id: 'cancel' })}</Button>
        <Button kind="primary" type="submit" busy={work.busy}>
          {intl.formatMessage({ id: 'save' })}
        </Button>
      </CardHeader>
      <div className="mx-auto flex min-h-0 w-full max-w-2xl flex-1 flex-col gap-4 px-5 pt-5">
        {work.error !== '' && (
          <p role="alert" className="rounded-lg bg-danger-soft px-3 py-2 text-danger">
            {work.error}
          </p>
        )}
        <Field
          label={t('group.name')}
          value={name}
          maxLength={200}
          error={work.fields['name']}
          dir="auto"
          onChange={(event) => setName(event.target.value)}
        />
        <Members
          all={all}
          isIn={isIn}
          onChange={(id, on) => setChanged(new Map(changed).set(id, on))}
        />
      </div>
    </form>
  );
}

function Members({
  all,
  isIn,
  onChange,
}: {
  all: readonly Contact[];
  isIn: (each: Contact) => boolean;
  onChange: (id: Id, on: boolean) => void;
}) {
  const intl = useIntl();
  const [words, setWords] = useState('');
  const people = useMemo(
    () =>
      inOrder(
        all.filter((each) => !isGroup(each)),
        intl.locale,
      ),
    [all, intl.locale],
  );
  const list = useMemo(() => found(people, words), [people, words]);
  const { attach, first, last, extent, topOf } = useVisibleRows(list.length, HEIGHT);
  const count = people.filter(isIn).length;
  return (
    <fieldset className="flex min-h-0 flex-1 flex-col gap-2">
      <legend className="pb-2 font-medium">
        {intl.formatMessage({ id: 'people.group.count' }, { count })}
      </legend>
      <Field
        type="search"
        label={intl.formatMessage({ id: 'people.search' })}
        value={words}
        onChange={(event) => setWords(event.target.value)}
      />
      <div
        ref={attach}
        className="min-h-40 flex-1 overflow-y-auto rounded-t-xl border border-b-0 border-line"
      >
        <ul className="relative" style={{ height: extent }}>
          {list.slice(first, last + 1).map((each, step) => (
            <li
              key={each.id}
              className="absolute inset-x-0 top-0"
              style={{ height: HEIGHT, transform: `translateY(${topOf(first + step)}px)` }}
            >
              <label className="flex h-full items-center gap-3 px-3 hover:bg-hover">
                <input
                  type="checkbox"
                  className="size-4.5 accent-accent"
                  checked={isIn(each)}
                  onChange={(event) => onChange(each.id, event.target.checked)}
                />
                <Face contact={each} size={30} />
                <bdi className="min-w-0 truncate">{nameOf(each)}</bdi>
                <bdi className="min-w-0 truncate text-sm text-muted">
                  {emailsOf(each)[0]?.address}
                </bdi>
              </label>
            </li>
          ))}
        </ul>
      </div>
    </fieldset>
  );
}
