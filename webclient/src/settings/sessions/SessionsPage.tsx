import { useQuery } from '@tanstack/react-query';
import { CircleAlert, CircleCheck, LogOut, Monitor, Smartphone } from 'lucide-react';
import { useState } from 'react';
import { useIntl } from 'react-intl';

import { queryClient } from '@/api/cache';
import { apiV1 } from '@/api/v1';
import { Button, confirm, errorText, IconButton, toast } from '@/parts';
import { Loaded } from '@/parts/Loaded';
import { Badge, Row, Rows, Section } from '@/parts/Section';
import { mediumDate } from '@/text/dates';

import { deviceOf } from './device';

interface SessionInfo {
  id: string;
  current: boolean;
  created: string;
  seen: string;
  expires: string;
  address: string;
  agent: string;
  secondFactor: boolean;
}

interface HistoryEntry {
  at: string;
  address: string;
  agent: string;
  service: string;
  how: string;
  success: boolean;
}

const SESSIONS = ['settings-page', 'sessions'];
const PAGE = 20;
const MOST = 1000;

/** Where one is signed in, and who tried to. */
export function SessionsPage() {
  return (
    <>
      <SessionsSection />
      <HistorySection />
    </>
  );
}

function useDeviceName() {
  const intl = useIntl();
  return (agent: string) => {
    const { browser, system } = deviceOf(agent);
    return (
      [browser, system].filter(Boolean).join(', ') ||
      agent.slice(0, 60) ||
      intl.formatMessage({ id: 'settings.sessions.unknown' })
    );
  };
}

function SessionsSection() {
  const intl = useIntl();
  const deviceName = useDeviceName();
  const t = (id: string) => intl.formatMessage({ id: `settings.sessions.${id}` });
  const query = useQuery({
    queryKey: SESSIONS,
    queryFn: async ({ signal }) =>
      (await apiV1<{ sessions: SessionInfo[] }>('GET', '/sessions', { signal })).sessions,
    staleTime: 0,
  });
  const run = async (work: () => Promise<unknown>) => {
    try {
      await work();
    } catch (error) {
      toast(errorText(intl, error), { kind: 'error' });
    }
    await queryClient.invalidateQueries({ queryKey: SESSIONS });
  };
  const endOthers = async () => {
    const yes = await confirm({
      title: t('end-others'),
      text: t('end-others.text'),
      confirm: t('end-others'),
      danger: true,
    });
    if (!yes) return;
    await run(async () => {
      const { ended } = await apiV1<{ ended: number }>('DELETE', '/sessions');
      toast(intl.formatMessage({ id: 'settings.sessions.ended' }, { count: ended }));
    });
  };
  const others = query.data?.some((each) => !each.current) ?? false;
  return (
    <Section
      bare
      title={t('title')}
      text={t('text')}
      actions={
        <Button icon={<LogOut size={16} />} disabled={!others} onClick={() => void endOthers()}>
          {t('end-others')}
        </Button>
      }
    >
      <Loaded query={query}>
        {(sessions) => (
          <Rows label={t('title')}>
            {sessions.map((each) => {
              const name = deviceName(each.agent);
              return (
                <Row
                  key={each.id}
                  icon={
                    deviceOf(each.agent).phone ? <Smartphone size={18} /> : <Monitor size={18} />
                  }
                  title={name}
                  badges={
                    <>
                      {each.current && <Badge tone="good">{t('current')}</Badge>}
                      {each.secondFactor && <Badge>{t('second-factor')}</Badge>}
                    </>
                  }
                  text={intl.formatMessage(
                    { id: 'settings.sessions.about' },
                    {
                      address: each.address,
                      created: mediumDate(intl.locale, each.created),
                      seen: mediumDate(intl.locale, each.seen),
                    },
                  )}
                  actions={
                    !each.current && (
                      <IconButton
                        label={`${t('end')}: ${name}`}
                        icon={<LogOut size={16} />}
                        onClick={() =>
                          void run(() =>
                            apiV1('DELETE', `/sessions/${encodeURIComponent(each.id)}`),
                          )
                        }
                      />
                    )
                  }
                />
              );
            })}
          </Rows>
        )}
      </Loaded>
    </Section>
  );
}

function HistorySection() {
  const intl = useIntl();
  const deviceName = useDeviceName();
  const [limit, setLimit] = useState(PAGE);
  const t = (id: string) => intl.formatMessage({ id: `settings.history.${id}` });
  const howText = (how: string) => {
    const [kind = '', name = ''] = how.split(/:(.*)/s);
    return intl.formatMessage(
      { id: 'settings.history.how' },
      { kind: kind === 'app-password' ? 'app' : kind, name },
    );
  };
  const query = useQuery({
    queryKey: ['settings-page', 'sign-ins', limit],
    queryFn: async ({ signal }) =>
      (
        await apiV1<{ entries: HistoryEntry[] }>('GET', '/sign-ins', {
          query: { limit },
          signal,
        })
      ).entries,
    staleTime: 0,
    placeholderData: (before) => before,
  });
  return (
    <Section bare title={t('title')} text={t('text')}>
      <Loaded query={query}>
        {(entries) => (
          <>
            <Rows label={t('title')}>
              {entries.length === 0 && <Row title={t('none')} />}
              {entries.map((each, at) => (
                <Row
                  key={`${each.at} ${at}`}
                  icon={
                    each.success ? (
                      <CircleCheck size={18} className="text-success" />
                    ) : (
                      <CircleAlert size={18} className="text-danger" />
                    )
                  }
                  title={intl.formatMessage(
                    { id: 'settings.history.entry' },
                    { success: each.success ? 'yes' : 'no', service: each.service.toUpperCase() },
                  )}
                  badges={<Badge tone={each.success ? 'plain' : 'bad'}>{howText(each.how)}</Badge>}
                  text={intl.formatList(
                    [
                      mediumDate(intl.locale, each.at),
                      each.address,
                      ...(each.agent === '' ? [] : [deviceName(each.agent)]),
                    ],
                    { type: 'unit' },
                  )}
                />
              ))}
            </Rows>
            {entries.length >= limit && limit < MOST && (
              <Button
                className="mt-3 self-start"
                onClick={() => setLimit(Math.min(MOST, limit * 4))}
              >
                {intl.formatMessage({ id: 'show-more' })}
              </Button>
            )}
          </>
        )}
      </Loaded>
    </Section>
  );
}
