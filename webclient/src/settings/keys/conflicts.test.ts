import { describe, expect, it } from 'vitest';

import { conflictsOf } from './conflicts';

const choice = { keySet: 'gmail' as const, keyBindings: {} };

describe('keys of two commands', () => {
  it('are in each other’s way when they are the same', () => {
    expect(conflictsOf('archive', ['c'], choice)).toEqual(['key.compose']);
  });

  it('are when one begins the other', () => {
    expect(conflictsOf('archive', ['g'], choice)).toContain('key.go-inbox');
    expect(conflictsOf('archive', ['c x'], choice)).toEqual(['key.compose']);
  });

  it('are not where they are never meant at the same time', () => {
    expect(conflictsOf('send', ['e'], choice)).toEqual([]);
  });

  it('are not with a command whose keys were changed', () => {
    const other = { ...choice, keyBindings: { compose: ['mod+n'] } };
    expect(conflictsOf('archive', ['c'], other)).toEqual([]);
  });

  it('are compared whatever the order of modifiers', () => {
    expect(conflictsOf('compose', ['shift+mod+D'], choice)).toEqual(['key.discard']);
  });
});
