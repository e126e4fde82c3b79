// Switching layers off between server and browser, and putting in what nobody cleaned.
import type { Page } from '@playwright/test';

export interface Layers {
  /** The policy of the frame's page, and whether that of the page around it is there. */
  framePolicy: boolean;
  sandbox: boolean;
  pagePolicy: boolean;
}

export async function only(page: Page, layers: Layers): Promise<void> {
  await page.route(
    (url) => url.hostname === '127.0.0.1' && !/^\/(api|jmap|assets)\//.test(url.pathname),
    async (route) => {
      const frame = new URL(route.request().url()).pathname === '/frame.html';
      const kept = frame ? layers.framePolicy : layers.pagePolicy;
      const response = await route.fetch();
      const headers = response.headers();
      const policy = headers['content-security-policy'] ?? '';
      delete headers['content-security-policy'];
      // The frame's policy has the sandbox in it as well: that is the other layer.
      const bare = policy.replace(/sandbox [^;]*;?/, '');
      const sandbox = /sandbox [^;]*/.exec(policy)?.[0] ?? '';
      const left = [...(kept ? [bare] : []), ...(frame && layers.sandbox ? [sandbox] : [])];
      if (left.length > 0) headers['content-security-policy'] = left.join('; ');
      await route.fulfill({ response, headers });
    },
  );
  if (layers.sandbox) return;
  await page.addInitScript(() => {
    const set = Object.getOwnPropertyDescriptor(Element.prototype, 'setAttribute')?.value as (
      name: string,
      value: string,
    ) => void;
    Element.prototype.setAttribute = function (name: string, value: string) {
      if (!(this instanceof HTMLIFrameElement && name === 'sandbox')) set.call(this, name, value);
    };
  });
}

/** Puts markup into the open message's frame, or into the page itself, as if nothing had cleaned it. */
export async function putRaw(page: Page, markup: string, where: 'frame' | 'page'): Promise<void> {
  await page.evaluate(
    ({ html, inPage }) => {
      const document_ = inPage
        ? document
        : document.querySelector<HTMLIFrameElement>('iframe')?.contentDocument;
      if (!document_) throw new Error('no frame');
      const place = document_.createElement('div');
      place.dataset['raw'] = '';
      document_.body.append(place);
      place.innerHTML = html;
      // innerHTML runs no scripts of its own accord: each is put in once more, as a parser would.
      for (const script of place.querySelectorAll('script')) {
        const copy = document_.createElement('script');
        for (const { name, value } of script.attributes) copy.setAttribute(name, value);
        copy.textContent = script.textContent;
        script.replaceWith(copy);
      }
    },
    { html: markup, inPage: where === 'page' },
  );
}
