// One tooltip for the page: whatever has `data-tip` gets it on hover and on focus by keys.
import {
  cloneElement,
  type ReactElement,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
} from 'react';

import { Keys } from './Keys';

const DELAY = 500;

interface Tip {
  text: string;
  hint: string | undefined;
  box: DOMRect;
}

interface TipProps {
  'data-tip'?: string;
  'data-tip-keys'?: string | undefined;
}

/** `text` repeats the name of what is inside, it never adds to it: readers are not told twice. */
export function Tooltip({
  text,
  hint,
  children,
}: {
  text: string;
  hint?: string | undefined;
  children: ReactElement<TipProps>;
}) {
  return cloneElement(children, { 'data-tip': text, 'data-tip-keys': hint });
}

/** Placed once beside the routes. */
export function TooltipHost() {
  const [tip, setTip] = useState<Tip | null>(null);
  useEffect(() => {
    let timer = 0;
    const hide = () => {
      window.clearTimeout(timer);
      setTip(null);
    };
    const show = (target: EventTarget | null, delay: number) => {
      const element = target instanceof Element ? target.closest<HTMLElement>('[data-tip]') : null;
      hide();
      const text = element?.dataset['tip'];
      if (!element || !text) return;
      timer = window.setTimeout(() => {
        if (!element.isConnected) return;
        setTip({ text, hint: element.dataset['tipKeys'], box: element.getBoundingClientRect() });
      }, delay);
    };
    const over = (event: PointerEvent) => {
      if (event.pointerType === 'mouse') show(event.target, DELAY);
    };
    const focus = (event: FocusEvent) => {
      if (event.target instanceof Element && event.target.matches(':focus-visible'))
        show(event.target, 0);
    };
    const listeners = new AbortController();
    const { signal } = listeners;
    document.addEventListener('pointerover', over, { signal });
    document.addEventListener('focusin', focus, { signal });
    document.addEventListener('focusout', hide, { signal });
    document.addEventListener('pointerdown', hide, { signal });
    document.addEventListener('keydown', hide, { signal, capture: true });
    document.addEventListener('scroll', hide, { signal, capture: true, passive: true });
    return () => {
      listeners.abort();
      window.clearTimeout(timer);
    };
  }, []);
  return tip && <Bubble tip={tip} />;
}

function Bubble({ tip }: { tip: Tip }) {
  const element = useRef<HTMLDivElement>(null);
  const [place, setPlace] = useState({ left: -9999, top: 0 });
  useLayoutEffect(() => {
    const own = element.current?.getBoundingClientRect();
    if (!own) return;
    const middle = tip.box.left + tip.box.width / 2 - own.width / 2;
    const below = tip.box.bottom + 5;
    setPlace({
      left: Math.max(6, Math.min(window.innerWidth - own.width - 6, middle)),
      top: below + own.height > window.innerHeight - 6 ? tip.box.top - own.height - 5 : below,
    });
  }, [tip]);
  return (
    <div
      ref={element}
      aria-hidden
      style={place}
      className="pop pointer-events-none fixed z-50 flex max-w-72 items-center gap-2 rounded-md bg-ink px-2 py-1 text-xs text-surface select-none"
    >
      {tip.text}
      {tip.hint && <Keys keys={tip.hint} inverted />}
    </div>
  );
}
