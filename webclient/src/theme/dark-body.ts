// Mail that knows only paper, in the dark: the lightness of texts and grounds is turned in OKLab, hue
// stays; images and strongly coloured blocks are left alone.

interface Colour {
  l: number;
  a: number;
  b: number;
  alpha: number;
}

/** Björn Ottosson's OKLab, from what getComputedStyle says: rgb(…) or rgba(…). */
export function oklabOf(css: string): Colour | null {
  const found = /^rgba?\(([\d.]+)[, ]+([\d.]+)[, ]+([\d.]+)(?:[,/ ]+([\d.]+))?\)$/.exec(css);
  if (!found) return null;
  const linear = (text: string | undefined) => {
    const value = Number(text) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  const [r, g, b] = [linear(found[1]), linear(found[2]), linear(found[3])];
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return {
    l: 0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    a: 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    b: 0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
    alpha: found[4] === undefined ? 1 : Number(found[4]),
  };
}

const write = ({ l, a, b, alpha }: Colour) =>
  `oklab(${l.toFixed(3)} ${a.toFixed(3)} ${b.toFixed(3)} / ${alpha})`;
const chroma = ({ a, b }: Colour) => Math.hypot(a, b);

// The surface of the dark theme, about.
const GROUND = 0.22;
const SURFACE = { l: 0.2275, a: -0.0015, b: -0.0152 };
const SATURATED = 0.11;
const LEAST_TEXT = 0.72;

/** A ground: light ones become dark; dark and strongly coloured ones stay (null). */
export function darkGround(colour: Colour): Colour | null {
  if (colour.alpha < 0.05 || colour.l < 0.5 || (chroma(colour) > SATURATED && colour.l < 0.9))
    return null;
  // White is the theme's own surface (--surface); greys stand out from it as they did from white.
  if (colour.l > 0.97 && chroma(colour) < 0.02) return { ...SURFACE, alpha: colour.alpha };
  return { ...colour, l: GROUND + (1 - colour.l) * 0.45, a: colour.a * 0.7, b: colour.b * 0.7 };
}

/** A text on a dark ground: dark ones become light, with at least 4.5:1. */
export function lightText(colour: Colour): Colour | null {
  if (colour.l >= LEAST_TEXT) return null;
  return { ...colour, l: Math.max(LEAST_TEXT, Math.min(0.95, 1 - colour.l * 0.75)) };
}

const MOST_ELEMENTS = 8000;

/** Darkens a rendered message. First everything is read, then written: one layout, not thousands. */
export function darken(body: HTMLElement): void {
  const view = body.ownerDocument.defaultView;
  if (!view) return;
  const elements = [body, ...body.querySelectorAll<HTMLElement>('*')].slice(0, MOST_ELEMENTS);
  // Whether the ground below an element is dark once all is done.
  const onDark = new Map<Element, boolean>();
  const changes: [HTMLElement, string, string][] = [];
  for (const element of elements) {
    const style = view.getComputedStyle(element);
    const inherited = element === body || (onDark.get(element.parentElement ?? body) ?? true);
    const ground = oklabOf(style.backgroundColor);
    let dark = inherited;
    if (ground && ground.alpha >= 0.05) {
      const next = darkGround(ground);
      if (next) changes.push([element, 'background-color', write(next)]);
      dark = next !== null || ground.l < 0.5;
    }
    onDark.set(element, dark);
    const text = oklabOf(style.color);
    if (text && dark) {
      const next = lightText(text);
      if (next) changes.push([element, 'color', write(next)]);
    } else if (text && element !== body && inherited !== dark) {
      // On a block that was left alone the text keeps its own colour, whatever is around.
      changes.push([element, 'color', style.color]);
    }
    const border = oklabOf(style.borderTopColor);
    if (border && style.borderTopWidth !== '0px' && border.l > 0.6 && chroma(border) < SATURATED) {
      changes.push([element, 'border-color', write({ ...border, l: 0.4 })]);
    }
  }
  for (const [element, property, value] of changes)
    element.style.setProperty(property, value, 'important');
}
