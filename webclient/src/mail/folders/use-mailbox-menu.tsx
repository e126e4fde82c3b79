import { useNavigate } from '@tanstack/react-router';
import {
  Eye,
  EyeOff,
  FolderPlus,
  FolderTree,
  MailOpen,
  Palette,
  Pencil,
  Trash2,
} from 'lucide-react';
import { useCallback } from 'react';
import { useIntl } from 'react-intl';

import { createMailbox, destroyMailbox, mailboxes, updateMailbox } from '@/api/mailboxes';
import { settings } from '@/api/settings';
import type { Mailbox } from '@/api/types';
import { COLOURS, inColour, setColour } from '@/mail/labels/colours';
import { useActions } from '@/mail/use-actions';
import { ask, confirm, errorText, type MenuEntry, toast } from '@/parts';
import { mailboxName } from '@/text/mailbox-name';

/** Asks for a name and creates a folder. */
export function useCreateMailbox(): (parent: Mailbox | null) => Promise<void> {
  const intl = useIntl();
  return useCallback(
    async (parent) => {
      const name = await ask({
        title: intl.formatMessage(
          { id: parent ? 'folder.new-inside' : 'folder.new' },
          { name: parent ? mailboxName(intl, parent) : '' },
        ),
        confirm: intl.formatMessage({ id: 'folder.create' }),
        input: { label: intl.formatMessage({ id: 'folder.name' }), value: '' },
      });
      if (name === null) return;
      try {
        await createMailbox({ name, parentId: parent?.id ?? null, isSubscribed: true });
      } catch (error) {
        toast(errorText(intl, error), { kind: 'error' });
      }
    },
    [intl],
  );
}

/** Own mailboxes that it can be put into: not itself, nor what is below it. */
function parentsFor(box: Mailbox, boxes: readonly Mailbox[]): Mailbox[] {
  const below = (other: Mailbox | undefined): boolean =>
    other !== undefined &&
    (other.id === box.id || below(boxes.find((each) => each.id === other.parentId)));
  return boxes.filter((other) => other.role === null && !below(other)).slice(0, 100);
}

/** What can be done to a mailbox. */
export function useMailboxMenu(): (box: Mailbox) => MenuEntry[] {
  const intl = useIntl();
  const navigate = useNavigate();
  const create = useCreateMailbox();
  const { act, destroy } = useActions();
  return useCallback(
    (box) => {
      const t = (id: string, values?: Record<string, string | number>) =>
        intl.formatMessage({ id }, values);
      const name = mailboxName(intl, box);
      const tried = (work: Promise<unknown>) => {
        work.catch((error: unknown) => toast(errorText(intl, error), { kind: 'error' }));
      };
      const all = { all: { inMailbox: box.id }, count: box.totalEmails };
      const scope = { kind: 'mailbox', mailbox: box } as const;
      const rename = async () => {
        const next = await ask({
          title: t('folder.rename.title', { name }),
          confirm: t('folder.rename'),
          input: { label: t('folder.name'), value: box.name },
        });
        if (next !== null && next !== box.name) await updateMailbox(box.id, { name: next });
      };
      const remove = async () => {
        const yes = await confirm({
          title: t('folder.delete.title', { name }),
          text: t('folder.delete.text', { count: box.totalEmails }),
          confirm: t('folder.delete'),
          danger: true,
        });
        if (!yes) return;
        await destroyMailbox(box.id, true);
        if (box.id in settings().labelColours) tried(setColour(box.id, undefined));
        await navigate({ to: '/mail/$mailbox', params: { mailbox: 'inbox' } });
      };
      const may = (right: string) => box.myRights[right] !== false;
      return [
        {
          label: t('folder.read-all'),
          icon: <MailOpen size={16} />,
          disabled: box.unreadEmails === 0,
          run: () =>
            void act(
              { kind: 'read' },
              {
                all: {
                  operator: 'AND',
                  conditions: [{ inMailbox: box.id }, { notKeyword: '$seen' }],
                },
                count: box.unreadEmails,
              },
              scope,
            ),
        },
        ...(box.role === 'trash' || box.role === 'junk'
          ? [
              {
                label: t(box.role === 'trash' ? 'folder.empty-trash' : 'folder.empty-spam'),
                icon: <Trash2 size={16} />,
                danger: true,
                disabled: box.totalEmails === 0,
                run: () => void destroy(all, scope),
              },
            ]
          : []),
        'line',
        {
          label: t('folder.new-inside.short'),
          icon: <FolderPlus size={16} />,
          disabled: !may('mayCreateChild'),
          run: () => void create(box),
        },
        ...(box.role === null
          ? [
              {
                label: t('folder.colour'),
                icon: <Palette size={16} />,
                entries: [
                  ...COLOURS.map((colour) => ({
                    label: t(`colour.${colour}`),
                    icon: <span className="label-dot" style={inColour(colour)} />,
                    run: () => tried(setColour(box.id, colour)),
                  })),
                  {
                    label: t('folder.colour.none'),
                    run: () => tried(setColour(box.id, undefined)),
                  },
                ],
              },
              {
                label: t('folder.into'),
                icon: <FolderTree size={16} />,
                entries: [
                  {
                    label: t('folder.top'),
                    disabled: box.parentId === null,
                    run: () => tried(updateMailbox(box.id, { parentId: null })),
                  },
                  'line' as const,
                  ...parentsFor(box, mailboxes()).map((parent) => ({
                    label: mailboxName(intl, parent),
                    disabled: box.parentId === parent.id,
                    run: () => tried(updateMailbox(box.id, { parentId: parent.id })),
                  })),
                ],
              },
            ]
          : []),
        {
          label: t(box.isSubscribed ? 'folder.unsubscribe' : 'folder.subscribe'),
          icon: box.isSubscribed ? <EyeOff size={16} /> : <Eye size={16} />,
          disabled: box.role === 'inbox',
          run: () => tried(updateMailbox(box.id, { isSubscribed: !box.isSubscribed })),
        },
        {
          label: t('folder.rename'),
          icon: <Pencil size={16} />,
          disabled: box.role !== null || !may('mayRename'),
          run: () => tried(rename()),
        },
        {
          label: t('folder.delete'),
          icon: <Trash2 size={16} />,
          danger: true,
          disabled: box.role !== null || !may('mayDelete'),
          run: () => tried(remove()),
        },
      ];
    },
    [act, create, destroy, intl, navigate],
  );
}
