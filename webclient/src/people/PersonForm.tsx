// The form of a card. Only what is changed in it goes to the server.
import { useState } from 'react';
import { useIntl } from 'react-intl';

import { type Card, type Contact, createCard, updateCard } from '@/api/contacts';
import type { Id } from '@/api/types';
import { Button, Field, TextArea } from '@/parts';
import { useWork } from '@/parts/use-work';

import { CardHeader } from './CardHeader';
import { DayField } from './DayField';
import { dateOf, isNamed, newCardOf, patchOf } from './changes';
import {
  EMAIL_TYPES,
  emptyPlace,
  emptyRow,
  formOf,
  type PersonForm as Form,
  PHONE_TYPES,
} from './form';
import { PhotoField } from './PhotoField';
import { PlaceRows, TypedRows } from './TypedRows';
import { useActs } from './use-acts';
import { useLeaving } from './use-leaving';

const LONGEST = 500;

/** What a form begins with: a line for what nearly everybody has. */
function withLines(form: Form): Form {
  return {
    ...form,
    emails: form.emails.length > 0 ? form.emails : [emptyRow('private')],
    phones: form.phones.length > 0 ? form.phones : [emptyRow('mobile')],
  };
}

export function PersonForm({
  card,
  begin,
  group,
  onDone,
  onCancel,
}: {
  card: Card | null;
  /** What a new card begins with. */
  begin: Partial<Card>;
  /** A new one goes into it. */
  group?: Contact | undefined;
  onDone: (id: Id) => void;
  onCancel: () => void;
}) {
  const intl = useIntl();
  const work = useWork();
  const acts = useActs();
  const t = (id: string) => intl.formatMessage({ id: `people.${id}` });
  const [first] = useState(() => withLines(formOf(card ?? begin)));
  const [form, setForm] = useState(first);
  const set = (change: Partial<Form>) => setForm((now) => ({ ...now, ...change }));
  const leave = useLeaving(JSON.stringify(form) !== JSON.stringify(first));

  const save = async () => {
    if (!isNamed(form)) {
      work.refuse({ given: t('name.missing') });
      return;
    }
    if (dateOf(form.birthday) === null) {
      work.refuse({ birthday: t('day.wrong') });
      return;
    }
    let id = card?.id ?? '';
    const done = await work.run(async () => {
      if (card) {
        await updateCard(card.id, patchOf(form, card));
        return;
      }
      const made = newCardOf(form);
      const uid = `urn:uuid:${crypto.randomUUID()}`;
      id = await createCard({ ...made, uid });
      if (group) await acts.setMember(group, { uid }, true);
    });
    if (done) leave(() => onDone(id));
  };

  const text = (
    name:
      | 'given'
      | 'given2'
      | 'surname'
      | 'title'
      | 'credential'
      | 'nickname'
      | 'organization'
      | 'department'
      | 'position',
  ) => (
    <Field
      label={t(`field.${name}`)}
      dir="auto"
      autoComplete="off"
      maxLength={LONGEST}
      value={form[name]}
      error={work.fields[name]}
      onChange={(event) => set({ [name]: event.target.value })}
    />
  );
  const [allNames, setAllNames] = useState(
    [first.title, first.given2, first.credential, first.nickname].some((each) => each !== ''),
  );
  return (
    <form
      className="flex min-h-0 flex-1 flex-col"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <CardHeader title={t(card ? 'edit.title' : 'new')}>
        <Button onClick={onCancel}>{intl.formatMessage({ id: 'cancel' })}</Button>
        <Button kind="primary" type="submit" busy={work.busy}>
          {intl.formatMessage({ id: 'save' })}
        </Button>
      </CardHeader>
      <div className="min-h-0 flex-1 overflow-y-auto">
        <div className="mx-auto flex max-w-2xl flex-col gap-6 px-5 pt-5 pb-24">
          {work.error !== '' && (
            <p role="alert" className="rounded-lg bg-danger-soft px-3 py-2 text-danger">
              {work.error}
            </p>
          )}
          <PhotoField form={form} onChange={(photo) => set({ photo })} />
          <div className="grid gap-3 sm:grid-cols-2">
            {allNames && text('title')}
            {text('given')}
            {allNames && text('given2')}
            {text('surname')}
            {allNames && text('credential')}
            {allNames && text('nickname')}
            {!allNames && (
              <Button
                kind="plain"
                className="self-start text-accent sm:col-span-2 sm:justify-self-start"
                onClick={() => setAllNames(true)}
              >
                {t('names.more')}
              </Button>
            )}
          </div>
          <div className="grid gap-3 sm:grid-cols-2">
            {text('organization')}
            {text('department')}
            {text('position')}
          </div>
          <TypedRows
            kind="email"
            inputType="email"
            types={EMAIL_TYPES}
            rows={form.emails}
            onChange={(emails) => set({ emails })}
          />
          <TypedRows
            kind="phone"
            inputType="tel"
            types={PHONE_TYPES}
            rows={form.phones}
            onChange={(phones) => set({ phones })}
          />
          <PlaceRows rows={form.places} make={emptyPlace} onChange={(places) => set({ places })} />
          <TypedRows
            kind="link"
            inputType="url"
            types={EMAIL_TYPES}
            rows={form.links}
            onChange={(links) => set({ links })}
          />
          <DayField
            value={form.birthday}
            error={work.fields['birthday']}
            onChange={(birthday) => set({ birthday })}
          />
          <TextArea
            label={t('notes')}
            dir="auto"
            rows={5}
            maxLength={50_000}
            value={form.notes}
            onChange={(event) => set({ notes: event.target.value })}
          />
        </div>
      </div>
    </form>
  );
}
