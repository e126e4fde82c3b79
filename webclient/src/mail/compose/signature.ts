// Another identity, another signature: finding the old one in what may have been edited since.
import { htmlToText, parsed } from './html';

/** The words alone: editors change spaces and line ends. */
export const bare = (text: string): string => text.replace(/\s+/g, ' ').trim();

export function swapText(text: string, old: string, fresh: string): string {
  if (old === '') return fresh === '' ? text : `${text}\n\n${fresh}`;
  const at = text.lastIndexOf(old);
  if (at < 0) return text;
  return (text.slice(0, at) + fresh + text.slice(at + old.length)).trimEnd();
}

export function swapHtml(html: string, old: string, fresh: string): string {
  const room = html === '' && fresh !== '' ? '<p></p><p></p>' : '';
  if (old === '') return html + room + fresh;
  const root = parsed(html);
  const blocks = [...root.children];
  const markup = (list: Element[]) => list.map((each) => each.outerHTML).join('');
  for (let at = blocks.length - 1; at >= 0; at -= 1) {
    if (bare(htmlToText(markup(blocks.slice(at)))) !== bare(old)) continue;
    return markup(blocks.slice(0, at)) + fresh;
  }
  return html;
}
