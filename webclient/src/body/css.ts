// Styles of strangers: what would load something is taken out or sent through the proxy.

const ESCAPE = /\\(?:([0-9a-f]{1,6})[ \t\r\n\f]?|([^\n0-9a-f]))/gi;
const URL_FUNCTION = /url\(\s*(?:"([^"]*)"|'([^']*)'|([^)"']*))\s*\)/gi;

/**
 * `resolve` is told each address and answers what may be loaded instead, or null. Escapes are undone
 * first, so that none hides a function's name; @import, image-set() and the like, which name addresses
 * without url(), go altogether.
 */
export function cleanCss(css: string, resolve: (url: string) => string | null): string {
  return css
    .slice(0, 512 * 1024)
    .replace(/\/\*[\s\S]*?(\*\/|$)/g, ' ')
    .replace(ESCAPE, (_, hex: string | undefined, char: string | undefined) => {
      if (hex === undefined) return char ?? '';
      const code = parseInt(hex, 16);
      // A quote, bracket or the like stays harmless: it is dropped.
      const found =
        code > 0x1f && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff)
          ? String.fromCodePoint(code)
          : '';
      return /[\w-]|[^\u0000-\u007f]/.test(found) ? found : '';
    })
    .replace(/@(import|namespace|charset)[^;{}]*(;|$)/gi, '')
    .replace(/@font-face\s*\{[^}]*\}/gi, '')
    .replace(/(-webkit-)?(image-set|cross-fade|element|paint|image|src|attr)\s*\(/gi, 'blocked(')
    .replace(/(-moz-binding|behavior|expression)\s*[:(]/gi, 'blocked:')
    .replace(URL_FUNCTION, (_, double?: string, single?: string, bare?: string) => {
      const to = resolve((double ?? single ?? bare ?? '').trim());
      return to === null ? 'none' : `url("${to.replace(/["\\\n\r]/g, '')}")`;
    })
    .replace(/url\((?!")/gi, 'blocked(');
}
