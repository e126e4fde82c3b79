import { CirclePause, RefreshCw, Send, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useIntl } from 'react-intl';

import { Button, confirm, IconButton } from '@/parts';
import { Badge, Row, Rows, Section } from '@/parts/Section';
import { mediumDate, size } from '@/text/dates';

import { Pages, usePages } from '../pages';
import { useAct } from '../use-act';
import { dropItem, holdItem, listQueue, type QueueItem, retryItem } from './queue';
import { QueueDialog } from './QueueDialog';

const EVERY = 10_000;

/** Mail on its way out: why it waits, and what can be done about it. */
export function QueuePage() {
  const intl = useIntl();
  const act = useAct();
  const [open, setOpen] = useState<string | null>(null);
  const t = (id: string) => intl.formatMessage({ id: `admin.queue.${id}` });
  const query = usePages(['queue'], (after, signal) => listQueue(true, after, signal), EVERY);
  const drop = async (item: QueueItem) => {
    const yes = await confirm({
      title: t('drop'),
      text: intl.formatMessage(
        { id: 'admin.queue.drop.text' },
        { sender: item.sender || '<>', destination: item.destination },
      ),
      confirm: t('drop'),
      danger: true,
    });
    if (yes) await act(() => dropItem(item.id));
  };
  return (
    <Section
      bare
      title={t('title')}
      text={t('text')}
      actions={
        <Button
          icon={<RefreshCw size={16} />}
          busy={query.isRefetching}
          onClick={() => void query.refetch()}
        >
          {t('refresh')}
        </Button>
      }
    >
      <Pages query={query}>
        {(items) => (
          <Rows label={t('title')}>
            {items.length === 0 && <Row title={t('none')} />}
            {items.map((each) => (
              <Row
                key={each.id}
                icon={<Send size={18} />}
                title={
                  <button
                    type="button"
                    className="text-start underline-offset-2 hover:underline touch:min-h-11"
                    onClick={() => setOpen(each.id)}
                  >
                    {intl.formatMessage(
                      { id: 'admin.queue.item' },
                      { sender: each.sender || '<>', destination: each.destination },
                    )}
                  </button>
                }
                badges={
                  <>
                    {each.held && <Badge tone="warn">{t('held')}</Badge>}
                    {each.attempts > 0 && (
                      <Badge tone={each.lastError ? 'bad' : 'plain'}>
                        {intl.formatMessage(
                          { id: 'admin.queue.attempts' },
                          { count: each.attempts },
                        )}
                      </Badge>
                    )}
                  </>
                }
                text={
                  <>
                    {intl.formatMessage(
                      { id: 'admin.queue.about' },
                      {
                        count: each.recipients,
                        size: size(intl.locale, each.size),
                        created: mediumDate(intl.locale, each.created),
                        due: mediumDate(intl.locale, each.due),
                      },
                    )}
                    {each.lastError && (
                      <p dir="auto" className="line-clamp-3 text-danger">
                        {each.lastError}
                      </p>
                    )}
                  </>
                }
                actions={
                  <>
                    <IconButton
                      label={t('retry')}
                      icon={<RefreshCw size={16} />}
                      onClick={() => void act(() => retryItem(each.id), t('retried'))}
                    />
                    <IconButton
                      label={t('hold')}
                      icon={<CirclePause size={17} />}
                      disabled={each.held}
                      onClick={() => void act(() => holdItem(each.id))}
                    />
                    <IconButton
                      label={t('drop')}
                      icon={<Trash2 size={16} />}
                      onClick={() => void drop(each)}
                    />
                  </>
                }
              />
            ))}
          </Rows>
        )}
      </Pages>
      {open !== null && <QueueDialog id={open} onClose={() => setOpen(null)} />}
    </Section>
  );
}
