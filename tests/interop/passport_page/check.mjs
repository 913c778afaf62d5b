// The page of a passport in a browser: what it shows of good and of bad ones, with and without
// script, in both themes; what axe finds; keyboard; narrow screens.
//
//   node check.mjs RENDER WORK CHROMIUM     screenshots go to WORK/screenshots
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { ID, Key, LogKey, World, canonical, documentOf } from './world.mjs';

const [render, work, executablePath] = process.argv.slice(2);
const shots = join(work, 'screenshots');
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const THEMES = ['light', 'dark'];
const PLAIN_HOST = 'plain.example'; // http and not loopback: no secure context
const world = new World(render, work);
const DAY = 86400;
let browser;
let passed = 0;

// --- a visit ----------------------------------------------------------------------------------

async function open(options = {}, before = async () => {}, host = undefined) {
  const context = await browser.newContext({
    viewport: { width: 1000, height: 1400 }, reducedMotion: 'reduce', ...options,
  });
  const page = await context.newPage();
  page.faults = [];
  page.on('pageerror', (error) => page.faults.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') {
      page.faults.push(message.text());
    }
  });
  page.on('dialog', (dialog) => {
    page.faults.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  await before(page, context);
  const response = await page.goto(world.url(host));
  page.answered = response;
  return page;
}

const settled = (page) => page.waitForFunction(() => !['none', 'busy'].includes(
  document.getElementById('verdict').dataset.outcome));

async function outcomes(page) {
  return page.$$eval('[data-check]', (items) => Object.fromEntries(items.map((item) => [
    item.dataset.check, item.dataset.outcome])));
}

async function verdict(page) {
  return page.$eval('#verdict', (part) => ({
    outcome: part.dataset.outcome, title: part.querySelector('h2').textContent,
    text: part.querySelector('#verdict-text').textContent,
  }));
}

// Nothing is shown as good: no check, not the headline, no word of it.
async function nothingGood(page) {
  assert.equal(await page.locator('[data-outcome="pass"]').count(), 0, 'something is green');
  const words = await page.$$eval('.outcome', (parts) => parts.map((part) => part.textContent));
  assert.ok(words.every((word) => !word.includes('holds')), words.join());
}

async function quiet(page) {
  assert.deepEqual(page.faults, [], 'the console is quiet');
}

async function accessible(page, name) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  assert.deepEqual(found.violations.map((violation) => `${violation.id}: ${violation.help} ${
    violation.nodes.map((node) => `${node.html} ${node.failureSummary}`).join('; ')}`), [], name);
  assert.ok(found.passes.some((rule) => rule.id === 'color-contrast'), 'contrast was looked at');
}

// Each state in both themes: looked at by axe, kept as a picture.
async function pictures(page, name) {
  for (const colorScheme of THEMES) {
    await page.emulateMedia({ colorScheme });
    await accessible(page, `${name} ${colorScheme}`);
    await page.screenshot({ path: join(shots, `${name}-${colorScheme}.png`), fullPage: true });
  }
}

async function test(name, body) {
  try {
    await body();
    passed += 1;
    console.log(`ok ${name}`);
  } catch (error) {
    console.log(`FAILED ${name}: ${error.stack}`);
    process.exitCode = 1;
  } finally {
    await Promise.all(browser.contexts().map((context) => context.close()));
    world.bundleText = undefined;
    world.shown = undefined;
    world.later = 0;
  }
}

// A passport and what its page must come to: the headline, and checks with their outcomes.
async function expect(name, outcome, checks, { said = '', before, picture = true } = {}) {
  const page = await open({}, before);
  await settled(page);
  const is = await verdict(page);
  assert.equal(is.outcome, outcome, JSON.stringify([is, await outcomes(page)]));
  const all = await outcomes(page);
  for (const [check, wanted] of Object.entries(checks)) {
    const text = await page.textContent(`[data-check="${check}"]`);
    assert.equal(all[check], wanted, `${check}: ${text}`);
  }
  const text = await page.textContent('main');
  assert.ok(text.includes(said), `${said} is not said`);
  if (outcome !== 'pass') assert.ok(!is.title.startsWith('In order, as'), is.title);
  await quiet(page);
  if (picture) await pictures(page, name);
  return page;
}

const tampered = (change) => {
  const bundle = structuredClone(world.bundle);
  change(bundle);
  world.bundleText = JSON.stringify(bundle);
};

// --- the cases --------------------------------------------------------------------------------

const GOOD = { page: 'pass', parse: 'pass', schema: 'pass', algorithm: 'pass', key: 'pass',
  signature: 'pass', times: 'pass', origin: 'na', evidence: 'skipped', supply_chain: 'skipped',
  auditors: 'skipped', status: 'pass', log: 'pass' };

async function goodAndMock() {
  await test('a good one', async () => {
    world.reset();
    const page = await expect('good', 'pass', GOOD, { said: 'That the key is the issuer\'s is this' });
    assert.match(page.answered.headers()['content-security-policy'], /default-src 'none'/);
    assert.ok((await page.textContent('main')).includes('The issuer says: valid, as of'));
  });
  await test('an endpoint of the passport shows it itself', async () => {
    world.reset({ changes: { endpoints: [`http://127.0.0.1:${world.port}`] } });
    await expect('endpoint', 'pass', { origin: 'pass', page: 'pass' }, { picture: false });
  });
  await test('mock is amber', async () => {
    const tee = { ...documentOf(Math.floor(Date.now() / 1000)).tee, type: 'MOCK' };
    world.reset({ changes: { tee, is_mock: true } });
    const page = await expect('mock', 'warn', { evidence: 'warn', signature: 'pass', log: 'pass' },
      { said: 'Mock: proves nothing about hardware.' });
    assert.equal((await verdict(page)).title, 'Signed, but mock');
  });
  await test('a test store is amber', async () => {
    world.reset({ changes: { test: true } });
    const page = await expect('test', 'warn', { evidence: 'warn' },
      { said: 'Test: proves nothing about now.' });
    assert.equal((await verdict(page)).title, 'Signed, but a test');
  });
  await test('what is only declared is amber', async () => {
    const { container, auditors } = documentOf(world.now);
    delete container.source;
    auditors[1].source = 'declared';
    auditors[0].status = 'inactive';
    world.reset({ changes: { container, auditors } });
    await expect('declared', 'warn', { supply_chain: 'warn', auditors: 'warn', page: 'pass' },
      { said: 'the operator\'s word alone' });
  });
  await test('no head of the log yet is amber', async () => {
    world.reset();
    world.bundle.proof = null;
    await expect('pending', 'warn', { log: 'warn', status: 'pass' });
  });
}

async function bad() {
  await test('a document with a changed byte', async () => {
    world.reset();
    await expect('tampered', 'fail', { signature: 'fail', page: 'fail', log: 'fail' }, {
      before: (page) => page.route('**/v1/passports/*?bundle=1', async (route) => {
        const answer = await route.fetch();
        await route.fulfill({ response: answer,
          body: (await answer.text()).replace('"level":3', '"level":4') });
      }),
    });
  });
  await test('a page that shows something else than was signed', async () => {
    world.reset();
    world.shown = world.sign(documentOf(world.now, { appName: 'Another Assistant' }));
    await expect('other-page', 'fail', { page: 'fail', signature: 'pass' });
  });
  const statements = {
    'a name': ['data-is="/appName">Harbour Assistant', 'data-is="/appName">Harbour Bank'],
    'a date': ['Z" data-is="/expiresAt"', 'Z " data-is="/expiresAt"'],
    'the words of a date': [' UTC</time></dd></div>\n<div class="fact"><dt>Issuer',
      ' GMT</time></dd></div>\n<div class="fact"><dt>Issuer'],
    'the words of a level': ['Level 3 of 4', 'Level 4 of 4'],
    'a level': ['data-value="3"', 'data-value="4"'],
    'by whose word': ['data-is="/auditors/1/source" data-value="reference"',
      'data-is="/auditors/1/source" data-value="bound"'],
    'one auditor more': ['</dl></li>\n</ul>', '</dl></li><li>And one more</li>\n</ul>'],
  };
  for (const [name, [from, to]] of Object.entries(statements)) {
    await test(`a page on which a statement was changed: ${name}`, async () => {
      world.reset();
      const page = await open({}, (one) => one.route(world.url(), async (route) => {
        const answer = await route.fetch();
        const text = await answer.text();
        assert.ok(text.includes(from));
        await route.fulfill({ response: answer, body: text.replace(from, to) });
      }));
      await settled(page);
      assert.equal((await outcomes(page)).page, 'fail');
      assert.equal((await verdict(page)).outcome, 'fail');
    });
  }
  await test('an expired one', async () => {
    const now = Math.floor(Date.now() / 1000);
    world.reset({ now, options: { status: 'expired' },
      changes: { issuedAt: '2026-01-01T00:00:00Z', expiresAt: '2026-01-31T00:00:00Z',
        renewAfter: '2026-01-16T00:00:00Z' } });
    await expect('expired', 'fail', { times: 'fail', signature: 'pass' }, { said: 'Expired.' });
  });
  await test('one that expires while it is looked at', async () => {
    world.reset({ changes: { renewAfter: undefined, expiresAt: new Date(
      (Math.floor(Date.now() / 1000) + 90) * 1000).toISOString().replace(/\.\d+Z/, 'Z') } });
    const page = await open({}, (one) => one.clock.install());
    await settled(page);
    assert.equal((await verdict(page)).outcome, 'pass');
    world.later = 130;
    await page.clock.runFor(130000);
    await page.waitForSelector('[data-check="times"][data-outcome="fail"]');
    assert.equal((await verdict(page)).outcome, 'fail');
  });
  await test('a revoked one', async () => {
    const now = Math.floor(Date.now() / 1000);
    world.reset({ now, options: { status: 'revoked', at: now - 500, reason: 'keyCompromise' } });
    world.revoked = [{ id: ID, reason: 'keyCompromise', at: now - 500 }];
    await expect('revoked', 'fail', { status: 'fail', signature: 'pass' }, { said: 'Revoked.' });
  });
  await test('one that is revoked while it is looked at', async () => {
    world.reset();
    const page = await open({}, (one) => one.clock.install());
    await settled(page);
    assert.equal((await verdict(page)).outcome, 'pass');
    world.revoked = [{ id: ID, reason: 'operatorRequest', at: world.now }];
    world.later = 61;
    await page.clock.runFor(61000);
    await page.waitForSelector('#verdict[data-outcome="fail"]');
    await page.waitForSelector('[data-check="status"][data-outcome="fail"]');
  });
  await test('a superseded one, and one that will be', async () => {
    world.reset();
    const by = 'pass-zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz';
    world.options = { status: 'superseded', at: world.now - 5, by };
    world.superseded = [{ id: ID, by, at: world.now - 5 }];
    await expect('superseded', 'fail', { status: 'fail' }, { said: by });
    world.options = { by };
    world.superseded = [{ id: ID, by, at: world.now + 5000 }];
    await expect('successor', 'pass', { status: 'pass' }, { said: 'There is a newer one.' });
  });
  const proofs = {
    'a step of the path': (bundle) => { bundle.proof.path[1] = bundle.proof.path[0]; },
    'no path': (bundle) => { bundle.proof.path = []; },
    'another place': (bundle) => { bundle.proof.leaf_index = 3; },
    'a place outside': (bundle) => { bundle.proof.leaf_index = 9; },
    'a text for a place': (bundle) => { bundle.proof.leaf_index = '4'; },
    'a record of another passport': (bundle) => { bundle.record.passportDigest = 'sha256:00'; },
    'a changed record': (bundle) => { bundle.record.application = 'other'; },
    'a changed entry': (bundle) => { bundle.entry = `AAAA${bundle.entry.slice(4)}`; },
    'no record': (bundle) => { delete bundle.record; },
    'a changed checkpoint': (bundle) => {
      bundle.proof.checkpoint = bundle.proof.checkpoint.replace('\n7\n', '\n8\n');
    },
  };
  for (const [name, change] of Object.entries(proofs)) {
    await test(`wrong log proof: ${name}`, async () => {
      world.reset();
      tampered(change);
      const page = await open();
      await settled(page);
      const all = await outcomes(page);
      const wanted = name === 'a changed checkpoint' ? 'unknown' : 'fail';
      assert.equal(all.log, wanted, await page.textContent('[data-check="log"]'));
      assert.equal((await verdict(page)).outcome, wanted);
      if (name === 'another place') await pictures(page, 'wrong-proof');
    });
  }
  const documents = {
    'another schema': (bundle) => { bundle.passport.$schema = 'https://other.example'; },
    'another algorithm': (bundle) => { bundle.passport.signature.algorithm = 'none'; },
    'no signature': (bundle) => { delete bundle.passport.signature; },
    'a short signature': (bundle) => { bundle.passport.signature.value = 'AAAA'; },
    'another id': (bundle) => { bundle.passport.passportId = `${ID}a`; },
    'a lone surrogate': (bundle) => { bundle.passport.appName = '\ud800'; },
    'another key id': (bundle) => { bundle.passport.signature.kid = 'x'; },
    'text for an object': (bundle) => { bundle.passport.tee = 'AMD'; },
    'a number for a list': (bundle) => { bundle.passport.auditors = 7; },
  };
  for (const [name, change] of Object.entries(documents)) {
    await test(`wrong document: ${name}`, async () => {
      world.reset();
      tampered(change);
      const page = await open();
      await settled(page);
      assert.equal((await verdict(page)).outcome, 'fail', JSON.stringify(await outcomes(page)));
    });
  }
}

async function keys() {
  await test('a key that is not in the key set', async () => {
    world.reset();
    world.jwks = { keys: [new Key().jwk] };
    await expect('unknown-key', 'unknown', { key: 'unknown', signature: 'pass', status: 'unknown' });
  });
  await test('a key that was taken out of use', async () => {
    world.reset();
    world.jwks = { keys: [{ ...world.issuer.jwk, exp: world.now - DAY }] };
    await expect('old-key', 'unknown', { key: 'unknown' }, { picture: false });
  });
  await test('an attacker\'s own passport and keys, against a pinned key', async () => {
    world.reset();
    const mine = new Key().raw.toString('base64');
    const page = await open();
    await settled(page);
    await page.fill('#pins-key', mine);
    await page.keyboard.press('Enter');
    await page.waitForSelector('#verdict[data-outcome="unknown"]');
    const all = await outcomes(page);
    assert.deepEqual([all.key, all.status], ['unknown', 'unknown']);
    await pictures(page, 'pinned-other');
    await page.reload();
    await settled(page);
    assert.equal((await verdict(page)).outcome, 'unknown', 'a pin outlives the visit');
    await page.click('#pins-list button');
    await page.waitForSelector('#verdict[data-outcome="pass"]');
    await quiet(page);
  });
  await test('pinning what is shown; then the site changes its keys', async () => {
    world.reset();
    const page = await open();
    await settled(page);
    await page.click('#pins-shown');
    await page.waitForFunction(() => document.getElementById('verdict-text').textContent
      .includes('you have pinned'));
    assert.equal((await verdict(page)).outcome, 'pass');
    await pictures(page, 'pinned');
    world.reset();
    await page.reload();
    await settled(page);
    const all = await outcomes(page);
    assert.deepEqual([(await verdict(page)).outcome, all.key, all.status, all.log],
      ['unknown', 'unknown', 'unknown', 'unknown']);
    await quiet(page);
  });
  await test('a verifier key of the log, typed in; and what is none', async () => {
    world.reset();
    const page = await open();
    await settled(page);
    for (const text of ['x', 'log+00000000+AAAA', '00'.repeat(31), '<b>', '']) {
      await page.fill('#pins-key', text);
      await page.click('#pins-form button');
      await page.waitForFunction(() => document.getElementById('pins-said').textContent
        .startsWith('Not pinned'));
      assert.equal(await page.locator('#pins-list li').count(), 0);
      await page.evaluate(() => { document.getElementById('pins-said').textContent = ''; });
    }
    await page.fill('#pins-key', world.vkey);
    await page.click('#pins-form button');
    await page.waitForFunction(() => document.querySelector('[data-check="log"]').textContent
      .includes('You have pinned the log'));
    await page.fill('#pins-key', world.issuer.raw.toString('hex'));
    await page.click('#pins-form button');
    await page.waitForFunction(() => document.querySelector('[data-check="key"]').textContent
      .includes('You have pinned it'));
    assert.equal((await verdict(page)).outcome, 'pass');
    await quiet(page);
  });
  await test('the log of another key', async () => {
    world.reset();
    world.vkey = new LogKey().vkey;
    await expect('other-log', 'unknown', { log: 'unknown', status: 'pass' }, { picture: false });
  });
}

async function stale() {
  const lists = {
    'too old': () => { world.statusAge = 3700; },
    'from the future': () => { world.statusAge = -1000; },
    'good for a day': () => { world.statusMore = { exp: world.now + DAY }; },
    'of another log': () => { world.statusMore = { iss: 'other.example' }; },
    'signed by another key': () => { world.statusKey = new Key(); },
    'without its lists': () => { world.statusMore = { revoked: 3 }; },
  };
  for (const [name, change] of Object.entries(lists)) {
    await test(`a status list that is ${name}`, async () => {
      world.reset();
      change();
      await expect(`status-${name.replaceAll(' ', '-')}`, 'unknown',
        { status: 'unknown', signature: 'pass' }, { picture: name === 'too old' });
    });
  }
  await test('the server goes down while the page is open', async () => {
    world.reset();
    const page = await open({}, (one) => one.clock.install());
    await settled(page);
    assert.equal((await verdict(page)).outcome, 'pass');
    world.down = true;
    await page.clock.runFor(61000);
    await page.waitForSelector('#verdict[data-outcome="unknown"]');
    assert.equal((await outcomes(page)).status, 'unknown');
    assert.ok((await verdict(page)).text.includes('earlier result does not count'));
    await pictures(page, 'server-down');
    await page.clock.runFor(61000);
    assert.equal((await verdict(page)).outcome, 'unknown');
    world.down = false;
    world.later = 183;
    await page.clock.runFor(61000);
    await page.waitForSelector('#verdict[data-outcome="pass"]');
  });
  await test('the server is down when the reader asks again: nothing stays good', async () => {
    world.reset();
    const page = await open();
    await settled(page);
    world.down = true;
    await page.click('#again');
    await page.waitForSelector('#verdict[data-outcome="unknown"]');
    await nothingGood(page);
  });
  await test('a reader who comes back hours later, with no network', async () => {
    world.reset();
    const page = await open({}, (one) => one.clock.install());
    await settled(page);
    await page.route('**/v1/**', () => {}); // never answered
    await page.clock.setSystemTime(new Date((world.now + 5 * 3600) * 1000));
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
    await page.waitForSelector('#verdict[data-outcome="unknown"]', { timeout: 4000 });
    assert.equal((await outcomes(page)).status, 'unknown');
  });
  await test('each fetch that fails leaves unknown', async () => {
    for (const [part, check] of [['**/v1/passports/*?bundle=1', 'signature'],
      ['**/.well-known/jwks.json', 'key'], ['**/v1/log', 'log'], ['**/v1/passports/status', 'status']]) {
      for (const how of ['abort', '500', 'html']) {
        world.reset();
        const page = await open({}, (one) => one.route(part, (route) => (how === 'abort'
          ? route.abort() : route.fulfill({ status: how === '500' ? 500 : 200, body: '<p>' }))));
        await settled(page);
        const all = await outcomes(page);
        assert.equal((await verdict(page)).outcome, 'unknown', `${part} ${how}`);
        assert.equal(all[check], 'unknown', `${part} ${how}`);
      }
    }
  });
}

async function without() {
  await test('scripts off: usable, and nothing is good', async () => {
    world.reset();
    const page = await open({ javaScriptEnabled: false });
    assert.equal(await page.locator('[data-outcome="pass"]').count(), 0);
    const text = await page.textContent('main');
    for (const said of ['Not checked by your browser yet', 'Scripts are switched off',
      'Harbour Assistant', 'sha256:', 'How to check it yourself']) {
      assert.ok(text.includes(said), said);
    }
    assert.ok(!(await page.isVisible('#again')) && !(await page.isVisible('#pins-use')));
    for (const colorScheme of THEMES) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: join(shots, `no-script-${colorScheme}.png`), fullPage: true });
    }
  });
  await test('the script does not come: usable, and nothing is good', async () => {
    world.reset();
    const page = await open({}, (one) => one.route('**/verify.js*', (route) => route.abort()));
    await nothingGood(page);
    assert.equal((await verdict(page)).title, 'Not checked by your browser yet');
    await pictures(page, 'unchecked');
  });
  await test('no secure context: no cryptography', async () => {
    world.reset();
    const page = await open({}, undefined, PLAIN_HOST);
    await settled(page);
    await nothingGood(page);
    assert.equal((await verdict(page)).outcome, 'unknown');
    assert.ok((await verdict(page)).text.includes('https'));
    await pictures(page, 'no-webcrypto');
  });
  await test('a browser without Ed25519', async () => {
    world.reset();
    const page = await open({}, (one) => one.addInitScript(() => {
      SubtleCrypto.prototype.importKey = () => Promise.reject(new DOMException('', 'NotSupportedError'));
    }));
    await settled(page);
    await nothingGood(page);
    assert.ok((await verdict(page)).text.includes('Ed25519'));
  });
  await test('no such passport', async () => {
    world.reset();
    const page = await open();
    const answer = await page.goto(`${world.url()}x`);
    assert.equal(answer.status(), 404);
    await page.evaluate(axe);
    assert.deepEqual((await page.evaluate(() => window.axe.run())).violations, []);
    await page.screenshot({ path: join(shots, 'absent.png') });
  });
}

async function hostile() {
  const EVIL = [
    '<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', '\'"--></title></style><b>x</b>',
    '{{7*7}}${7*7}<svg/onload=alert(1)>', '\u202eevil\u2066',
  ];
  for (const [index, evil] of EVIL.entries()) {
    await test(`markup in every text, ${index}`, async () => {
      const good = documentOf(Math.floor(Date.now() / 1000));
      world.reset({ changes: {
        appName: evil, version: evil,
        auditors: good.auditors.map((auditor) => ({ ...auditor, id: evil, name: evil })),
        container: { ...good.container, registry: evil },
        slsa: { ...good.slsa, track: evil }, extra: evil,
      } });
      const page = await open();
      await settled(page);
      await quiet(page);
      assert.equal((await verdict(page)).outcome, 'pass', JSON.stringify(await outcomes(page)));
      assert.equal(await page.textContent('h1'),
        evil.replace('\u202e', '[U+202E]').replace('\u2066', '[U+2066]'));
      assert.equal(await page.locator('main script, main img, main svg, main b:not(.quiet b)').count(),
        0);
      if (index === 1) await pictures(page, 'markup');
    });
  }
  await test('markup in a revocation\'s reason', async () => {
    world.reset();
    world.revoked = [{ id: ID, reason: EVIL[1], at: world.now - 5 }];
    const page = await open();
    await settled(page);
    await quiet(page);
    assert.ok((await page.textContent('[data-check="status"]')).includes(EVIL[1]));
    assert.equal(await page.locator('main img').count(), 0);
  });
  await test('a style sheet and a logo of the application: their origins, no other', async () => {
    world.reset({ options: { theme: 'dark', css: 'https://style.example/a.css',
      logo: 'https://logo.example/l.svg' } });
    const page = await open({ colorScheme: 'light' }, (one) => one.route('**/*.example/**', (route) => {
      const css = route.request().url().endsWith('.css');
      return route.fulfill(css
        ? { contentType: 'text/css', body: 'h1 { letter-spacing: 1px; } .kicker { background: url(https://third.example/x.png) }' }
        : { contentType: 'image/svg+xml', body: '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><circle cx="4" cy="4" r="4" fill="#888"/></svg>' });
    }));
    await settled(page);
    assert.equal(await page.$eval('h1', (title) => getComputedStyle(title).letterSpacing), '1px');
    assert.equal(await page.$eval('.logo', (logo) => logo.naturalWidth > 0), true);
    assert.ok(page.faults.some((text) => text.includes('third.example') &&
      text.includes('Content Security Policy')), page.faults.join());
    const dark = await page.$eval('body', (body) => getComputedStyle(body).backgroundColor);
    assert.equal(dark, 'rgb(17, 21, 27)', 'the application\'s theme goes before the system\'s');
    await page.screenshot({ path: join(shots, 'application-theme.png'), fullPage: true });
  });
  await test('policy: nothing inline, nothing from elsewhere, no markup from text', async () => {
    world.reset();
    const page = await open();
    await settled(page);
    const blocked = await page.evaluate(async () => {
      const found = [];
      document.addEventListener('securitypolicyviolation', (event) => {
        found.push(event.effectiveDirective);
      });
      const script = document.createElement('script');
      script.append('window.ran = true');
      document.body.append(script);
      const image = document.createElement('img');
      image.src = 'https://other.example/x.png';
      document.body.append(image);
      document.body.setAttribute('style', 'color: red');
      try {
        document.body.insertAdjacentHTML('beforeend', '<i></i>');
        found.push('markup from text was taken');
      } catch (error) {
        found.push(error.name);
      }
      await fetch('https://other.example/').catch(() => {});
      for (let i = 0; i < 50 && found.length < 5; i += 1) {
        await new Promise((done) => { setTimeout(done, 50); });
      }
      return found;
    });
    for (const directive of ['img-src', 'connect-src', 'style-src-attr', 'TypeError']) {
      assert.ok(blocked.includes(directive), `${directive}: ${blocked.join()}`);
    }
    assert.equal(await page.evaluate(() => window.ran), undefined);
  });
}

async function people() {
  await test('the keyboard reaches everything, and is seen', async () => {
    world.reset();
    const page = await open();
    await settled(page);
    const all = await page.$$eval('a[href], button, input, pre', (parts) => parts.filter((part) =>
      part.checkVisibility()).map((part) => part.outerHTML.slice(0, 90)));
    const reached = [];
    for (let i = 0; i < all.length + 2; i += 1) {
      await page.keyboard.press('Tab');
      const at = await page.evaluate(() => {
        const part = document.activeElement;
        const style = getComputedStyle(part);
        return { html: part.outerHTML.slice(0, 90), body: part === document.body,
          seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 };
      });
      if (at.body) break;
      assert.ok(at.seen, `focus is not seen on ${at.html}`);
      reached.push(at.html);
    }
    assert.deepEqual(reached, all, 'in the order of the page');
    await page.goto(world.url());
    await settled(page);
    await page.keyboard.press('Tab');
    await page.screenshot({ path: join(shots, 'focus.png') });
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'main', 'the skip link');
  });
  await test('what changes is announced, and said in words', async () => {
    world.reset();
    const page = await open();
    await settled(page);
    assert.equal(await page.getByRole('status').first().textContent().then((text) => text.includes(
      'In order')), true);
    const words = await page.$$eval('.outcome', (parts) => parts.map((part) => part.textContent));
    assert.ok(words.length === 13 && words.every((word) => word.length > 5), words.join());
  });
  await test('narrow screens need no sideways scrolling', async () => {
    for (const width of [320, 390, 768]) {
      world.reset({ changes: { appName: 'W'.repeat(200) } });
      const page = await open({ viewport: { width, height: 700 } });
      await settled(page);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= width, `${wide} of ${width}`);
    }
    world.reset();
    const page = await open({ viewport: { width: 360, height: 700 } });
    await settled(page);
    await pictures(page, 'narrow');
  });
  await test('it can be printed', async () => {
    world.reset();
    const page = await open();
    await settled(page);
    const file = join(shots, 'print.pdf');
    await page.pdf({ path: file, format: 'A4' });
    assert.ok(readFileSync(file).subarray(0, 5).toString() === '%PDF-');
  });
  await test('the few lines on the page do what it says', async () => {
    world.reset();
    const page = await open();
    await settled(page);
    const script = join(work, 'shown.mjs');
    const file = join(work, 'shown.json');
    writeFileSync(script, await page.textContent('#check-mjs'));
    writeFileSync(file, JSON.stringify(world.document));
    const key = world.issuer.raw.toString('base64');
    const run = () => execFileSync(process.execPath, [script, file, key], { stdio: 'pipe' });
    assert.equal(run().toString(), 'signature good\n');
    writeFileSync(file, canonical({ ...world.document, version: '9' }));
    assert.throws(run, (error) => error.status === 1);
    assert.ok((await page.textContent('pre')).includes(`http://127.0.0.1:${world.port}/v1/passports/`));
  });
}

rmSync(shots, { recursive: true, force: true });
mkdirSync(shots, { recursive: true });
await world.start();
browser = await chromium.launch({
  executablePath, headless: true,
  args: [`--host-resolver-rules=MAP ${PLAIN_HOST} 127.0.0.1`, '--disable-dev-shm-usage',
    ...(process.getuid() === 0 ? ['--no-sandbox'] : [])],
});
try {
  for (const group of [goodAndMock, bad, keys, stale, without, hostile, people]) await group();
} finally {
  await browser.close();
  world.stop();
}
console.log(process.exitCode ? 'FAILED' : `${passed} cases in Chromium ${browser.version()}`);
