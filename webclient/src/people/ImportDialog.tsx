// Files of vCards: chosen or dropped, taken in, and what became of them.
import { Upload } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { useIntl } from 'react-intl';

import { Button, Dialog, errorText } from '@/parts';

import { importCards, type Imported } from './transfer';

export function ImportDialog({ files, onClose }: { files: File[]; onClose: () => void }) {
  const intl = useIntl();
  const input = useRef<HTMLInputElement>(null);
  const [chosen, setChosen] = useState(files);
  const [part, setPart] = useState(0);
  const [done, setDone] = useState<Imported | null>(null);
  const [error, setError] = useState<unknown>(null);
  const t = (id: string) => intl.formatMessage({ id: `people.import${id}` });

  useEffect(() => {
    if (chosen.length === 0) return undefined;
    const stop = new AbortController();
    importCards(chosen, setPart, stop.signal).then(
      (result) => {
        if (!stop.signal.aborted) setDone(result);
      },
      (problem: unknown) => {
        if (!stop.signal.aborted) setError(problem);
      },
    );
    return () => stop.abort();
  }, [chosen]);

  const running = chosen.length > 0 && !done && !error;
  return (
    <Dialog
      open
      onClose={onClose}
      title={t('')}
      text={chosen.length === 0 ? t('.text') : undefined}
      actions={
        <>
          {chosen.length === 0 && (
            <Button
              kind="primary"
              icon={<Upload size={16} />}
              onClick={() => input.current?.click()}
            >
              {t('.choose')}
            </Button>
          )}
          <Button onClick={onClose}>
            {intl.formatMessage({ id: running || chosen.length === 0 ? 'cancel' : 'close' })}
          </Button>
        </>
      }
    >
      <input
        ref={input}
        type="file"
        multiple
        hidden
        accept=".vcf,.vcard,text/vcard,text/x-vcard"
        aria-label={t('.choose')}
        onChange={(event) => setChosen([...(event.target.files ?? [])])}
      />
      <div role="status">
        {running && (
          <>
            <p>{t('.running')}</p>
            <progress
              className="mt-2 h-2 w-full accent-accent"
              value={part}
              max={1}
              aria-label={t('.running')}
            />
          </>
        )}
        {done && <Result done={done} />}
      </div>
      {error !== null && (
        <p role="alert" className="text-danger">
          {errorText(intl, error)}
        </p>
      )}
    </Dialog>
  );
}

function Result({ done }: { done: Imported }) {
  const intl = useIntl();
  const line = (id: string, count: number) =>
    count > 0 && <li>{intl.formatMessage({ id: `people.import.${id}` }, { count })}</li>;
  const nothing = done.created + done.updated + done.unchanged + done.failed === 0;
  return (
    <>
      <ul className="flex flex-col gap-1">
        {nothing && <li>{intl.formatMessage({ id: 'people.import.nothing' })}</li>}
        {line('created', done.created)}
        {line('updated', done.updated)}
        {line('unchanged', done.unchanged)}
        {line('failed', done.failed)}
      </ul>
      {done.faults.length > 0 && (
        <details className="mt-3">
          <summary className="min-h-6 py-1 text-accent">
            {intl.formatMessage({ id: 'people.import.why' })}
          </summary>
          <ul className="mt-1 flex flex-col gap-1 text-sm">
            {done.faults.map((fault, at) => (
              <li key={at} className="wrap-anywhere">
                <bdi>{fault.file}</bdi>{' '}
                {intl.formatMessage(
                  { id: 'people.import.fault' },
                  { line: fault.line, name: fault.name, text: fault.detail },
                )}
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}
