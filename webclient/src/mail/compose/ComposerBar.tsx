// What is done with the message: send, now or later; files; format; away with it.
import { CalendarClock, ChevronDown, Paperclip, Trash2, Type } from 'lucide-react';
import { lazy, Suspense, useRef, useState } from 'react';
import { useIntl } from 'react-intl';

import { useHint } from '@/keys/commands';
import { Button, IconButton, Menu } from '@/parts';

import { openComposer } from './store';
import type { Saving } from './use-draft';
import { presets } from './when';

const ScheduleDialog = lazy(() =>
  import('./ScheduleDialog').then((module) => ({ default: module.ScheduleDialog })),
);

interface BarProps {
  format: 'rich' | 'plain';
  saving: Saving;
  busy: boolean;
  onSend: (until: Date | null) => void;
  onFiles: (files: File[]) => void;
  onFormat: () => void;
  onDiscard: () => void;
}

export function ComposerBar({
  format,
  saving,
  busy,
  onSend,
  onFiles,
  onFormat,
  onDiscard,
}: BarProps) {
  const intl = useIntl();
  const t = (id: string, values?: Record<string, string>) => intl.formatMessage({ id }, values);
  const input = useRef<HTMLInputElement>(null);
  const [picking, setPicking] = useState(false);
  const sendHint = useHint('send');
  const discardHint = useHint('discard');
  const later = () => [
    ...presets(new Date()).map(({ id, at }) => ({
      label: t(`send.${id}`, { at: intl.formatTime(at, { timeStyle: 'short' }) }),
      icon: <CalendarClock size={16} />,
      run: () => onSend(at),
    })),
    { label: t('send.later'), run: () => setPicking(true) },
    'line' as const,
    { label: t('scheduled.title'), run: () => openComposer({ kind: 'scheduled' }) },
  ];
  return (
    <footer className="flex shrink-0 items-center gap-1 border-t border-line px-3 py-2 pb-[max(0.5rem,env(safe-area-inset-bottom))]">
      <span className="flex">
        <Button
          kind="primary"
          busy={busy}
          className="rounded-e-none"
          title={sendHint}
          onClick={() => onSend(null)}
        >
          {t('send.send')}
        </Button>
        <Menu
          entries={later}
          trigger={
            <button
              type="button"
              aria-label={t('send.options')}
              title={t('send.options')}
              disabled={busy}
              className="flex h-9 items-center rounded-e-lg border-s border-on-accent/40 bg-accent px-1.5 text-on-accent hover:brightness-110 disabled:opacity-50 touch:h-11 touch:px-3"
            >
              <ChevronDown size={16} />
            </button>
          }
        />
      </span>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        tabIndex={-1}
        onChange={(event) => {
          onFiles([...(event.target.files ?? [])]);
          event.target.value = ''; // the same file may be chosen again
        }}
      />
      <IconButton
        label={t('compose.attach')}
        icon={<Paperclip size={18} />}
        onClick={() => input.current?.click()}
      />
      <IconButton
        label={t(format === 'rich' ? 'compose.plain' : 'compose.rich')}
        icon={<Type size={18} />}
        onClick={onFormat}
      />
      <span role="status" className="min-w-0 flex-1 truncate px-1 text-end text-sm text-muted">
        {saving === 'none' ? '' : t(`compose.${saving}`)}
      </span>
      <IconButton
        label={t('compose.discard')}
        hint={discardHint}
        icon={<Trash2 size={18} />}
        onClick={onDiscard}
      />
      {picking && (
        <Suspense fallback={null}>
          <ScheduleDialog
            onClose={() => setPicking(false)}
            onPick={(at) => {
              setPicking(false);
              onSend(at);
            }}
          />
        </Suspense>
      )}
    </footer>
  );
}
