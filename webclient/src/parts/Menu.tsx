import { Check, ChevronRight } from 'lucide-react';
import { ContextMenu, DropdownMenu } from 'radix-ui';
import type { ReactNode } from 'react';

import { cx } from './cx';
import { Keys } from './Keys';

export type MenuEntry =
  | {
      label: string;
      icon?: ReactNode;
      hint?: string | undefined;
      run: () => void;
      danger?: boolean;
      disabled?: boolean;
      /** A tick that is on or off. */
      checked?: boolean;
    }
  | { label: string; icon?: ReactNode; entries: MenuEntry[] }
  | 'line';

const BOX =
  'pop z-50 max-h-[min(70dvh,32rem)] min-w-52 overflow-y-auto rounded-xl border border-line bg-raised p-1 shadow-raised';
const ITEM =
  'flex min-h-8 items-center gap-2.5 rounded-lg px-2.5 py-1 text-base outline-none select-none data-[disabled]:opacity-45 data-[highlighted]:bg-hover touch:min-h-11';

type Kind = typeof DropdownMenu | typeof ContextMenu;

function Entries({ kind: Part, entries }: { kind: Kind; entries: MenuEntry[] }) {
  return entries.map((entry, at) => {
    if (entry === 'line') return <Part.Separator key={at} className="mx-2 my-1 h-px bg-line" />;
    if ('entries' in entry) {
      return (
        <Part.Sub key={at}>
          <Part.SubTrigger className={cx(ITEM, 'data-[state=open]:bg-hover')}>
            <span className="text-muted">{entry.icon}</span>
            <span className="flex-1">{entry.label}</span>
            <ChevronRight size={14} className="text-muted rtl:rotate-180" />
          </Part.SubTrigger>
          <Part.Portal>
            <Part.SubContent className={BOX} collisionPadding={8}>
              <Entries kind={Part} entries={entry.entries} />
            </Part.SubContent>
          </Part.Portal>
        </Part.Sub>
      );
    }
    const inner = (
      <>
        <span className="inline-flex w-4.5 justify-center text-muted">
          {entry.checked === undefined ? entry.icon : entry.checked && <Check size={16} />}
        </span>
        <span className="flex-1">{entry.label}</span>
        {entry.hint && <Keys keys={entry.hint} />}
      </>
    );
    const shared = {
      className: cx(ITEM, entry.danger && 'text-danger'),
      disabled: entry.disabled ?? false,
      onSelect: entry.run,
    };
    return entry.checked === undefined ? (
      <Part.Item key={at} {...shared}>
        {inner}
      </Part.Item>
    ) : (
      <Part.CheckboxItem key={at} {...shared} checked={entry.checked}>
        {inner}
      </Part.CheckboxItem>
    );
  });
}

/** A button's menu. Not modal: a modal one locks scrolling with a style element (see Dialog). */
export function Menu({
  trigger,
  entries,
  align = 'start',
}: {
  trigger: ReactNode;
  entries: MenuEntry[];
  align?: 'start' | 'end';
}) {
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          className={BOX}
          align={align}
          sideOffset={4}
          collisionPadding={8}
          loop
        >
          <Entries kind={DropdownMenu} entries={entries} />
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

/** The menu of the right button (and of the menu key) over `children`. */
export function WithContextMenu({
  children,
  entries,
  onOpen,
}: {
  children: ReactNode;
  /** Made when it opens. */
  entries: () => MenuEntry[];
  onOpen?: (open: boolean) => void;
}) {
  return (
    <ContextMenu.Root modal={false} {...(onOpen ? { onOpenChange: onOpen } : {})}>
      <ContextMenu.Trigger asChild>{children}</ContextMenu.Trigger>
      <ContextMenu.Portal>
        <ContextMenu.Content className={BOX} collisionPadding={8} loop>
          <Lazily entries={entries} />
        </ContextMenu.Content>
      </ContextMenu.Portal>
    </ContextMenu.Root>
  );
}

function Lazily({ entries }: { entries: () => MenuEntry[] }) {
  return <Entries kind={ContextMenu} entries={entries()} />;
}
