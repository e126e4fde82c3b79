import { Fragment } from 'react';

const ENTITIES: Record<string, string> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
  '&#x27;': "'",
};
const plain = (text: string) =>
  text.replace(/&(amp|lt|gt|quot|#39|#x27);/g, (each) => ENTITIES[each] ?? each);

/** A snippet (RFC 8621 §5): <mark> is drawn, all else is text, whatever the server says. */
export function Marked({ html }: { html: string }) {
  return html.split(/(<mark>.*?<\/mark>)/s).map((piece, at) => {
    const marked = /^<mark>(.*)<\/mark>$/s.exec(piece)?.[1];
    return marked === undefined ? (
      <Fragment key={at}>{plain(piece)}</Fragment>
    ) : (
      <mark key={at}>{plain(marked)}</mark>
    );
  });
}
