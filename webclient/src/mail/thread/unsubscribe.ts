// Leaving a mailing list as its messages offer it (RFC 2369, RFC 8058).
import type { EmailBody } from '@/api/types';

export type Unsubscribe =
  { kind: 'mail'; href: string; address: string } | { kind: 'web'; href: string; host: string };

/**
 * The way out that tells least: a message that the person sees and sends; else the page. One-click posts
 * (RFC 8058) would have to leave from the server, which has no route for them yet.
 */
export function unsubscribeOf(body: EmailBody): Unsubscribe | null {
  const urls = body['header:List-Unsubscribe:asURLs'] ?? [];
  for (const href of urls) {
    if (/^mailto:/i.test(href) && URL.canParse(href)) {
      return { kind: 'mail', href, address: decodeURIComponent(new URL(href).pathname) };
    }
  }
  for (const href of urls) {
    if (/^https:/i.test(href) && URL.canParse(href))
      return { kind: 'web', href, host: new URL(href).host };
  }
  return null;
}
