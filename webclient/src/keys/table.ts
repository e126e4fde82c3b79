// The one table of commands and their keys. Help, palette, hints and dispatch are made from it; what a
// command does is given by whoever can do it just now (useCommand).

export type Where = 'everywhere' | 'list' | 'thread' | 'compose';

export interface Command {
  id: string;
  /** Alternatives; a space stands between strokes one after the other ("g i"). */
  keys: string[];
  /** Where it makes sense: for grouping in the help. */
  when: Where;
  /** Message id of its name. */
  label: string;
  /** Not offered in the palette (movement). */
  quiet?: boolean;
}

const command = (id: string, keys: string, when: Where, quiet = false): Command => ({
  id,
  keys: keys === '' ? [] : keys.split(', '),
  when,
  label: `key.${id}`,
  ...(quiet ? { quiet } : {}),
});

/** The Gmail set; the others below say what differs. */
export const COMMANDS = [
  command('compose', 'c', 'everywhere'),
  command('search', '/', 'everywhere'),
  command('help', '?', 'everywhere'),
  command('palette', 'mod+k', 'everywhere', true),
  command('undo', 'mod+z, z', 'everywhere'),
  command('go-inbox', 'g i', 'everywhere'),
  command('go-starred', 'g s', 'everywhere'),
  command('go-sent', 'g t', 'everywhere'),
  command('go-drafts', 'g d', 'everywhere'),
  command('go-all', 'g a', 'everywhere'),
  command('go-snoozed', 'g b', 'everywhere'),
  command('go-people', 'g c', 'everywhere'),
  command('go-mailbox', 'g l', 'everywhere'),
  command('scheduled', '', 'everywhere'),
  command('go-settings', 'g ,', 'everywhere'),
  command('next', 'j', 'list', true),
  command('previous', 'k', 'list', true),
  command('extend-next', 'shift+j', 'list', true),
  command('extend-previous', 'shift+k', 'list', true),
  command('open', 'o', 'list', true),
  command('back', 'u', 'thread', true),
  command('select', 'x', 'list', true),
  command('select-all', '* a', 'list'),
  command('select-none', '* n', 'list'),
  command('select-read', '* r', 'list'),
  command('select-unread', '* u', 'list'),
  command('select-starred', '* s', 'list'),
  command('select-unstarred', '* t', 'list'),
  command('archive', 'e', 'list'),
  command('delete', '#, Delete', 'list'),
  command('spam', '!', 'list'),
  command('star', 's', 'list'),
  command('mute', 'm', 'list'),
  command('snooze', 'b', 'list'),
  command('move', 'v', 'list'),
  command('label', 'l', 'list'),
  command('read', 'shift+i', 'list'),
  command('unread', 'shift+u', 'list'),
  command('archive-next', ']', 'thread'),
  command('archive-previous', '[', 'thread'),
  command('refresh', 'shift+n', 'list'),
  command('reply', 'r', 'thread'),
  command('reply-all', 'a', 'thread'),
  command('forward', 'f', 'thread'),
  command('next-message', 'n', 'thread', true),
  command('previous-message', 'p', 'thread', true),
  command('expand-all', ';', 'thread'),
  command('fold-all', ':', 'thread'),
  command('print', 'mod+p', 'thread'),
  command('send', 'mod+Enter', 'compose'),
  command('discard', 'mod+shift+d', 'compose'),
] as const satisfies readonly Command[];

export type CommandId = (typeof COMMANDS)[number]['id'];

type Differences = Partial<Record<string, string[]>>;

/** Sets of other programs, as far as they differ. */
export const KEY_SETS: Record<'gmail' | 'outlook' | 'apple', Differences> = {
  gmail: {},
  outlook: {
    compose: ['mod+shift+m', 'n'],
    delete: ['Delete', '#'],
    archive: ['Backspace', 'e'],
    read: ['q', 'mod+q'],
    unread: ['u', 'mod+u'],
    back: ['Escape'],
    reply: ['r', 'mod+r'],
    'reply-all': ['shift+r', 'mod+shift+r'],
    forward: ['shift+f', 'mod+shift+f'],
    star: ['Insert', 's'],
    spam: ['j'],
    next: ['ArrowDown'],
    previous: ['ArrowUp'],
    'next-message': ['.'],
    'previous-message': [','],
    'go-settings': ['g o'],
  },
  apple: {
    compose: ['mod+shift+n', 'c'],
    delete: ['Backspace', 'Delete'],
    archive: ['ctrl+mod+a', 'e'],
    reply: ['mod+shift+r', 'r'],
    'reply-all': ['mod+alt+r', 'a'],
    forward: ['mod+shift+f', 'f'],
    unread: ['mod+shift+u', 'shift+u'],
    star: ['mod+shift+l', 's'],
    spam: ['mod+shift+j', '!'],
    search: ['mod+alt+f', '/'],
  },
};

export interface KeyChoice {
  keySet: 'gmail' | 'outlook' | 'apple';
  keyBindings: Record<string, string[]>;
}

/** The keys of a command for a person's choice. */
export function keysOf(id: string, choice: KeyChoice): string[] {
  return (
    choice.keyBindings[id] ??
    KEY_SETS[choice.keySet][id] ??
    COMMANDS.find((each) => each.id === id)?.keys ??
    []
  );
}
