import { Check, ChevronRight } from 'lucide-react';
import { DropdownMenu as Part } from 'radix-ui';

import { cx } from './cx';
import { Keys } from './Keys';
import { type MenuEntry, type OpenMenu, useMenu } from './menu-state';

const BOX =
  'pop z-50 max-h-[min(70dvh,32rem)] min-w-52 max-w-80 overflow-y-auto rounded-xl border border-line bg-raised p-1 shadow-raised';
const ITEM =
  'flex min-h-8 items-center gap-2.5 rounded-lg px-2.5 py-1 text-base outline-none select-none data-[disabled]:text-muted data-[highlighted]:bg-hover touch:min-h-11';

/** The open menu. Not modal: a modal one locks scrolling with a style element (see Dialog). */
export function MenuLayer({ menu }: { menu: OpenMenu }) {
  const { at, entries, align, opener, label } = menu;
  return (
    <Part.Root
      open
      modal={false}
      onOpenChange={(open) => {
        if (!open && useMenu.getState().menu === menu) useMenu.setState({ menu: null });
      }}
    >
      <Part.Trigger asChild>
        <span
          aria-hidden
          className="pointer-events-none fixed"
          style={{ left: at.x, top: at.y, width: at.width, height: at.height }}
        />
      </Part.Trigger>
      <Part.Portal>
        <Part.Content
          className={BOX}
          align={align}
          sideOffset={4}
          collisionPadding={8}
          loop
          aria-label={label}
          onCloseAutoFocus={(event) => {
            event.preventDefault();
            // Unless a command of the menu took the focus elsewhere.
            if (document.activeElement === document.body) opener?.focus({ preventScroll: true });
          }}
        >
          <Entries entries={entries} />
        </Part.Content>
      </Part.Portal>
    </Part.Root>
  );
}

function Entries({ entries }: { entries: MenuEntry[] }) {
  return entries.map((entry, at) => {
    if (entry === 'line') return <Part.Separator key={at} className="mx-2 my-1 h-px bg-line" />;
    if ('entries' in entry) {
      return (
        <Part.Sub key={at}>
          <Part.SubTrigger className={cx(ITEM, 'data-[state=open]:bg-hover')}>
            <span className="inline-flex w-4.5 justify-center text-muted">{entry.icon}</span>
            <span className="flex-1">{entry.label}</span>
            <ChevronRight size={14} className="text-muted rtl:rotate-180" />
          </Part.SubTrigger>
          <Part.Portal>
            <Part.SubContent className={BOX} collisionPadding={8}>
              <Entries entries={entry.entries} />
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
        <span dir="auto" className="flex-1 truncate">
          {entry.label}
        </span>
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
