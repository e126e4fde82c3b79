// What became of a message that was sent: each step as the server stored it, live.
import { useQuery } from '@tanstack/react-query';
import { CircleAlert, CircleCheck, CircleDot, Clock } from 'lucide-react';
import { useEffect } from 'react';
import { useIntl } from 'react-intl';

import { queryClient, queryKeys } from '@/api/cache';
import { Problem } from '@/api/problems';
import { whenStateMoves } from '@/api/sync';
import type { Id } from '@/api/types';
import { apiV1 } from '@/api/v1';
import { cx } from '@/parts';
import { mediumDate } from '@/text/dates';

interface Step {
  at: string;
  stage: string;
  recipient: string;
  detail: Record<string, string>;
}

const GOOD = new Set(['delivered', 'sent']);
const BAD = new Set(['failed', 'dropped']);
const WAITING = new Set(['deferred', 'held', 'queued']);

export function Timeline({ emailId }: { emailId: Id }) {
  const intl = useIntl();
  const { data } = useQuery({
    queryKey: queryKeys.timeline(emailId),
    queryFn: async () => {
      try {
        return (
          await apiV1<{ steps: Step[] }>('GET', `/emails/${encodeURIComponent(emailId)}/timeline`)
        ).steps;
      } catch (error) {
        if (error instanceof Problem && error.status === 404) return [];
        throw error;
      }
    },
    staleTime: 0,
    refetchInterval: (query) => (settled(query.state.data ?? []) ? false : 10_000),
  });
  useEffect(
    () =>
      whenStateMoves(['EmailSubmission', 'Email'], () => {
        void queryClient.invalidateQueries({ queryKey: queryKeys.timeline(emailId) });
      }),
    [emailId],
  );
  if (!data || data.length === 0) return null;
  const last = data.at(-1);
  return (
    <details className="mx-5 mb-3 rounded-xl border border-line px-3 py-2 print:hidden">
      <summary className="flex min-h-7 items-center gap-2 text-sm [&::-webkit-details-marker]:hidden">
        {last && <StageIcon stage={last.stage} />}
        <span className="font-medium">{intl.formatMessage({ id: 'timeline' })}</span>
        <span className="text-muted">{last && stageText(intl.messages, last.stage)}</span>
      </summary>
      <ol className="mt-2 flex flex-col gap-2 border-s border-line ps-3 text-sm">
        {data.map((step, at) => (
          <li key={at}>
            <span className="flex flex-wrap items-baseline gap-x-2">
              <span className={cx('font-medium', BAD.has(step.stage) && 'text-danger')}>
                {stageText(intl.messages, step.stage)}
              </span>
              {step.recipient && <bdi className="text-muted">{step.recipient}</bdi>}
              <time dateTime={step.at} className="text-xs text-muted">
                {mediumDate(intl.locale, step.at)}
              </time>
            </span>
            {Object.entries(step.detail).map(([name, value]) => (
              <span key={name} className="block text-xs wrap-anywhere text-muted">
                {name.replaceAll('_', ' ')}: <bdi>{value}</bdi>
              </span>
            ))}
          </li>
        ))}
      </ol>
    </details>
  );
}

function stageText(messages: Record<string, unknown>, stage: string): string {
  const found = messages[`stage.${stage}`];
  return typeof found === 'string' ? found : stage;
}

/** Every recipient has come to an end. */
function settled(steps: readonly Step[]): boolean {
  const open = new Set(steps.flatMap((step) => (step.recipient ? [step.recipient] : [])));
  for (const step of steps)
    if (GOOD.has(step.stage) || BAD.has(step.stage)) open.delete(step.recipient);
  return steps.length > 0 && open.size === 0;
}

function StageIcon({ stage }: { stage: string }) {
  if (GOOD.has(stage)) return <CircleCheck size={16} className="text-success" aria-hidden />;
  if (BAD.has(stage)) return <CircleAlert size={16} className="text-danger" aria-hidden />;
  if (WAITING.has(stage)) return <Clock size={16} className="text-warn" aria-hidden />;
  return <CircleDot size={16} className="text-muted" aria-hidden />;
}
