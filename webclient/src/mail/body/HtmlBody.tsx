// A message's HTML in the shell frame: an empty page whose policy and sandbox allow neither scripts nor
// loads from elsewhere; the cleaned nodes are put into it from here.
import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import { useIntl } from 'react-intl';

import { fold, FRAME_STYLES } from '@/body/frame';
import { hostOf, misleads, mixesScripts } from '@/body/links';
import { parseMailto } from '@/body/mailto';
import type { Cleaned } from '@/body/purify';
import { openComposer } from '@/mail/compose/store';
import { confirm, cx } from '@/parts';
import { darken } from '@/theme/dark-body';

interface HtmlBodyProps {
  cleaned: Cleaned;
  /** Shown in the dark theme's colours. */
  dark: boolean;
  askBeforeOddLinks: boolean;
  title: string;
}

export function HtmlBody({ cleaned, dark, askBeforeOddLinks, title }: HtmlBodyProps) {
  const intl = useIntl();
  const frame = useRef<HTMLIFrameElement>(null);
  const [ready, setReady] = useState(0);
  const [height, setHeight] = useState(80);
  const [link, setLink] = useState<string | null>(null);

  useLayoutEffect(() => {
    const document = frame.current?.contentDocument;
    const body = document?.body;
    // The blank page that stands there before ours arrives has no policy: nothing is put into that.
    if (!document || !body || ready === 0 || !document.URL.endsWith('/frame.html'))
      return undefined;
    const fill = (darkened: boolean) => {
      document.documentElement.style.colorScheme = darkened ? 'dark' : 'light';
      document.head.replaceChildren(
        ...[FRAME_STYLES, ...cleaned.styles].map((text) => {
          const style = document.createElement('style');
          style.textContent = text;
          return style;
        }),
      );
      const nodes = document.importNode(cleaned.body, true);
      for (const name of [...body.getAttributeNames()]) body.removeAttribute(name);
      for (const name of nodes.getAttributeNames()) {
        body.setAttribute(name, nodes.getAttribute(name) ?? '');
      }
      body.replaceChildren(...nodes.childNodes);
      body.dir ||= 'auto';
      fold(body, intl.formatMessage({ id: 'message.quoted' }));
      document.documentElement.classList.toggle('dark', darkened);
      if (darkened && !cleaned.declaresDark) darken(body);
    };
    fill(dark);
    const measure = () =>
      setHeight(Math.ceil(Math.max(body.scrollHeight, document.documentElement.offsetHeight)));
    const observer = new ResizeObserver(measure);
    observer.observe(body);
    measure();
    const anchor = (event: Event) =>
      (event.target instanceof (document.defaultView ?? window).Element
        ? event.target
        : null
      )?.closest('a[href]') ?? null;
    const show = (event: Event) => setLink(anchor(event)?.getAttribute('href') ?? null);
    const follow = (event: Event) => {
      const element = anchor(event);
      const href = element?.getAttribute('href') ?? '';
      if (/^mailto:/i.test(href)) {
        event.preventDefault();
        compose(href);
        return;
      }
      const odd = askBeforeOddLinks && element ? misleads(element.textContent, href) : null;
      if (!odd) return;
      event.preventDefault();
      void confirm({
        title: intl.formatMessage({ id: 'link.title' }),
        text: intl.formatMessage({ id: 'link.text' }, odd),
        confirm: intl.formatMessage({ id: 'link.open' }, odd),
        danger: true,
      }).then((yes) => {
        if (yes) window.open(href, '_blank', 'noopener,noreferrer');
      });
    };
    // Keys pressed while the frame has the focus belong to the page.
    const pass = (event: KeyboardEvent) => {
      const copy = new KeyboardEvent('keydown', event);
      if (!frame.current?.dispatchEvent(copy)) event.preventDefault();
    };
    const paper = () => fill(false);
    const screen = () => fill(dark);
    const listeners = new AbortController();
    const { signal } = listeners;
    document.addEventListener('click', follow, { signal });
    document.addEventListener('auxclick', follow, { signal });
    document.addEventListener('mouseover', show, { signal });
    document.addEventListener('focusin', show, { signal });
    document.addEventListener('focusout', () => setLink(null), { signal });
    document.addEventListener('keydown', pass, { signal });
    document.documentElement.addEventListener('mouseleave', () => setLink(null), { signal });
    if (dark) {
      window.addEventListener('beforeprint', paper, { signal });
      window.addEventListener('afterprint', screen, { signal });
    }
    return () => {
      observer.disconnect();
      listeners.abort();
      body.replaceChildren();
    };
  }, [cleaned, dark, askBeforeOddLinks, intl, ready]);

  return (
    <div className="relative">
      <iframe
        ref={frame}
        title={title}
        src="/frame.html"
        sandbox="allow-same-origin allow-popups allow-popups-to-escape-sandbox"
        referrerPolicy="no-referrer"
        className={cx('block w-full', !dark && 'bg-white')}
        style={{ height, colorScheme: dark ? 'dark' : 'light' }}
        onLoad={() => setReady((count) => count + 1)}
      />
      {link !== null && <LinkHost href={link} />}
    </div>
  );
}

/** Where the link under the pointer leads: the host by itself, as the network knows it. */
export function LinkHost({ href }: { href: string }) {
  const intl = useIntl();
  const host = hostOf(href);
  const [shown, setShown] = useState('');
  useEffect(() => {
    const timer = window.setTimeout(() => setShown(href), 120);
    return () => window.clearTimeout(timer);
  }, [href]);
  if (shown === '' || host === '') return null;
  const rest = shown.slice(shown.indexOf(host) + host.length).slice(0, 80);
  return (
    <p className="pointer-events-none fixed bottom-2 z-30 ms-2 max-w-[80vw] truncate rounded-md border border-line bg-raised px-2 py-1 text-xs text-muted shadow-raised">
      <b className="text-ink">{host}</b>
      {!/^mailto:/i.test(shown) && rest}
      {mixesScripts(host) && (
        <span className="text-danger"> {intl.formatMessage({ id: 'link.mixed' })}</span>
      )}
    </p>
  );
}

/** A mail address that was clicked. */
export function compose(href: string): void {
  const mail = parseMailto(href);
  if (mail) openComposer({ kind: 'new', ...mail });
}
