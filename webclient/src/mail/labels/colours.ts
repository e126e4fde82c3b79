// Colours of labels. Each is a hue that tokens.css gives its lightness for the theme (--label-red and so
// on); the name is what the settings keep.
import type { CSSProperties } from 'react';

import type { Settings } from '@/api/settings';
import { settings, updateSettings } from '@/api/settings';
import type { Id } from '@/api/types';

export const COLOURS = [
  'red', 'orange', 'yellow', 'green', 'teal', 'blue', 'violet', 'pink',
] as const; // prettier-ignore
export type Colour = (typeof COLOURS)[number];

export function colourOf(id: Id, { labelColours }: Settings): Colour | undefined {
  return COLOURS.find((colour) => colour === labelColours[id]);
}

/** undefined: none. */
export function setColour(id: Id, colour: Colour | undefined): Promise<void> {
  const { [id]: _, ...others } = settings().labelColours;
  return updateSettings({
    labelColours: colour === undefined ? others : { ...others, [id]: colour },
  });
}

/** For what is drawn in the colour: chips, icons. */
export const inColour = (colour: Colour | undefined): CSSProperties =>
  colour === undefined ? {} : ({ '--label': `var(--label-${colour})` } as CSSProperties);
