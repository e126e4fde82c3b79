import { useRef } from 'react';

/** A handle between two panes: drag, or arrow keys. `onWidth` is given the left pane's new width. */
export function Resizer({
  label,
  width,
  least,
  most,
  onWidth,
  onDone,
}: {
  label: string;
  width: number;
  least: number;
  most: number;
  onWidth: (width: number) => void;
  onDone: (width: number) => void;
}) {
  const drag = useRef<{ x: number; width: number; sign: number } | null>(null);
  const bounded = (value: number) => Math.round(Math.min(most, Math.max(least, value)));
  const moved = (x: number) => {
    const from = drag.current;
    return from ? bounded(from.width + (x - from.x) * from.sign) : width;
  };
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- a window splitter (APG)
    <div
      role="separator"
      aria-orientation="vertical"
      aria-label={label}
      aria-valuenow={Math.round(width)}
      aria-valuemin={least}
      aria-valuemax={most}

      tabIndex={0}
      className="relative z-10 -mx-1 w-2 shrink-0 cursor-col-resize touch-none after:absolute after:inset-y-0 after:inset-s-1 after:w-px after:bg-line hover:after:w-0.5 hover:after:bg-accent focus-visible:after:w-0.5 focus-visible:after:bg-accent print:hidden"
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        const sign = getComputedStyle(event.currentTarget).direction === 'rtl' ? -1 : 1;
        drag.current = { x: event.clientX, width, sign };
      }}
      onPointerMove={(event) => drag.current && onWidth(moved(event.clientX))}
      onPointerUp={(event) => {
        if (!drag.current) return;
        onDone(moved(event.clientX));
        drag.current = null;
      }}
      onKeyDown={(event) => {
        const step = event.key === 'ArrowRight' ? 16 : event.key === 'ArrowLeft' ? -16 : 0;
        if (step === 0) return;
        event.preventDefault();
        const sign = getComputedStyle(event.currentTarget).direction === 'rtl' ? -1 : 1;
        onDone(bounded(width + step * sign));
      }}
    />
  );
}
