import { Pencil, Send, Trash2, UsersRound } from 'lucide-react';
import { useIntl } from 'react-intl';

import type { Card, Contact } from '@/api/contacts';
import { Button, EmptyState, IconButton } from '@/parts';

import { usePlace } from './address';
import { CardHeader } from './CardHeader';
import { Face } from './Face';
import { emailsOf, inOrder, membersOf, nameOf } from './people';
import { useActs } from './use-acts';

/** Who is in a group. */
export function GroupView({
  group,
  all,
  onRemove,
}: {
  group: Card;
  all: readonly Contact[];
  onRemove: () => void;
}) {
  const intl = useIntl();
  const { goTo } = usePlace();
  const acts = useActs();
  const t = (id: string) => intl.formatMessage({ id: `people.${id}` });
  const name = nameOf(group) || t('nameless');
  const members = inOrder(membersOf(group, all), intl.locale);
  return (
    <>
      <CardHeader title={name}>
        <Button icon={<Pencil size={16} />} onClick={() => goTo(group.id, { edit: true })}>
          {t('edit')}
        </Button>
        <IconButton label={t('group.delete')} icon={<Trash2 size={18} />} onClick={onRemove} />
      </CardHeader>
      <div
        className="min-h-0 flex-1 overflow-y-auto p-5"
        tabIndex={0}
        role="group"
        aria-label={name}
      >
        {members.length === 0 ? (
          <EmptyState
            icon={<UsersRound size={26} />}
            title={t('group.empty')}
            text={t('group.empty.text')}
          />
        ) : (
          <>
            <Button kind="primary" icon={<Send size={16} />} onClick={() => acts.write(members)}>
              {t('group.write')}
            </Button>
            <ul aria-label={t('group.members')} className="mt-4 flex flex-col">
              {members.map((each) => (
                <li key={each.id}>
                  <button
                    type="button"
                    className="flex min-h-12 w-full items-center gap-3 rounded-lg px-2 text-start hover:bg-hover"
                    onClick={() => goTo(each.id)}
                  >
                    <Face contact={each} size={32} />
                    <bdi className="min-w-0 truncate font-medium">{nameOf(each)}</bdi>
                    <bdi className="min-w-0 truncate text-sm text-muted">
                      {emailsOf(each)[0]?.address}
                    </bdi>
                  </button>
                </li>
              ))}
            </ul>
          </>
        )}
      </div>
    </>
  );
}
