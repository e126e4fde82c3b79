// Sets of cards that may be of one person; those that are chosen become one each.
import { useMemo, useState } from 'react';
import { useIntl } from 'react-intl';

import type { Contact } from '@/api/contacts';
import { Button, Dialog, errorText, toast } from '@/parts';
import { useWork } from '@/parts/use-work';

import { duplicates, mergeSets } from './merge';
import { emailsOf, nameOf } from './people';

const MOST = 100;

export function MergeDialog({ all, onClose }: { all: readonly Contact[]; onClose: () => void }) {
  const intl = useIntl();
  const work = useWork();
  const t = (id: string) => intl.formatMessage({ id: `people.merge${id}` });
  const [first] = useState(all);
  const sets = useMemo(() => duplicates(first).slice(0, MOST), [first]);
  const [off, setOff] = useState<ReadonlySet<number>>(new Set());
  const chosen = sets.filter((_, at) => !off.has(at));
  const run = async () => {
    const done = await work.run(async () => {
      const back = await mergeSets(chosen, all);
      toast(intl.formatMessage({ id: 'people.merge.done' }, { count: chosen.length }), {
        action: {
          label: intl.formatMessage({ id: 'undo' }),
          run: () =>
            void back().catch((error: unknown) => toast(errorText(intl, error), { kind: 'error' })),
        },
      });
    });
    if (done) onClose();
  };
  return (
    <Dialog
      open
      onClose={onClose}
      title={t('')}
      text={t(sets.length === 0 ? '.none' : '.text')}
      actions={
        <>
          <Button onClick={onClose}>
            {intl.formatMessage({ id: sets.length === 0 ? 'close' : 'cancel' })}
          </Button>
          {sets.length > 0 && (
            <Button
              kind="primary"
              busy={work.busy}
              disabled={chosen.length === 0}
              onClick={() => void run()}
            >
              {intl.formatMessage({ id: 'people.merge.run' }, { count: chosen.length })}
            </Button>
          )}
        </>
      }
    >
      {work.error !== '' && (
        <p role="alert" className="pb-2 text-danger">
          {work.error}
        </p>
      )}
      <ul className="flex flex-col divide-y divide-line">
        {sets.map((set, at) => (
          <li key={set[0]?.id ?? at}>
            <label className="flex min-h-12 items-start gap-3 py-2">
              <input
                type="checkbox"
                className="mt-1 size-4.5 shrink-0 accent-accent"
                checked={!off.has(at)}
                onChange={(event) => {
                  const next = new Set(off);
                  if (event.target.checked) next.delete(at);
                  else next.add(at);
                  setOff(next);
                }}
              />
              <span className="min-w-0 flex-1 wrap-anywhere">
                {set.map((each) => (
                  <span key={each.id} className="block">
                    <bdi className="font-medium">{nameOf(each)}</bdi>{' '}
                    <bdi className="text-sm text-muted">{emailsOf(each)[0]?.address}</bdi>
                  </span>
                ))}
              </span>
            </label>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
