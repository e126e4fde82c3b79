// From the server's 250 to the row on the screen.
import { expect, row, rows, test } from '../e2e/support/fixtures';
import { installPainted, quantile, report, within } from './measure';

const MESSAGES = 60;

test('mail that comes in', async ({ me, mail, signedIn }) => {
  await mail(me, { subject: 'the first' });
  const page = await signedIn(me);
  await installPainted(page);
  await page.goto('/mail/inbox');
  await expect(row(page, 'the first')).toBeVisible();
  await expect(rows(page)).toHaveCount(1);
  const times: number[] = [];
  for (let number = 0; number < MESSAGES; number += 1) {
    const subject = `arrival ${number} of many`;
    const shown = page.evaluate(
      (words) =>
        window
          .painted(() =>
            Array.from(document.querySelectorAll('[role=row]')).some((each) =>
              each.textContent?.includes(words),
            ),
          )
          .then((at) => performance.timeOrigin + at),
      subject,
    );
    const accepted = await mail(me, { subject });
    times.push((await shown) - accepted);
  }
  report('from 250 to the row on the screen', times);
  within('250 to visible row, p95', quantile(times, 0.95), 200);
});
