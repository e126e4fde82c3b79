import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useIntl } from 'react-intl';

import { queryClient } from '@/api/cache';
import { jmap, throwSetError } from '@/api/jmap';
import type { GetResponse, SetResponse } from '@/api/types';
import { Button, Field, Switch, TextArea, toast } from '@/parts';
import { Loaded } from '@/parts/Loaded';
import { Section } from '@/parts/Section';
import { useWork } from '@/parts/use-work';

import { fromLocal, toLocal } from './local-time';

/** RFC 8621 §8. */
interface VacationResponse {
  id: 'singleton';
  isEnabled: boolean;
  fromDate: string | null;
  toDate: string | null;
  subject: string | null;
  textBody: string | null;
  htmlBody: string | null;
}

const KEY = ['settings-page', 'vacation'];

/** An answer to who writes while one is away. */
export function VacationPage() {
  const intl = useIntl();
  const query = useQuery({
    queryKey: KEY,
    queryFn: async () => {
      const answer = await jmap<GetResponse<VacationResponse>>('VacationResponse/get', {
        ids: null,
      });
      return answer.list[0] ?? null;
    },
    staleTime: 0,
    // A form is not filled anew under somebody's hands.
    refetchOnMount: 'always',
    gcTime: 0,
  });
  return (
    <Section
      title={intl.formatMessage({ id: 'settings.vacation.title' })}
      text={intl.formatMessage({ id: 'settings.vacation.text' })}
    >
      <Loaded query={query}>{(found) => found && <Form found={found} />}</Loaded>
    </Section>
  );
}

function Form({ found }: { found: VacationResponse }) {
  const intl = useIntl();
  const t = (id: string) => intl.formatMessage({ id: `settings.vacation.${id}` });
  const [on, setOn] = useState(found.isEnabled);
  const [from, setFrom] = useState(toLocal(found.fromDate));
  const [to, setTo] = useState(toLocal(found.toDate));
  const [subject, setSubject] = useState(found.subject ?? '');
  const [body, setBody] = useState(found.textBody ?? '');
  const work = useWork(['fromDate', 'toDate', 'subject', 'textBody']);
  const save = () => {
    if (from && to && from >= to) {
      work.refuse({ toDate: t('order') });
      return;
    }
    if (on && body.trim() === '') {
      work.refuse({ textBody: intl.formatMessage({ id: 'field.required' }) });
      return;
    }
    const change: Partial<VacationResponse> = {
      isEnabled: on,
      fromDate: fromLocal(from),
      toDate: fromLocal(to),
      subject: subject.trim() || null,
      textBody: body || null,
      // What was written here replaces an answer in HTML that another program made.
      ...(body === (found.textBody ?? '') ? {} : { htmlBody: null }),
    };
    void work
      .run(async () => {
        const answer = await jmap<SetResponse>('VacationResponse/set', {
          update: { singleton: change },
        });
        throwSetError(answer.notUpdated);
        queryClient.setQueryData(KEY, { ...found, ...change });
      })
      .then((done) => done && toast(t(on ? 'saved.on' : 'saved.off')));
  };
  return (
    <form
      noValidate
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      <Switch label={t('on')} text={t('on.text')} checked={on} onChange={setOn} />
      <div className="grid gap-4 *:min-w-0 sm:grid-cols-2">
        <Field
          label={t('from')}
          type="datetime-local"
          className="min-w-0"
          value={from}
          error={work.fields['fromDate']}
          onChange={(event) => setFrom(event.target.value)}
        />
        <Field
          label={t('to')}
          type="datetime-local"
          className="min-w-0"
          value={to}
          error={work.fields['toDate']}
          onChange={(event) => setTo(event.target.value)}
        />
      </div>
      <Field
        label={t('subject')}
        text={t('subject.text')}
        dir="auto"
        maxLength={500}
        value={subject}
        error={work.fields['subject']}
        onChange={(event) => setSubject(event.target.value)}
      />
      <TextArea
        label={t('body')}
        rows={8}
        dir="auto"
        value={body}
        error={work.fields['textBody']}
        onChange={(event) => setBody(event.target.value)}
      />
      <p role="alert" className="text-sm text-danger empty:hidden">
        {work.error}
      </p>
      <div>
        <Button kind="primary" type="submit" busy={work.busy}>
          {intl.formatMessage({ id: 'save' })}
        </Button>
      </div>
    </form>
  );
}
