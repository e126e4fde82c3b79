// Which of a message's parts are shown, cleaned; and its remote images, if the person wants them.
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';

import { downloadUrl } from '@/api/blobs';
import { pieces } from '@/api/jmap';
import type { BodyPart, EmailBody } from '@/api/types';
import { apiV1 } from '@/api/v1';
import { clean, type Cleaned } from '@/body/purify';

const RASTER = /^image\/(png|jpeg|gif|webp|avif|bmp)$/;

/** Content-Ids to addresses of the parts, raster images only. */
function cidMap(body: EmailBody): Map<string, string> {
  const parts = [...body.attachments, ...body.htmlBody];
  return new Map(
    parts.flatMap((part) =>
      part.cid && part.blobId && RASTER.test(part.type)
        ? [[part.cid, downloadUrl(part.blobId, part.name ?? 'image', part.type)] as const]
        : [],
    ),
  );
}

const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** The message as one HTML document, or null when it has none. */
function htmlOf(body: EmailBody): string | null {
  if (!body.htmlBody.some((part) => part.type === 'text/html')) return null;
  return body.htmlBody
    .map((part) => {
      const value = body.bodyValues[part.partId ?? '']?.value ?? '';
      if (part.type === 'text/html') return value;
      return part.type.startsWith('text/') ? `<pre>${escaped(value)}</pre>` : '';
    })
    .join('\n');
}

export interface ShownBody {
  html: Cleaned | null;
  text: string;
  cut: boolean;
  attachments: BodyPart[];
  /** The links of remote images are on their way. */
  loadingImages: boolean;
}

const NO_LINKS: ReadonlyMap<string, string> = new Map();

/** Made apart: the cache keeps it for a while, and with it would keep the cleaned document. */
const linksFor = (remote: readonly string[]) => async () => {
  const found = new Map<string, string>();
  for (const urls of pieces(remote, 500)) {
    const answer = await apiV1<{ links: string[] }>('POST', '/image-links', { body: { urls } });
    answer.links.forEach((link, at) => found.set(urls[at] ?? '', link));
  }
  return found;
};

export function useShownBody(body: EmailBody, images: boolean): ShownBody {
  const base = useMemo(() => {
    const html = htmlOf(body);
    const cid = cidMap(body);
    return { html, cid, first: html === null ? null : clean(html, { cid, images: NO_LINKS }) };
  }, [body]);
  const remote = base.first?.remote ?? [];
  const links = useQuery({
    queryKey: ['image-links', body.id],
    queryFn: linksFor(remote),
    enabled: images && remote.length > 0,
    structuralSharing: false,
    staleTime: 12 * 3600 * 1000, // the server's links are good for a day
  });
  return useMemo(() => {
    const html =
      base.html !== null && images && links.data
        ? clean(base.html, { cid: base.cid, images: links.data })
        : base.first;
    const textParts = body.textBody.filter((part) => part.type.startsWith('text/'));
    const used = html?.usedCids ?? new Set<string>();
    const inBody = new Set(
      [...body.textBody, ...body.htmlBody]
        .filter((part) => part.type.startsWith('text/'))
        .map((part) => part.partId),
    );
    return {
      html,
      text: textParts.map((part) => body.bodyValues[part.partId ?? '']?.value ?? '').join('\n'),
      cut:
        html?.cut === true ||
        [...body.textBody, ...body.htmlBody].some(
          (part) => body.bodyValues[part.partId ?? '']?.isTruncated,
        ),
      attachments: [
        ...body.attachments,
        // Images between the texts of the body belong to the message as well.
        ...body.htmlBody.filter((part) => !part.type.startsWith('text/')),
      ].filter(
        (part, at, all) =>
          !(part.cid !== null && used.has(part.cid)) &&
          !(part.partId !== null && inBody.has(part.partId)) &&
          all.findIndex((other) => other.blobId === part.blobId && other.partId === part.partId) ===
            at,
      ),
      loadingImages: images && remote.length > 0 && links.isPending,
    };
  }, [base, body, images, links.data, links.isPending, remote.length]);
}
