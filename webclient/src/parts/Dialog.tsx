import { X } from 'lucide-react';
import { Dialog as Radix } from 'radix-ui';
import type { ReactNode } from 'react';
import { useIntl } from 'react-intl';

import { IconButton } from './Button';
import { cx } from './cx';

interface DialogProps {
  open: boolean;
  onClose: () => void;
  title: string;
  /** A sentence under the title. */
  text?: ReactNode;
  children?: ReactNode;
  /** Buttons at the end. */
  actions?: ReactNode;
  wide?: boolean;
}

/**
 * Traps the focus and gives it back. Radix's own overlay is not used: its scroll lock writes a style
 * element, which the page's policy forbids, and the page itself never scrolls.
 */
export function Dialog({ open, onClose, title, text, children, actions, wide }: DialogProps) {
  const intl = useIntl();
  return (
    <Radix.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Radix.Portal>
        <div className="fixed inset-0 z-40 bg-black/45" aria-hidden />
        <Radix.Content
          {...(text === undefined ? { 'aria-describedby': undefined } : {})}
          className={cx(
            'pop fixed inset-0 z-40 m-auto flex h-fit max-h-[min(92dvh,60rem)] w-[calc(100vw-1.5rem)] flex-col rounded-2xl border border-line bg-surface shadow-raised',
            wide ? 'max-w-3xl' : 'max-w-md',
          )}
        >
          <header className="flex items-start gap-3 px-5 pt-4">
            <Radix.Title className="flex-1 pt-1 text-lg font-semibold">{title}</Radix.Title>
            <Radix.Close asChild>
              <IconButton
                label={intl.formatMessage({ id: 'close' })}
                icon={<X size={18} />}
                className="-me-2"
              />
            </Radix.Close>
          </header>
          {text !== undefined && (
            <Radix.Description className="px-5 pt-1 text-muted">{text}</Radix.Description>
          )}
          {children !== undefined && (
            <div
              className="min-h-0 overflow-y-auto px-5 py-3"
              tabIndex={0}
              role="group"
              aria-label={title}
            >
              {children}
            </div>
          )}
          {actions !== undefined && (
            <footer className="flex flex-wrap justify-end gap-2 px-5 pt-2 pb-4">{actions}</footer>
          )}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
