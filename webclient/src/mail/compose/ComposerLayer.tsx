// All open composers: side by side on a desk, one at a time elsewhere.
import { lazy, Suspense, useEffect, useState, useSyncExternalStore } from 'react';
import { useIntl } from 'react-intl';

import { HoldKeys } from '@/keys/HoldKeys';
import { Button, errorText, Loading } from '@/parts';
import { useRoom } from '@/shell/layout';

import { begin, type Begun } from './begin';
import { Composer } from './Composer';
import { ComposerFrame } from './ComposerFrame';
import { closeComposer, type OpenComposer, useComposers } from './store';

const ScheduledList = lazy(() =>
  import('./ScheduledList').then((module) => ({ default: module.ScheduledList })),
);

const WIDTH = 590;

function subscribe(changed: () => void): () => void {
  window.addEventListener('resize', changed);
  return () => window.removeEventListener('resize', changed);
}

export function ComposerLayer() {
  const { open, front } = useComposers();
  const room = useRoom();
  const fits = useSyncExternalStore(subscribe, () =>
    Math.max(1, Math.floor(window.innerWidth / WIDTH)),
  );
  const writing = open.filter((each) => each.intent.kind !== 'scheduled');
  // The newest, and the one in front, stay open; older ones are folded when there is no room.
  const places = room === 'desk' ? Math.min(fits, 3) : 1;
  const ranked = [...writing].sort(
    (a, b) => Number(b.key === front) - Number(a.key === front) || b.key - a.key,
  );
  const unfolded = new Set(ranked.filter((each) => each.size !== 'folded').slice(0, places));
  return (
    <>
      <div className="pointer-events-none fixed inset-x-0 bottom-0 z-30 flex items-end justify-end gap-3 px-4 print:hidden">
        {writing.map((each) => (
          <Opened
            key={each.key}
            composer={
              unfolded.has(each) || each.size === 'folded' ? each : { ...each, size: 'folded' }
            }
          />
        ))}
      </div>
      {open
        .filter((each) => each.intent.kind === 'scheduled')
        .slice(0, 1)
        .map((each) => (
          <Suspense key={each.key} fallback={null}>
            <ScheduledList onClose={() => closeComposer(each.key)} />
          </Suspense>
        ))}
    </>
  );
}

function Opened({ composer }: { composer: OpenComposer }) {
  const intl = useIntl();
  const [begun, setBegun] = useState<Begun | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [attempt, setAttempt] = useState(0);
  const { intent, key } = composer;
  useEffect(() => {
    let current = true;
    begin(intent, intl).then(
      (value) => current && setBegun(value),
      (failure: unknown) => current && setError(failure),
    );
    return () => {
      current = false;
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- once: another language does not begin anew
  }, [intent, attempt]);
  if (begun) return <Composer composer={composer} begun={begun} />;
  return (
    <ComposerFrame
      composer={composer}
      title={intl.formatMessage({ id: 'compose.new' })}
      onClose={() => closeComposer(key)}
    >
      {error === null ? (
        <HoldKeys>
          <Loading lines={5} />
        </HoldKeys>
      ) : (
        <div role="alert" className="flex flex-col items-start gap-3 p-4">
          <p>{errorText(intl, error)}</p>
          <Button
            onClick={() => {
              setError(null);
              setAttempt(attempt + 1);
            }}
          >
            {intl.formatMessage({ id: 'retry' })}
          </Button>
        </div>
      )}
    </ComposerFrame>
  );
}
