// Which commands can run now, and running them. The newest registration of a command wins.
import { useEffect, useRef } from 'react';
import { create } from 'zustand';

import { settings, useSettings } from '@/api/settings';

import { normal, strokeOf, types } from './stroke';
import { COMMANDS, type CommandId, keysOf } from './table';

interface Registration {
  run: (() => void) | { current: () => void };
}

interface CommandState {
  active: ReadonlyMap<CommandId, readonly Registration[]>;
}

export const useCommands = create<CommandState>()(() => ({ active: new Map() }));

function change(
  id: CommandId,
  edit: (list: readonly Registration[]) => readonly Registration[],
): void {
  useCommands.setState(({ active }) => {
    const list = edit(active.get(id) ?? []);
    const next = new Map(active);
    if (list.length > 0) next.set(id, list);
    else next.delete(id);
    return { active: next };
  });
}

/** While the component is there (and `enabled`), the command does `run`. */
export function useCommand(id: CommandId, run: () => void, enabled = true): void {
  const current = useRef(run);
  useEffect(() => {
    current.current = run;
  });
  useEffect(() => {
    if (!enabled) return undefined;
    const registration: Registration = { run: current };
    change(id, (list) => [...list, registration]);
    return () => change(id, (list) => list.filter((each) => each !== registration));
  }, [id, enabled]);
}

/** Runs a command; false: nobody can just now. */
export function runCommand(id: CommandId): boolean {
  const found = useCommands.getState().active.get(id)?.at(-1);
  if (!found) return false;
  if (typeof found.run === 'function') found.run();
  else found.run.current();
  return true;
}

/** The first key of a command for hints; undefined when keys are off or it has none. */
export function useHint(id: CommandId): string | undefined {
  const choice = useSettings();
  return choice.keysOff ? undefined : keysOf(id, choice)[0];
}

// -- dispatch -----------------------------------------------------------------------------------------------

const SEQUENCE_TIME = 1200;

let held = 0;

/** Single keys do nothing until the result is called. */
export function holdKeys(): () => void {
  held += 1;
  return () => {
    held -= 1;
  };
}

/** A field that takes what is typed. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target.closest('[contenteditable="true"]')) return true;
  if (target instanceof HTMLInputElement) {
    return !/^(checkbox|radio|button|submit|reset|file|range|color)$/.test(target.type);
  }
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}

/** Listens on `target` until the result is called. Radix's open menus and dialogs keep their keys. */
export function listenForKeys(target: Window): () => void {
  let pending: string[] = [];
  let timer = 0;
  const onKey = (event: KeyboardEvent): void => {
    if (
      event.defaultPrevented ||
      event.isComposing ||
      ['Shift', 'Control', 'Alt', 'Meta', 'AltGraph'].includes(event.key)
    ) {
      return;
    }
    const stroke = strokeOf(event);
    const typing = isTyping(event.target);
    const choice = settings();
    if (types(stroke) && (typing || choice.keysOff || held > 0)) {
      pending = [];
      return;
    }
    const layer =
      event.target instanceof Element && event.target.closest('[role="menu"], [role="listbox"]');
    if (layer) return;
    const inDialog = document.querySelector(
      '[role="dialog"][data-state="open"], [role="alertdialog"][data-state="open"]',
    );
    const strokes = [...pending, stroke];
    let longer = false;
    for (const { id } of COMMANDS) {
      // A dialog is open: only what belongs to it or to writing may run.
      if (inDialog && !['send', 'discard', 'help', 'palette'].includes(id)) continue;
      for (const keys of keysOf(id, choice)) {
        const wanted = keys.split(' ').map(normal);
        // In a field only keys with a modifier mean a command; Delete and arrows belong to the text.
        if (typing && (wanted.length > 1 || !/(^|\+)(mod|ctrl|meta|alt)\+/.test(wanted[0] ?? '')))
          continue;
        if (typing && wanted[0] === 'mod+z') continue;
        if (!strokes.every((each, at) => wanted[at] === each)) continue;
        if (wanted.length > strokes.length) {
          longer = true;
        } else if (runCommand(id)) {
          event.preventDefault();
          pending = [];
          return;
        }
      }
    }
    window.clearTimeout(timer);
    if (longer) {
      pending = strokes;
      event.preventDefault();
      timer = window.setTimeout(() => {
        pending = [];
      }, SEQUENCE_TIME);
    } else {
      const retry = pending.length > 0;
      pending = [];
      if (retry) onKey(event); // "g x": x stands for itself
    }
  };
  target.addEventListener('keydown', onKey);
  return () => {
    target.removeEventListener('keydown', onKey);
    window.clearTimeout(timer);
  };
}
