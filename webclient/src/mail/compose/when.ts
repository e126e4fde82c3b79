// Times to send at, in the person's own zone.

const MORNING = 8;

function morning(now: Date, days: number): Date {
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, MORNING);
}

export function presets(now: Date): { id: 'tomorrow' | 'monday'; at: Date }[] {
  const toMonday = (8 - now.getDay()) % 7 || 7;
  const found: { id: 'tomorrow' | 'monday'; at: Date }[] = [
    { id: 'tomorrow', at: morning(now, 1) },
  ];
  if (toMonday > 1) found.push({ id: 'monday', at: morning(now, toMonday) });
  return found;
}
