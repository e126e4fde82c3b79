import { useIntl } from 'react-intl';

import { Dialog } from '@/parts';
import { Loaded } from '@/parts/Loaded';
import { Badge } from '@/parts/Section';
import { mediumDate } from '@/text/dates';

import { type QueueItemDetail, type Step, useQueueItem } from './queue';

const TONES = { pending: 'warn', delivered: 'good', failed: 'bad', dropped: 'bad' } as const;

/** One item of the queue: what became of each recipient, and its way so far. */
export function QueueDialog({ id, onClose }: { id: string; onClose: () => void }) {
  const intl = useIntl();
  const query = useQueueItem(id);
  return (
    <Dialog
      open
      wide
      onClose={onClose}
      title={intl.formatMessage({ id: 'admin.queue.about-item' }, { id })}
    >
      <Loaded query={query} lines={8}>
        {(item) => <Details item={item} />}
      </Loaded>
    </Dialog>
  );
}

function Details({ item }: { item: QueueItemDetail }) {
  const intl = useIntl();
  const t = (id: string) => intl.formatMessage({ id: `admin.queue.${id}` });
  return (
    <div className="flex flex-col gap-5">
      <p className="text-sm text-muted wrap-anywhere">
        {intl.formatMessage({ id: 'admin.queue.trace' }, { trace: item.trace })}
      </p>
      <section>
        <h3 className="mb-1.5 font-semibold">{t('recipients')}</h3>
        <ul className="flex flex-col gap-2">
          {item.to.map((each) => (
            <li key={each.address}>
              <p className="flex flex-wrap items-center gap-2">
                <bdi className="wrap-anywhere">{each.address}</bdi>
                <Badge tone={TONES[each.outcome]}>{t(`outcome.${each.outcome}`)}</Badge>
              </p>
              {(each.host || each.reply) && (
                <p className="text-sm text-muted wrap-anywhere" dir="auto">
                  {[each.host, each.reply].filter(Boolean).join(': ')}
                </p>
              )}
            </li>
          ))}
        </ul>
      </section>
      <section>
        <h3 className="mb-1.5 font-semibold">{intl.formatMessage({ id: 'timeline' })}</h3>
        <ol className="flex flex-col gap-2 border-s border-line ps-3 text-sm">
          {item.timeline.map((step, at) => (
            <Line key={at} step={step} />
          ))}
        </ol>
      </section>
    </div>
  );
}

function Line({ step }: { step: Step }) {
  const intl = useIntl();
  const id = `stage.${step.stage}`;
  return (
    <li>
      <span className="flex flex-wrap items-baseline gap-x-2">
        <span className="font-medium">
          {id in intl.messages ? intl.formatMessage({ id }) : step.stage}
        </span>
        {step.recipient && <bdi className="text-muted">{step.recipient}</bdi>}
        <time dateTime={step.at} className="text-xs text-muted">
          {mediumDate(intl.locale, step.at)}
        </time>
      </span>
      {Object.entries(step.detail)
        .filter(([, value]) => value !== '')
        .map(([name, value]) => (
          <span key={name} className="block text-xs wrap-anywhere text-muted">
            {name.replaceAll('_', ' ')}: <bdi>{value}</bdi>
          </span>
        ))}
    </li>
  );
}
