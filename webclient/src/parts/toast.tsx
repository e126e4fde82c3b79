// Toasts: a line at the bottom with at most one action. Own, because sonner writes its styles into the
// page, which the policy forbids.
import { X } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useIntl } from 'react-intl';
import { create } from 'zustand';

import { cx } from './cx';

interface ToastOptions {
  kind?: 'plain' | 'error' | 'success';
  action?: { label: string; run: () => void };
  /** Milliseconds; Infinity: until it is closed. Errors and toasts with an action stay longer. */
  duration?: number;
  /** A toast of the same key is replaced. */
  key?: string;
}

interface Shown extends ToastOptions {
  id: number;
  text: string;
}

const useToasts = create<{ toasts: Shown[] }>()(() => ({ toasts: [] }));
let last = 0;
const MOST = 3;

/** Shows a toast; the result closes it. */
export function toast(text: string, options: ToastOptions = {}): () => void {
  last += 1;
  const id = last;
  useToasts.setState(({ toasts }) => ({
    toasts: [
      ...toasts.filter((each) => options.key === undefined || each.key !== options.key),
      { ...options, id, text },
    ].slice(-MOST),
  }));
  return () => dismiss(id);
}

function dismiss(id: number): void {
  useToasts.setState(({ toasts }) => ({ toasts: toasts.filter((each) => each.id !== id) }));
}

/** Runs the newest toast's action (`mod+z`); false: there is none. */
export function runToastAction(): boolean {
  const found = useToasts.getState().toasts.findLast((each) => each.action);
  if (!found?.action) return false;
  dismiss(found.id);
  found.action.run();
  return true;
}

/** Placed once in the shell; a live region that is always there, so that news in it is said. */
export function ToastHost() {
  const toasts = useToasts((state) => state.toasts);
  const intl = useIntl();
  return (
    <div
      role="region"
      aria-label={intl.formatMessage({ id: 'toasts' })}
      className="pointer-events-none fixed inset-x-0 bottom-4 z-50 flex flex-col items-center gap-2 px-3 pb-[env(safe-area-inset-bottom)]"
    >
      <div role="status" aria-live="polite" className="contents">
        {toasts.map((each) => (
          <ToastLine key={each.id} toast={each} />
        ))}
      </div>
    </div>
  );
}

function ToastLine({ toast: shown }: { toast: Shown }) {
  const intl = useIntl();
  const [held, setHeld] = useState(false);
  const duration = shown.duration ?? (shown.action ? 8000 : shown.kind === 'error' ? 9000 : 4000);
  useEffect(() => {
    if (held || duration === Infinity) return undefined;
    const timer = window.setTimeout(() => dismiss(shown.id), duration);
    return () => window.clearTimeout(timer);
  }, [held, duration, shown.id]);
  return (
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions -- it only waits while one looks
    <div
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
      className={cx(
        'pop pointer-events-auto flex min-h-11 max-w-xl items-center gap-3 rounded-xl py-1 ps-4 pe-1.5 shadow-raised',
        shown.kind === 'error' ? 'bg-danger text-on-danger' : 'bg-ink text-surface',
      )}
    >
      <span dir="auto" className="flex-1 py-1.5">
        {shown.text}
      </span>
      {shown.action && (
        <button
          type="button"
          className="min-h-8 rounded-lg px-2.5 font-semibold hover:bg-current/10 touch:min-h-11"
          onClick={() => {
            dismiss(shown.id);
            shown.action?.run();
          }}
        >
          {shown.action.label}
        </button>
      )}
      <button
        type="button"
        aria-label={intl.formatMessage({ id: 'close' })}
        className="inline-flex size-8 items-center justify-center rounded-lg hover:bg-current/10 touch:size-11"
        onClick={() => dismiss(shown.id)}
      >
        <X size={16} />
      </button>
    </div>
  );
}
