import { normal } from '@/keys/stroke';
import { COMMANDS, type KeyChoice, keysOf, type Where } from '@/keys/table';

/** Whether two commands can be meant at the same time. Lists and what is read stand side by side. */
function meet(a: Where, b: Where): boolean {
  return (
    a === b || a === 'everywhere' || b === 'everywhere' || (a !== 'compose' && b !== 'compose')
  );
}

/** Text ids of the commands whose keys `keys` would take away from, or begin with. */
export function conflictsOf(id: string, keys: readonly string[], choice: KeyChoice): string[] {
  const own = COMMANDS.find((each) => each.id === id);
  if (!own) return [];
  const spell = (one: string) => one.split(' ').map(normal).join(' ');
  const wanted = keys.map(spell);
  return COMMANDS.filter(
    (each) =>
      each.id !== id &&
      meet(own.when, each.when) &&
      keysOf(each.id, choice)
        .map(spell)
        .some((taken) =>
          wanted.some(
            (mine) =>
              mine === taken || taken.startsWith(`${mine} `) || mine.startsWith(`${taken} `),
          ),
        ),
  ).map((each) => each.label);
}
