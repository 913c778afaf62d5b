// examples/passport/conformance in a browser: its parser reads the pages, discover.js judges them.
//
//   node conformance.mjs CHROMIUM FOLDER
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const [executablePath, folder] = process.argv.slice(2);
const read = (name) => readFileSync(join(folder, name), 'utf8');
const { site, cases } = JSON.parse(read('expected.json'));
const script = read('discover.js');

// What is at an address, redirects followed.
function served(serves, url) {
  const there = serves[url] || { status: 404 };
  if (typeof there === 'string') return { status: 200, url, text: read(there), bytes: read(there).length };
  if (there.redirect) return served(serves, there.redirect);
  const text = there.text || '';
  return { status: there.status || 200, url, text, bytes: there.bytes || text.length };
}

const browser = await chromium.launch({
  executablePath, args: process.getuid() === 0 ? ['--no-sandbox'] : [],
});
let failed = 0;
try {
  const page = await browser.newPage();
  let one;
  await page.route('**', (route) => route.fulfill({
    status: route.request().isNavigationRequest() ? 200 : 404,
    contentType: 'text/html; charset=utf-8', body: read(one.page),
  }));
  await page.exposeFunction('servedAt', (url) => served(one.serves, url));
  for (one of cases) {
    await page.goto(`${site}/${one.page}`);
    const found = await page.evaluate(`${script}
      discover(document, window.location.href, ${JSON.stringify(one.header || null)}, window.servedAt)
        .then(({ outcome, url }) => ({ outcome, url }))`);
    try {
      assert.deepEqual([found.outcome, found.url], [one.outcome, one.url]);
    } catch (error) {
      failed += 1;
      console.log(`FAILED ${one.page}: ${error.message}`);
    }
  }
} finally {
  await browser.close();
}
console.log(`${cases.length - failed} of ${cases.length} pages are found as they must be`);
process.exitCode = failed > 0 ? 1 : 0;
