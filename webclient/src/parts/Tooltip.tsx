import { Tooltip as Radix } from 'radix-ui';
import type { ReactNode } from 'react';

import { Keys } from './Keys';

export const TooltipProvider = Radix.Provider;

/** Shown on hover and focus; `text` repeats the name of what is inside, it never adds to it. */
export function Tooltip({
  text,
  hint,
  children,
}: {
  text: string;
  hint?: string | undefined;
  children: ReactNode;
}) {
  return (
    <Radix.Root delayDuration={500}>
      <Radix.Trigger asChild>{children}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          sideOffset={5}
          collisionPadding={8}
          className="pop z-50 flex items-center gap-2 rounded-md bg-ink px-2 py-1 text-xs text-surface select-none"
        >
          {text}
          {hint && <Keys keys={hint} inverted />}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
