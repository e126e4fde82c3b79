// Cleans the HTML of strangers. Nothing else puts mail's markup into a document. This is one layer of four:
// the frame's policy, its sandbox and the page's policy hold without it.
import createDOMPurify from 'dompurify';

import { cleanCss } from './css';

export interface CleanOptions {
  /** Content-Id (without brackets) to where the part is read. */
  cid: ReadonlyMap<string, string>;
  /** Remote address to a link through the proxy; what is not in it is blocked. */
  images: ReadonlyMap<string, string>;
}

export interface Cleaned {
  /** The cleaned <body>, in a document of its own that loads nothing. */
  body: HTMLElement;
  styles: string[];
  /** Remote addresses that the message would load. */
  remote: string[];
  /** Those of them that were taken out. */
  blocked: number;
  usedCids: Set<string>;
  /** It says itself how it looks in the dark. */
  declaresDark: boolean;
  /** Only the beginning of a very long message. */
  cut: boolean;
}

interface Run extends CleanOptions {
  remote: Set<string>;
  blocked: Set<string>;
  usedCids: Set<string>;
  /** Styles of elements that were cleaned already: in a table each cell has the same. */
  styles: Map<string, string>;
}

const FORBIDDEN = [
  'form', 'input', 'button', 'select', 'option', 'optgroup', 'textarea', 'iframe', 'frame', 'frameset',
  'base', 'link', 'meta', 'object', 'embed', 'applet', 'audio', 'video', 'source', 'track', 'svg', 'math',
  'dialog', 'template', 'slot', 'marquee', 'portal', 'title', 'noscript', 'canvas', 'picture',
]; // prettier-ignore
// What names no address and so is not held against the addresses that are allowed.
const HARMLESS = [
  'abbr', 'align', 'axis', 'bgcolor', 'border', 'bordercolor', 'cellpadding', 'cellspacing', 'char', 'charoff',
  'clear', 'color', 'cols', 'colspan', 'compact', 'coords', 'datetime', 'dir', 'face', 'headers', 'height',
  'hspace', 'lang', 'noshade', 'nowrap', 'open', 'reversed', 'rows', 'rowspan', 'rules', 'scope', 'shape', 'size',
  'span', 'start', 'type', 'valign', 'vspace', 'width', 'wrap',
]; // prettier-ignore
const RASTER = /^data:image\/(png|jpe?g|gif|webp|bmp|avif);base64,[a-z0-9+/=\s]+$/i;
const LONGEST_URL = 2048;

const purifier = createDOMPurify(window);
let run: Run | null = null;

/** What may be loaded for an address; null: nothing. Counts what is remote. */
function resolve(raw: string): string | null {
  if (!run) return null;
  const url = raw.trim();
  if (url === '') return null;
  if (RASTER.test(url)) return url;
  const cid = /^cid:(.+)$/i.exec(url)?.[1];
  if (cid !== undefined) {
    const found = decoded(cid);
    run.usedCids.add(found);
    return run.cid.get(found) ?? null;
  }
  // Only whole addresses: a relative one would be read as ours.
  const remote = /^\/\//.test(url) ? `https:${url}` : url;
  if (!/^https?:/i.test(remote) || !URL.canParse(remote) || remote.length > LONGEST_URL)
    return null;
  run.remote.add(remote);
  const link = run.images.get(remote);
  if (link === undefined) run.blocked.add(remote);
  return link ?? null;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

purifier.addHook('uponSanitizeElement', (node, data) => {
  if (data.tagName === 'style' && node.textContent !== null) {
    node.textContent = cleanCss(node.textContent, resolve);
  }
});

purifier.addHook('uponSanitizeAttribute', (node, data) => {
  const { attrName, attrValue } = data;
  if (attrName === 'style') {
    data.attrValue = run?.styles.get(attrValue) ?? cleanCss(attrValue, resolve);
    run?.styles.set(attrValue, data.attrValue);
  } else if (attrName === 'src' || attrName === 'background') {
    const to = resolve(attrValue);
    if (to === null) {
      data.keepAttr = false;
      if (node.nodeName === 'IMG') node.setAttribute('data-blocked', '');
    } else {
      data.attrValue = to;
    }
  } else if (attrName === 'srcset' || attrName === 'imagesrcset') {
    for (const candidate of attrValue.split(/,\s+/))
      resolve(candidate.trim().split(/\s+/)[0] ?? '');
    data.keepAttr = false;
  } else if (
    /^(poster|lowsrc|dynsrc|longdesc|cite|action|formaction|ping|usemap|target|rel|autofocus|tabindex|contenteditable|accesskey|popover.*|is|slot|part|form)$/.test(
      attrName,
    )
  ) {
    data.keepAttr = false;
  } else if (attrName === 'href') {
    if (!/^(https?:|mailto:|tel:)/i.test(attrValue.trim())) data.keepAttr = false;
  }
});

purifier.addHook('afterSanitizeAttributes', (node) => {
  if ((node.nodeName === 'A' || node.nodeName === 'AREA') && node.hasAttribute('href')) {
    node.setAttribute('target', '_blank');
    node.setAttribute('rel', 'noopener noreferrer');
  }
});

// More than that takes seconds to clean and lay out, in which nothing else moves.
const MOST_TAGS = 24_000;
const LONGEST_HTML = 4 * 1024 * 1024;

/** The beginning of the markup that a browser bears in reasonable time; letters alone are no burden. */
function beginning(html: string): string {
  let at = -1;
  for (let tags = 0; tags <= MOST_TAGS; tags += 1) {
    at = html.indexOf('<', at + 1);
    if (at < 0) return html.slice(0, LONGEST_HTML);
  }
  return html.slice(0, Math.min(at, LONGEST_HTML));
}

export function clean(html: string, options: CleanOptions): Cleaned {
  const own: Run = {
    ...options,
    remote: new Set(),
    blocked: new Set(),
    usedCids: new Set(),
    styles: new Map(),
  };
  const shown = beginning(html);
  const declaresDark = /color-scheme|prefers-color-scheme/i.test(html.slice(0, 100_000));
  run = own;
  try {
    const root = purifier.sanitize(shown, {
      WHOLE_DOCUMENT: true,
      RETURN_DOM: true,
      USE_PROFILES: { html: true },
      FORBID_TAGS: FORBIDDEN,
      ADD_TAGS: ['style'],
      ADD_ATTR: ['background', 'bgcolor', 'target', 'align', 'valign'],
      ADD_URI_SAFE_ATTR: HARMLESS,
      ALLOW_DATA_ATTR: false,
      ALLOW_ARIA_ATTR: true,
      ALLOWED_URI_REGEXP:
        /^(?:https?:|mailto:|tel:|data:image\/|\/api\/v1\/image\?|\/jmap\/download\/)/i,
    }) as HTMLElement;
    const styles = [...root.querySelectorAll('style')].map((each) => {
      const text = each.textContent;
      each.remove();
      return text;
    });
    const body = root.querySelector('body') ?? root;
    return {
      body,
      styles,
      remote: [...own.remote],
      blocked: own.blocked.size,
      usedCids: own.usedCids,
      declaresDark,
      cut: shown.length < html.length,
    };
  } finally {
    run = null;
  }
}
