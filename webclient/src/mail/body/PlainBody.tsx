import { type MouseEvent, useMemo, useState } from 'react';
import { useIntl } from 'react-intl';

import { linkify } from '@/body/links';
import { type Block, blocksOf } from '@/body/plain';
import { cx } from '@/parts';

import { compose, LinkHost } from './HtmlBody';

/** Plain text: 76 letters wide, quotes folded, addresses made links. */
export function PlainBody({ text }: { text: string }) {
  const intl = useIntl();
  const { blocks, cut } = useMemo(() => blocksOf(text), [text]);
  const [link, setLink] = useState<string | null>(null);
  if (text.trim() === '') {
    return <p className="px-5 py-3 text-muted">{intl.formatMessage({ id: 'message.empty' })}</p>;
  }
  const hrefOf = (event: React.SyntheticEvent) =>
    event.target instanceof Element
      ? (event.target.closest('a')?.getAttribute('href') ?? null)
      : null;
  const onClick = (event: MouseEvent) => {
    const href = hrefOf(event);
    if (href?.startsWith('mailto:')) {
      event.preventDefault();
      compose(href);
    }
  };
  return (
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions, jsx-a11y/click-events-have-key-events -- for the links inside
    <div
      className="max-w-[80ch] px-5 py-2 text-base wrap-anywhere whitespace-pre-wrap"
      onClick={onClick}
      onMouseOver={(event) => setLink(hrefOf(event))}
      onMouseLeave={() => setLink(null)}
      onFocus={(event) => setLink(hrefOf(event))}
      onBlur={() => setLink(null)}
    >
      {blocks.map((block, at) =>
        block.folded ? (
          <details key={at} className="print:hidden">
            <summary
              aria-label={intl.formatMessage({ id: 'message.quoted' })}
              className="my-1 inline-block list-none rounded-full bg-sunken px-2.5 leading-[18px] font-bold text-muted [&::-webkit-details-marker]:hidden"
            >
              •••
            </summary>
            <Lines block={block} />
          </details>
        ) : (
          <Lines key={at} block={block} />
        ),
      )}
      {cut && <p className="text-muted">{intl.formatMessage({ id: 'message.cut' })}</p>}
      {link !== null && <LinkHost href={link} />}
    </div>
  );
}

function Lines({ block }: { block: Block }) {
  return (
    <div
      dir="auto"
      className={cx(block.level > 0 && 'border-s-2 border-line-strong ps-3 text-muted')}
    >
      {block.lines.map((line, at) => (
        <span key={at}>
          {linkify(line).map((piece, index) =>
            'href' in piece ? (
              <a
                key={index}
                href={piece.href}
                target="_blank"
                rel="noopener noreferrer"
                className="text-accent underline"
              >
                {piece.text}
              </a>
            ) : (
              piece.text
            ),
          )}
          {'\n'}
        </span>
      ))}
    </div>
  );
}
