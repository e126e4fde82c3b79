// The budgets, in kB gzipped: what the page loads at the start, each lazy area, the styles.
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const BUDGETS = [
  // [name, entries of the manifest whose static imports count, kB]
  ['start', ['index.html', 'src/text/en/index.ts', 'src/mail/MailPage.tsx'], 180],
  ['composer', ['src/mail/compose/ComposerLayer.tsx', 'src/mail/compose/editor/Editor.tsx'], 160],
  ['people', ['src/people/PeoplePage.tsx'], 30],
  ['settings', ['src/settings/SettingsPage.tsx'], 60],
  ['admin', ['src/admin/AdminPage.tsx'], 60],
];
const CSS_BUDGET = 20;

const manifest = JSON.parse(readFileSync('../mailsys/web/static/.vite/manifest.json', 'utf8'));
const gz = (file) =>
  gzipSync(readFileSync(`../mailsys/web/static/${file}`), { level: 9 }).length / 1000;

function closure(keys, seen = new Set()) {
  for (const key of keys) {
    const chunk = manifest[key];
    if (chunk === undefined || seen.has(key)) continue;
    seen.add(key);
    closure(chunk.imports ?? [], seen);
  }
  return seen;
}

let failed = false;
const start = closure(BUDGETS[0][1]);
for (const [name, entries, budget] of BUDGETS) {
  const own = [...closure(entries)].filter((key) => name === 'start' || !start.has(key));
  const total = own.reduce((sum, key) => sum + gz(manifest[key].file), 0);
  const over = total > budget;
  failed ||= over;
  console.log(`${over ? 'OVER' : 'ok  '} ${name}: ${total.toFixed(1)} kB of ${budget} kB gzipped`);
}
const sheets = new Set([...start].flatMap((key) => manifest[key].css ?? []));
const css = [...sheets].reduce((sum, file) => sum + gz(file), 0);
failed ||= css > CSS_BUDGET;
console.log(
  `${css > CSS_BUDGET ? 'OVER' : 'ok  '} styles: ${css.toFixed(1)} kB of ${CSS_BUDGET} kB gzipped`,
);
process.exit(failed ? 1 : 0);
