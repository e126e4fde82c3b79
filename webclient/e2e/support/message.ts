// Messages as other people's programs write them.
import { randomUUID } from 'node:crypto';

export interface Attachment {
  name: string;
  type: string;
  content: string | Buffer;
  /** Shown in the text, by this Content-Id. */
  cid?: string;
}

export interface MessageParts {
  from?: string;
  to?: string;
  cc?: string;
  subject?: string;
  text?: string;
  html?: string;
  attachments?: Attachment[];
  messageId?: string;
  inReplyTo?: string;
  references?: string[];
  date?: Date;
  /** Further header lines as they stand. */
  headers?: string[];
}

export const newMessageId = (): string => `<${randomUUID()}@elsewhere.test>`;

const base64 = (content: string | Buffer): string =>
  Buffer.from(content).toString('base64').replace(/.{76}/g, '$&\r\n');

const encoded = (text: string): string =>
  /^[\x20-\x7e]*$/.test(text) ? text : `=?utf-8?B?${Buffer.from(text).toString('base64')}?=`;

/** A whole message (RFC 5322, MIME). */
export function message(parts: MessageParts): string {
  const headers = [
    `From: ${parts.from ?? 'Clara Fremd <clara@elsewhere.test>'}`,
    `To: ${parts.to ?? 'undisclosed-recipients:;'}`,
    ...(parts.cc === undefined ? [] : [`Cc: ${parts.cc}`]),
    `Subject: ${encoded(parts.subject ?? 'A message')}`,
    `Date: ${(parts.date ?? new Date()).toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: ${parts.messageId ?? newMessageId()}`,
    ...(parts.inReplyTo === undefined ? [] : [`In-Reply-To: ${parts.inReplyTo}`]),
    ...(parts.references === undefined ? [] : [`References: ${parts.references.join('\r\n ')}`]),
    ...(parts.headers ?? []),
    'MIME-Version: 1.0',
  ];
  return `${headers.join('\r\n')}\r\n${body(parts)}`;
}

function leaf(type: string, content: string | Buffer, more: string[] = []): string {
  return [
    `Content-Type: ${type}`,
    'Content-Transfer-Encoding: base64',
    ...more,
    '',
    base64(content),
  ].join('\r\n');
}

function several(kind: string, children: string[]): string {
  const boundary = `=_${randomUUID()}`;
  const inner = children.map((child) => `--${boundary}\r\n${child}\r\n`).join('');
  return `Content-Type: multipart/${kind}; boundary="${boundary}"\r\n\r\n${inner}--${boundary}--\r\n`;
}

function body({ text, html, attachments = [] }: MessageParts): string {
  const shown = [
    ...(text !== undefined || html === undefined
      ? [leaf('text/plain; charset=utf-8', text ?? 'A few words.')]
      : []),
    ...(html === undefined ? [] : [leaf('text/html; charset=utf-8', html)]),
  ];
  const inner = shown.length > 1 ? several('alternative', shown) : (shown[0] ?? '');
  if (attachments.length === 0) return inner;
  return several('mixed', [
    inner,
    ...attachments.map(({ name, type, content, cid }) =>
      leaf(`${type}; name="${encoded(name)}"`, content, [
        `Content-Disposition: ${cid === undefined ? 'attachment' : 'inline'}; filename="${encoded(name)}"`,
        ...(cid === undefined ? [] : [`Content-ID: <${cid}>`]),
      ]),
    ),
  ]);
}
