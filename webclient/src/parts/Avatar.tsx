import { cx } from './cx';

// Twelve hues of one lightness; white letters have 4.5:1 on each.
const HUES = [12, 32, 60, 95, 140, 165, 190, 215, 245, 275, 305, 340];

function hueOf(text: string): number {
  let hash = 0;
  for (const char of text) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) >>> 0;
  return HUES[hash % HUES.length] ?? 215;
}

/** The first letter on a colour that stays with the address. Decoration: the name stands beside it. */
export function Avatar({
  name,
  address,
  size = 32,
}: {
  name: string;
  address: string;
  size?: number;
}) {
  const letter = [...(name.trim() || address)].find((char) => /[\p{L}\p{N}]/u.test(char)) ?? '?';
  return (
    <span
      aria-hidden
      className={cx(
        'inline-flex shrink-0 items-center justify-center rounded-full font-medium text-white select-none',
      )}
      style={{
        width: size,
        height: size,
        fontSize: size * 0.44,
        background: `oklch(0.5 0.11 ${hueOf(address.toLowerCase())})`,
      }}
    >
      {letter.toUpperCase()}
    </span>
  );
}
