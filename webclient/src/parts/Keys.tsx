import { cx } from './cx';

const APPLE = /Mac|iP(hone|ad|od)/.test(navigator.userAgent);
const NAMES: Record<string, string> = {
  mod: APPLE ? '⌘' : 'Ctrl',
  shift: APPLE ? '⇧' : 'Shift',
  alt: APPLE ? '⌥' : 'Alt',
  enter: '⏎',
  escape: 'Esc',
  arrowup: '↑',
  arrowdown: '↓',
};

/** Keys as in the key table ("g i", "mod+Enter"), drawn. */
export function Keys({ keys, inverted }: { keys: string; inverted?: boolean }) {
  return (
    <span className="inline-flex items-center gap-1">
      {keys.split(' ').map((stroke, at) => (
        <kbd
          key={at}
          className={cx(
            'rounded border px-1 font-sans text-xs',
            inverted ? 'border-current/40' : 'border-line bg-canvas text-muted',
          )}
        >
          {stroke
            .split(/\+(?!$)/)
            .map((key) => NAMES[key.toLowerCase()] ?? key)
            .join(APPLE ? '' : '+')}
        </kbd>
      ))}
    </span>
  );
}
