// A card as one reads it.
import { Link } from '@tanstack/react-router';
import { Download, Ellipsis, Mail, MailSearch, Pencil, Trash2, UsersRound } from 'lucide-react';
import { useIntl } from 'react-intl';

import type { Card, Contact } from '@/api/contacts';
import { useHint } from '@/keys/commands';
import { Button, IconButton, Menu, type MenuEntry } from '@/parts';
import { useRoom } from '@/shell/layout';

import { usePlace } from './address';
import { CardHeader } from './CardHeader';
import { Face } from './Face';
import { emailsOf, groupsOf, nameOf, workOf } from './people';
import { PersonLines } from './PersonLines';
import { exportCards } from './transfer';
import { useActs } from './use-acts';

export function PersonView({
  card,
  groups,
  onRemove,
}: {
  card: Card;
  groups: readonly Contact[];
  onRemove: () => void;
}) {
  const intl = useIntl();
  const { goTo, goToGroup } = usePlace();
  const acts = useActs();
  const room = useRoom();
  const remove = useHint('delete');
  const t = (id: string) => intl.formatMessage({ id: `people.${id}` });
  const name = nameOf(card) || t('nameless');
  const work = workOf(card);
  const nicknames = Object.values(card.nicknames ?? {}).map((each) => each.name);
  const emails = emailsOf(card);
  const inside = groupsOf(card, groups);
  const Heading = room === 'phone' ? 'h1' : 'h2';
  const membership: MenuEntry[] = groups.map((group) => {
    const member = inside.includes(group);
    return {
      label: nameOf(group),
      checked: member,
      run: () => void acts.setMember(group, card, !member),
    };
  });
  return (
    <>
      <CardHeader>
        <Button icon={<Pencil size={16} />} onClick={() => goTo(card.id, { edit: true })}>
          {t('edit')}
        </Button>
        <IconButton
          label={t('delete')}
          hint={remove}
          icon={<Trash2 size={18} />}
          onClick={onRemove}
        />
        <Menu
          align="end"
          trigger={
            <IconButton label={intl.formatMessage({ id: 'more' })} icon={<Ellipsis size={18} />} />
          }
          entries={[
            ...membership,
            ...(membership.length > 0 ? (['line'] as const) : []),
            {
              label: t('export.one'),
              icon: <Download size={16} />,
              run: () => exportCards([card.id]),
            },
          ]}
        />
      </CardHeader>
      <div className="min-h-0 flex-1 overflow-y-auto" tabIndex={0} role="group" aria-label={name}>
        <div className="mx-auto flex max-w-2xl flex-col gap-5 px-5 pt-6 pb-10">
          <div className="flex flex-wrap items-center gap-x-5 gap-y-3">
            <Face contact={card} size={88} />
            <div className="min-w-0 flex-1 basis-48 wrap-anywhere">
              <Heading dir="auto" className="text-xl leading-snug font-semibold">
                {name}
              </Heading>
              {nicknames.length > 0 && (
                <p dir="auto" className="text-muted">
                  {intl.formatList(nicknames.map((each) => `“${each}”`))}
                </p>
              )}
              {work !== '' && work !== name && <p dir="auto">{work}</p>}
              {inside.length > 0 && (
                <ul aria-label={t('groups')} className="mt-1.5 flex flex-wrap gap-1.5">
                  {inside.map((group) => (
                    <li key={group.id}>
                      <button
                        type="button"
                        className="inline-flex min-h-6 items-center gap-1 rounded-full bg-sunken px-2.5 text-sm hover:bg-hover touch:min-h-11"
                        onClick={() => goToGroup(group.id)}
                      >
                        <UsersRound size={13} className="text-muted" aria-hidden />
                        <bdi>{nameOf(group)}</bdi>
                      </button>
                    </li>
                  ))}
                </ul>
              )}
            </div>
          </div>
          {emails.length > 0 && (
            <div className="flex flex-wrap gap-2">
              <Button kind="primary" icon={<Mail size={16} />} onClick={() => acts.write([card])}>
                {t('write')}
              </Button>
              <Link
                to="/search"
                search={{
                  q: emails
                    .flatMap(({ address }) => [`from:${address}`, `to:${address}`])
                    .join(' OR '),
                }}
                className="inline-flex h-9 items-center gap-2 rounded-lg border border-line bg-surface px-3.5 hover:bg-hover touch:h-11 dark:bg-raised"
              >
                <MailSearch size={16} aria-hidden />
                {t('mail-with')}
              </Link>
            </div>
          )}
          <PersonLines card={card} />
        </div>
      </div>
    </>
  );
}
