// What the shell frame adds to a message: its own base styles, and folded quotes.

export const FRAME_STYLES = `
:root { color-scheme: light; }
:root.dark { color-scheme: dark; }
html { margin: 0; background: transparent; overflow-x: auto; overflow-y: hidden; }
body { margin: 0; padding: 4px 20px 12px; font: 14px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif;
  color: #1a1e29; overflow-wrap: anywhere; background: transparent; height: auto !important; min-height: 0 !important; }
:root.dark body { color: #e6e9f0; }
a { color: #2f55d4; } :root.dark a { color: #8ea9ff; }
img { max-width: 100%; } img:not([width]):not([height]) { height: auto; }
img[data-blocked] { outline: 1px dashed #868fa3; outline-offset: -1px; min-width: 16px; min-height: 16px; font-size: 12px; }
pre { white-space: pre-wrap; } table { max-width: 100%; }
blockquote { margin: 8px 0 8px 4px; padding-inline-start: 12px; border-inline-start: 2px solid #c3c8d4; }
details.fold > summary { list-style: none; display: inline-block; margin: 8px 0; padding: 0 10px; border-radius: 999px;
  background: #e6e9f1; color: #3f475a; font-weight: bold; line-height: 18px; cursor: pointer; }
:root.dark details.fold > summary { background: #333b4b; color: #dfe4ee; }
details.fold > summary::-webkit-details-marker { display: none; }
@media print { details.fold > summary { display: none; } }
`;

// How the known programs mark what they quote.
const QUOTES =
  'blockquote[type="cite"], .gmail_quote, .gmail_quote_container, .moz-cite-prefix + blockquote, #divRplyFwdMsg ~ *, .yahoo_quoted, .protonmail_quote, blockquote.mail-quote';

/** Folds the outermost quotes; a message that is nothing but quote stays open. Needs no script to unfold. */
export function fold(body: HTMLElement, label: string): void {
  const document = body.ownerDocument;
  const quotes = [...body.querySelectorAll<HTMLElement>(QUOTES)].filter(
    (each) => each.parentElement?.closest(QUOTES) === null,
  );
  const quoted = quotes.reduce((sum, each) => sum + each.textContent.length, 0);
  if (quotes.length === 0 || body.textContent.trim().length - quoted < 1) return;
  for (const quote of quotes.slice(0, 50)) {
    const details = document.createElement('details');
    details.className = 'fold';
    const summary = document.createElement('summary');
    summary.textContent = '•••';
    summary.setAttribute('aria-label', label);
    quote.replaceWith(details);
    details.append(summary, quote);
  }
}
