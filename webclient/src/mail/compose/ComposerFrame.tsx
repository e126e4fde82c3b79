// The window around a composer: docked, folded, or full; full always on a phone.
import { ChevronDown, ChevronUp, Maximize2, Minimize2, X } from 'lucide-react';
import {
  type DragEvent,
  type KeyboardEvent,
  type ReactNode,
  useEffect,
  useRef,
  useState,
} from 'react';
import { useIntl } from 'react-intl';

import { cx, IconButton } from '@/parts';
import { useRoom } from '@/shell/layout';

import { changeComposer, type OpenComposer, useComposers } from './store';

interface FrameProps {
  composer: OpenComposer;
  title: string;
  onClose: () => void;
  onFiles?: (files: File[]) => void;
  children: ReactNode;
}

const FOCUSABLE =
  'button:not(:disabled), input:not(:disabled):not([type=file]), select, textarea, a[href], [contenteditable="true"]';

export function ComposerFrame({ composer, title, onClose, onFiles, children }: FrameProps) {
  const intl = useIntl();
  const room = useRoom();
  const frame = useRef<HTMLDivElement>(null);
  const [over, setOver] = useState(false);
  const { key } = composer;
  const folded = composer.size === 'folded';
  const full = !folded && (composer.size === 'full' || room === 'phone');
  useGivesFocusBack();
  const resize = (size: OpenComposer['size']) => {
    changeComposer(key, { size });
    if (size !== 'folded') useComposers.setState({ front: key });
  };
  const onKey = (event: KeyboardEvent) => {
    // What a dialog above (React's tree, not the page's) does not use up is not meant for us.
    if (!(event.target instanceof Node) || !frame.current?.contains(event.target)) return;
    if (event.key === 'Escape' && !event.defaultPrevented) onClose();
    if (event.key !== 'Tab' || !full || event.defaultPrevented) return;
    const all = [...frame.current.querySelectorAll<HTMLElement>(FOCUSABLE)].filter(
      (each) => each.tabIndex >= 0 && each.offsetParent !== null,
    );
    const end = event.shiftKey ? all[0] : all.at(-1);
    if (document.activeElement !== end) return;
    event.preventDefault();
    (event.shiftKey ? all.at(-1) : all[0])?.focus();
  };
  const drop = (event: DragEvent) => {
    setOver(false);
    const files = [...event.dataTransfer.files];
    if (event.defaultPrevented || files.length === 0) return;
    event.preventDefault();
    onFiles?.(files);
  };
  const icon = (id: string, shown: ReactNode, run: () => void) => (
    <IconButton small label={intl.formatMessage({ id })} icon={shown} onClick={run} />
  );
  return (
    <>
      {full && <div aria-hidden className="pointer-events-auto fixed inset-0 z-30 bg-black/45" />}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- Escape, and files dropped */}
      <div
        ref={frame}
        role="dialog"
        aria-label={title}
        aria-modal={full}
        onKeyDown={onKey}
        onFocus={() =>
          useComposers.getState().front !== key && !folded && useComposers.setState({ front: key })
        }
        onDragOver={(event) => {
          if (!onFiles || !event.dataTransfer.types.includes('Files')) return;
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={(event) => {
          if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOver(false);
        }}
        onDrop={drop}
        onPaste={(event) => {
          const files = [...event.clipboardData.files];
          if (event.defaultPrevented || files.length === 0) return;
          event.preventDefault();
          onFiles?.(files);
        }}
        className={cx(
          'pointer-events-auto relative flex flex-col overflow-hidden bg-surface shadow-raised',
          full
            ? 'fixed! inset-0 z-30 sm:inset-y-4 sm:inset-x-0 sm:mx-auto sm:w-[min(60rem,calc(100%-2rem))] sm:rounded-2xl sm:border sm:border-line'
            : 'rounded-t-xl border border-b-0 border-line',
          folded && (room === 'phone' ? 'hidden' : 'w-60'),
          !folded && !full && 'h-[min(40rem,calc(100dvh-4.5rem))] w-[min(35rem,calc(100vw-2rem))]',
        )}
      >
        <div className="flex shrink-0 items-center gap-1 border-b border-line bg-sunken py-1 ps-4 pe-1.5">
          <h2 className="min-w-0 flex-1 truncate text-base font-semibold">
            <bdi>{title}</bdi>
          </h2>
          {room !== 'phone' &&
            (folded
              ? icon('compose.unfold', <ChevronUp size={16} />, () => resize('docked'))
              : icon('compose.fold', <ChevronDown size={16} />, () => resize('folded')))}
          {room !== 'phone' &&
            !folded &&
            (full
              ? icon('compose.docked', <Minimize2 size={15} />, () => resize('docked'))
              : icon('compose.full', <Maximize2 size={15} />, () => resize('full')))}
          {icon('compose.close', <X size={17} />, onClose)}
        </div>
        <div className={cx('flex min-h-0 flex-1 flex-col', folded && 'hidden')}>{children}</div>
        {over && (
          <div className="pointer-events-none absolute inset-2 z-20 flex items-center justify-center rounded-xl border-2 border-dashed border-accent bg-surface/90 text-lg font-medium">
            {intl.formatMessage({ id: 'compose.drop' })}
          </div>
        )}
      </div>
    </>
  );
}

/** To where it was, if that is still there and nothing else has it. */
function useGivesFocusBack(): void {
  useEffect(() => {
    const before = document.activeElement;
    return () => {
      window.setTimeout(() => {
        if (document.activeElement !== document.body) return;
        if (before instanceof HTMLElement && before.isConnected && before !== document.body)
          before.focus();
        else document.getElementById('content')?.focus();
      });
    };
  }, []);
}
