// Menus are drawn by one host, whose code comes when the first one opens: a list of a thousand rows has
// no menu of its own in each row.
import {
  cloneElement,
  type KeyboardEvent,
  lazy,
  type MouseEvent,
  type ReactElement,
  Suspense,
  useId,
} from 'react';

import { type MenuEntry, type OpenMenu, useMenu } from './menu-state';

const MenuLayer = lazy(() =>
  import('./MenuLayer').then((module) => ({ default: module.MenuLayer })),
);

/** Placed once beside the routes. */
export function MenuHost() {
  const menu = useMenu((state) => state.menu);
  return <Suspense fallback={null}>{menu && <MenuLayer key={menu.id} menu={menu} />}</Suspense>;
}

function openMenu(menu: Omit<OpenMenu, 'opener'> & { opener?: HTMLElement | null }): void {
  if (menu.entries.length === 0) return;
  const focused = document.activeElement instanceof HTMLElement ? document.activeElement : null;
  useMenu.setState({ menu: { ...menu, opener: menu.opener ?? focused } });
}

interface TriggerProps {
  onClick?: (event: MouseEvent<HTMLElement>) => void;
  onKeyDown?: (event: KeyboardEvent<HTMLElement>) => void;
  'aria-haspopup'?: 'menu';
  'aria-expanded'?: boolean;
}

/** A button (`trigger`) with a menu. */
export function Menu({
  trigger,
  entries,
  align = 'start',
}: {
  trigger: ReactElement<TriggerProps>;
  entries: MenuEntry[] | (() => MenuEntry[]);
  align?: 'start' | 'end';
}) {
  const id = useId();
  const open = useMenu((state) => state.menu?.id === id);
  const show = (element: HTMLElement) => {
    const { x, y, width, height } = element.getBoundingClientRect();
    openMenu({
      id,
      at: { x, y, width, height },
      entries: typeof entries === 'function' ? entries() : entries,
      align,
      label: element.getAttribute('aria-label') ?? element.textContent,
      opener: element,
    });
  };
  return cloneElement(trigger, {
    'aria-haspopup': 'menu',
    'aria-expanded': open,
    onClick: (event) => {
      trigger.props.onClick?.(event);
      show(event.currentTarget);
    },
    onKeyDown: (event) => {
      trigger.props.onKeyDown?.(event);
      if (event.key !== 'ArrowDown') return;
      event.preventDefault();
      show(event.currentTarget);
    },
  });
}

let contexts = 0;

/** The menu of the right button, the menu key, or a long touch: for an element's onContextMenu. */
export function showContextMenu(
  event: MouseEvent<HTMLElement>,
  label: string,
  entries: MenuEntry[],
): void {
  event.preventDefault();
  event.stopPropagation();
  // The menu key says (0, 0) in some browsers: then beside what has the focus.
  const target = event.target instanceof HTMLElement ? event.target : event.currentTarget;
  const box = target.getBoundingClientRect();
  const byKey = event.clientX === 0 && event.clientY === 0;
  contexts += 1;
  openMenu({
    id: `context-${contexts}`,
    at: {
      x: byKey ? box.x + 16 : event.clientX,
      y: byKey ? box.y + box.height / 2 : event.clientY,
      width: 0,
      height: 0,
    },
    entries,
    align: 'start',
    label,
  });
}
