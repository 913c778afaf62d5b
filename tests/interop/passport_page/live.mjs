// The page of a passport that a service has issued.
//
//   node live.mjs CHROMIUM WORK URL NAME OUTCOME CHECK=OUTCOME,…
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const [executablePath, work, url, name, outcome, checks] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath, args: process.getuid() === 0 ? ['--no-sandbox'] : [],
});
try {
  const page = await browser.newPage({ viewport: { width: 1000, height: 1400 } });
  const faults = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) &&
    faults.push(message.text()));
  assert.equal((await page.goto(url)).status(), 200);
  // A head of the log may take a moment to cover it.
  for (let i = 0; i < 50; i += 1) {
    await page.waitForFunction(() => !['none', 'busy'].includes(
      document.getElementById('verdict').dataset.outcome));
    if (await page.locator('[data-check="log"][data-outcome="warn"]').count() === 0) break;
    await page.waitForTimeout(200);
    await page.click('#again');
  }
  const all = await page.$$eval('[data-check]', (items) => Object.fromEntries(items.map((item) => [
    item.dataset.check, `${item.dataset.outcome} ${item.textContent}`])));
  for (const part of checks.split(',')) {
    const [check, wanted] = part.split('=');
    assert.ok(all[check].startsWith(`${wanted} `), `${check}: ${all[check]}`);
  }
  assert.equal(await page.getAttribute('#verdict', 'data-outcome'), outcome);
  assert.deepEqual(faults, []);
  mkdirSync(join(work, 'screenshots'), { recursive: true });
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: join(work, 'screenshots', `live-${name}-${colorScheme}.png`),
      fullPage: true });
  }
} finally {
  await browser.close();
}
