/* Repeats, in the reader's browser, what it can of the checks of a passport: that page and document
 * agree, the signature, dates, the status list, the place in the log. What it cannot do (appraise
 * the hardware evidence) it says, and does not show as good.
 *
 * Nothing is good before it was checked, nothing stays good when it cannot be checked again. All
 * text of others goes through textContent. */
'use strict';

(() => {
  const SKEW_S = 300;
  const TICK_MS = 60000; /* the status is asked for again */
  const FETCH_MS = 15000;
  const TEXT_MAX = 24 << 20;
  const STATUS_S_MAX = 3600;
  const STORE = 'lucid.passport.pins';
  const SCHEMA = 'https://lucid.ai/schemas/passport/v1';
  const OUTCOMES = {
    none: 'not checked by your browser yet',
    busy: 'your browser is checking',
    pass: 'your browser: holds',
    warn: 'your browser: holds, with a reservation',
    fail: 'your browser: fails',
    unknown: 'your browser: unknown',
    skipped: 'not checked by your browser',
    na: 'does not apply here',
  };
  const about = document.body.dataset;
  const $ = (id) => document.getElementById(id);

  /* --- bytes -------------------------------------------------------------------------------- */

  const utf8 = (text) => new TextEncoder().encode(text);
  const equal = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);
  const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

  function join(...parts) {
    const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }

  function need(condition, text) {
    if (!condition) throw new Error(text);
  }

  function base64(text, what) {
    need(typeof text === 'string' && /^[A-Za-z0-9+/]*={0,2}$/.test(text), `${what} is not base64`);
    try {
      return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    } catch {
      throw new Error(`${what} is not base64`);
    }
  }

  function base64url(text, what) {
    need(typeof text === 'string' && /^[A-Za-z0-9_-]*$/.test(text), `${what} is not base64url`);
    return base64(text.replace(/-/g, '+').replace(/_/g, '/') + '='.repeat(-text.length & 3), what);
  }

  function to64(bytes, url) {
    const text = btoa(String.fromCharCode(...bytes));
    return url ? text.replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '') : text;
  }

  function unhex(text, what) {
    need(typeof text === 'string' && /^([0-9a-f]{2})*$/.test(text), `${what} is not hex`);
    return Uint8Array.from(text.match(/../g) || [], (pair) => parseInt(pair, 16));
  }

  /* RFC 8785: names in UTF-16 order; numbers and strings as ECMAScript writes them. */
  function canonical(value) {
    if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
    if (value !== null && typeof value === 'object') {
      const members = Object.keys(value).sort();
      return `{${members.map((n) => `${canonical(n)}:${canonical(value[n])}`).join(',')}}`;
    }
    need(typeof value !== 'string' || !/[\ud800-\udfff]/u.test(value), 'text has a lone surrogate');
    return JSON.stringify(value);
  }

  /* --- cryptography ------------------------------------------------------------------------- */

  async function sha256(...parts) {
    return new Uint8Array(await crypto.subtle.digest('SHA-256', join(...parts)));
  }

  async function signed(key, signature, message) {
    const trusted = await crypto.subtle.importKey('raw', key, 'Ed25519', false, ['verify']);
    return crypto.subtle.verify('Ed25519', trusted, signature, message);
  }

  /* Why the browser cannot; "" if it can. */
  async function hindrance() {
    if (!window.crypto || !window.crypto.subtle) {
      return 'This page did not come over a secure connection (https), so the browser gives it no ' +
        'cryptography.';
    }
    try {
      await crypto.subtle.importKey('raw', new Uint8Array(32).fill(1), 'Ed25519', false, ['verify']);
      return '';
    } catch {
      return 'This browser does not know Ed25519 signatures.';
    }
  }

  /* RFC 7638. */
  async function thumbprint(key) {
    return to64(await sha256(utf8(`{"crv":"Ed25519","kty":"OKP","x":"${to64(key, true)}"}`)), true);
  }

  /* --- what is fetched ---------------------------------------------------------------------- */

  /* {value} or {error}; never from a cache. */
  async function fetched(url, as) {
    const ending = new AbortController();
    const timer = setTimeout(() => ending.abort(), FETCH_MS);
    try {
      const answer = await fetch(url, {
        cache: 'no-store', credentials: 'omit', redirect: 'error', signal: ending.signal,
      });
      need(answer.ok, `the service answered ${answer.status}`);
      const text = await answer.text();
      need(text.length <= TEXT_MAX, 'the answer is too long');
      return { value: as === 'json' ? JSON.parse(text) : text };
    } catch (error) {
      const down = error.name === 'AbortError' || error.name === 'TypeError';
      return { error: down ? 'the service cannot be reached' : error.message };
    } finally {
      clearTimeout(timer);
    }
  }

  /* --- keys --------------------------------------------------------------------------------- */

  let pins = { keys: [], vkey: '' };

  function pinsLoad() {
    try {
      const kept = JSON.parse(localStorage.getItem(STORE) || '{}');
      pins.keys = (kept.keys || []).filter((key) => base64(key, 'pin').length === 32);
      pins.vkey = typeof kept.vkey === 'string' ? kept.vkey : '';
    } catch {
      pins = { keys: [], vkey: '' };
    }
  }

  function pinsSave() {
    try {
      localStorage.setItem(STORE, JSON.stringify(pins));
      return true;
    } catch {
      return false;
    }
  }

  /* The keys of a JWK set that are good now, in base64. */
  function keysOf(jwks, now) {
    const keys = jwks && Array.isArray(jwks.keys) ? jwks.keys : [];
    return keys.filter((key) => key && key.kty === 'OKP' && key.crv === 'Ed25519' &&
      /^[A-Za-z0-9_-]{43}$/.test(key.x) && !(key.exp <= now))
      .map((key) => to64(base64url(key.x, 'a key')));
  }

  /* Those that are believed: the reader's own, else what the site shows. */
  function trusted(facts) {
    if (pins.keys.length > 0) return pins.keys;
    need(!facts.keys.error, `the issuer's keys: ${facts.keys.error}`);
    return keysOf(facts.keys.value, facts.now);
  }

  /* C2SP: name+hash+base64(0x01 ‖ key). */
  async function vkeyRead(text) {
    const match = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text || '');
    need(match, 'the log has no verifier key that can be read');
    const bytes = base64(match[3], 'the verifier key');
    need(bytes.length === 33 && bytes[0] === 1, 'the verifier key is of another kind');
    const id = (await sha256(utf8(`${match[1]}\n`), bytes)).slice(0, 4);
    need(hex(id) === match[2], 'the verifier key is damaged');
    return { name: match[1], id, key: bytes.slice(1) };
  }

  async function logKey(facts) {
    if (pins.vkey !== '') return vkeyRead(pins.vkey);
    need(!facts.log.error, `the log's key: ${facts.log.error}`);
    return vkeyRead(facts.log.value.vkey);
  }

  /* --- checks: each gives [outcome, sentence]; an Error is "unknown" --------------------------- */

  class Failed extends Error {}
  function must(condition, text) {
    if (!condition) throw new Failed(text);
  }
  /* What is malformed is no passing trouble: it fails. */
  function strict(read) {
    try {
      return read();
    } catch (error) {
      throw new Failed(error.message);
    }
  }

  const isMock = (passport) => passport.is_mock === true || (passport.tee || {}).type === 'MOCK';
  const seconds = (text) => (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text)
    ? Date.parse(text) / 1000 : NaN);
  const when = (unix) => new Date(unix * 1000).toISOString().replace('T', ' ').replace('.000Z', ' UTC');

  /* RFC 6901 without its escapes: no name here needs them. */
  function pointed(root, pointer) {
    return pointer.split('/').slice(1).reduce((at, name) => (at === null || at === undefined
      ? undefined : at[name]), root);
  }

  const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August',
    'September', 'October', 'November', 'December'];
  const inWords = (date) => `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${
    date.getUTCFullYear()}, ${date.toISOString().slice(11, 19)} UTC`;

  /* What an element says; undefined where its words are not those of its value. */
  function shownText(element) {
    const { value } = element.dataset;
    if (value !== undefined) {
      return element.textContent.toLowerCase().includes(value) ? value : undefined;
    }
    if (element.dateTime) {
      const words = inWords(new Date(element.dateTime));
      return element.textContent === words ? element.dateTime : undefined;
    }
    return element.textContent;
  }

  /* What is not seen but changes what is, as the page writes it. */
  const UNSEEN = /[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
  const visible = (text) => text.replace(UNSEEN,
    (c) => `[U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}]`);

  async function checkPage({ passport }) {
    const digest = `sha256:${hex(await sha256(utf8(strict(() => canonical(passport)))))}`;
    must(digest === about.digest, 'the service gave another document than this page was made of');
    for (const element of document.querySelectorAll('[data-is]')) {
      const pointer = element.dataset.is;
      const said = pointed(passport, pointer);
      const missing = pointer.endsWith('/source') ? 'declared' : '';
      const text = visible(String(said === undefined ? missing : said));
      must(shownText(element) === text, `${pointer} is something else in the document`);
    }
    for (const list of document.querySelectorAll('[data-count]')) {
      const said = pointed(passport, list.dataset.count);
      must(Object.keys(said || {}).length === list.children.length,
        `${list.dataset.count} has another number of entries in the document`);
    }
    return ['pass', 'Every statement above was compared with the signed document.'];
  }

  function checkSchema({ passport }) {
    must(passport.$schema === SCHEMA, '$schema is not that of a passport');
    must(passport.passportId === about.id, 'it is another passport than the address says');
    for (const name of ['appName', 'version', 'issuedAt', 'expiresAt']) {
      must(typeof passport[name] === 'string', `${name} is missing`);
    }
    must(passport.tee && typeof passport.tee.type === 'string', 'tee is missing');
    return ['pass', 'The members that this page relies on are there.'];
  }

  function checkAlgorithm({ passport }) {
    const signature = passport.signature || {};
    must(signature.algorithm === 'Ed25519', 'signature.algorithm is not Ed25519');
    must(strict(() => base64(signature.publicKey, 'the key')).length === 32, 'no Ed25519 key');
    must(strict(() => base64(signature.value, 'the signature')).length === 64, 'no signature');
    return ['pass', 'Ed25519.'];
  }

  async function checkKey(facts) {
    const key = facts.passport.signature.publicKey;
    const kid = await thumbprint(strict(() => base64(key, 'the key')));
    const said = facts.passport.signature.kid;
    must(said === undefined || said === kid, 'signature.kid is not of that key');
    const list = trusted(facts);
    if (list.includes(key)) {
      return ['pass', pins.keys.length > 0 ? `You have pinned it. Its fingerprint: ${kid}.`
        : `This site says that it is; nobody else does. Its fingerprint: ${kid}.`];
    }
    return ['unknown', pins.keys.length > 0
      ? `It is none of the keys that you have pinned. Its fingerprint: ${kid}.`
      : `It is none of the keys that the issuer shows. Its fingerprint: ${kid}.`];
  }

  async function checkSignature({ passport }) {
    const { value, ...signature } = passport.signature;
    const message = utf8(strict(() => canonical({ ...passport, signature })));
    const key = strict(() => base64(signature.publicKey, 'the key'));
    must(await signed(key, strict(() => base64(value, 'the signature')), message),
      'the document was changed after it was signed, or signed by another key');
    return ['pass', 'Not one character was changed since it was signed.'];
  }

  function checkTimes({ passport, now }) {
    const from = seconds(passport.issuedAt);
    const until = seconds(passport.expiresAt);
    must(from < until, 'the dates make no sense');
    must(now >= from - SKEW_S, 'it is not valid yet, by your clock');
    must(now < until, `it has expired on ${when(until)}`);
    return ['pass', `Valid until ${when(until)}, by your clock.`];
  }

  function checkOrigin({ passport }) {
    const endpoints = Array.isArray(passport.endpoints) ? passport.endpoints : [];
    if (endpoints.includes(window.location.origin)) {
      return ['pass', 'This very page is at one of its addresses.'];
    }
    return ['na', 'This page is the issuer\'s. Compare the addresses above with that of the ' +
      'application.'];
  }

  function checkEvidence({ passport }) {
    if (about.disallowed) return ['fail', 'Mock evidence, which this service no longer takes.'];
    if (isMock(passport)) return ['warn', 'Mock evidence: it proves nothing about hardware.'];
    if (passport.test === true) return ['warn', 'From a test store: it proves nothing about now.'];
    return ['skipped', 'A browser cannot appraise it: that takes the maker\'s certificates. The ' +
      'command line does it, from the bundle.'];
  }

  function checkSupplyChain({ passport }) {
    if (!passport.container) return ['na', 'It names no container.'];
    return ['bound', 'reference'].includes(passport.container.source)
      ? ['skipped', 'The issuer says so; a browser cannot look at the evidence or the build.']
      : ['warn', 'The container is declared by the operator alone.'];
  }

  function checkAuditors({ passport }) {
    const auditors = Array.isArray(passport.auditors) ? passport.auditors : [];
    if (auditors.length === 0) return ['na', 'It names none.'];
    if (auditors.some((auditor) => auditor.status !== 'active')) {
      return ['warn', 'Not all of them were active.'];
    }
    return auditors.every((auditor) => ['bound', 'reference'].includes(auditor.source))
      ? ['skipped', 'The issuer says so; a browser cannot look at the evidence.']
      : ['warn', 'Declared by the operator alone, not all are confirmed.'];
  }

  /* The claims of the status list, if one of the keys has signed it. */
  async function statusClaims(facts) {
    need(!facts.status.error, facts.status.error);
    const parts = facts.status.value.trim().split('.');
    need(parts.length === 3, 'the status list is malformed');
    const [header, claims] = parts.slice(0, 2).map((part) => JSON.parse(
      new TextDecoder('utf-8', { fatal: true }).decode(base64url(part, 'the status list'))));
    need(header.alg === 'EdDSA' && header.typ === 'lucid-passport-status+jwt' &&
      header.crit === undefined, 'the status list is of another kind');
    const message = utf8(`${parts[0]}.${parts[1]}`);
    const signature = base64url(parts[2], 'the status list');
    for (const key of trusted(facts)) {
      if (await signed(base64(key, 'a key'), signature, message)) return claims;
    }
    throw new Error('the status list is signed by none of the trusted keys');
  }

  async function checkStatus(facts) {
    const claims = await statusClaims(facts);
    need(Number.isSafeInteger(claims.iat) && Number.isSafeInteger(claims.exp) &&
      Array.isArray(claims.revoked) && Array.isArray(claims.superseded),
    'the status list is malformed');
    need(claims.iss === (await logKey(facts)).name, 'the status list is of another log');
    need(claims.exp - claims.iat <= STATUS_S_MAX, 'the status list claims to be good for too long');
    need(claims.iat <= facts.now + SKEW_S, 'the status list is from the future, by your clock');
    need(claims.exp > facts.now, `the newest status list is from ${when(claims.iat)}: too old`);
    const id = facts.passport.passportId;
    const revoked = claims.revoked.find((entry) => entry.id === id);
    must(!revoked, revoked && `it was revoked on ${when(revoked.at)}: ${revoked.reason}`);
    const superseded = claims.superseded.find((entry) => entry.id === id);
    must(!superseded || superseded.at > facts.now,
      superseded && `another passport takes its place: ${superseded.by}`);
    return ['pass', `Not on the signed list of ${when(claims.iat)}, which holds until ` +
      `${when(claims.exp)}.`];
  }

  /* RFC 9162 2.1.3.2: the root that the path leads to; null if it does not fit. */
  async function rootOf(index, size, leaf, path) {
    const node = (left, right) => sha256(Uint8Array.of(1), left, right);
    let [fn, sn, root] = [index, size - 1, leaf];
    for (const step of path) {
      if (sn === 0) return null;
      if (fn % 2 === 1 || fn === sn) {
        root = await node(step, root);
        while (fn % 2 === 0 && fn !== 0) {
          fn = Math.floor(fn / 2);
          sn = Math.floor(sn / 2);
        }
      } else {
        root = await node(root, step);
      }
      fn = Math.floor(fn / 2);
      sn = Math.floor(sn / 2);
    }
    return sn === 0 ? root : null;
  }

  /* A checkpoint (C2SP tlog-checkpoint) that this key has signed: {size, root}. */
  async function checkpointRead(text, key) {
    const at = typeof text === 'string' ? text.indexOf('\n\n') : -1;
    must(at > 0, 'the checkpoint is malformed');
    const note = text.slice(0, at + 1);
    const [origin, size, root] = note.split('\n');
    must(origin === key.name, 'the checkpoint is of another log than its key');
    must(/^[1-9][0-9]{0,15}$/.test(size), 'the checkpoint is malformed');
    for (const line of text.slice(at + 2).split('\n')) {
      const match = /^\u2014 (\S+) (\S+)$/.exec(line);
      const bytes = match && match[1] === key.name ? strict(() => base64(match[2], 'a signature'))
        : [];
      if (bytes.length === 68 && equal(bytes.slice(0, 4), key.id) &&
          await signed(key.key, bytes.slice(4), utf8(note))) {
        return { size: Number(size), root: strict(() => base64(root, 'the root')) };
      }
    }
    throw new Error(pins.vkey !== '' ? 'the checkpoint is not signed by the log that you have pinned'
      : 'the checkpoint is not signed by the log');
  }

  /* That the record is of this passport, and the entry of this record and key. */
  async function entryOf({ bundle, passport }) {
    const { record } = bundle;
    must(record && record.type === 'passport.issued', 'the bundle has no record of its issue');
    const digest = hex(await sha256(utf8(strict(() => canonical(passport)))));
    must(record.passportDigest === `sha256:${digest}` && record.passportId === passport.passportId,
      'the record in the log is of another document');
    const hash = await sha256(utf8(strict(() => canonical(record))));
    const entry = strict(() => base64(bundle.entry, 'the entry'));
    must(entry.length === 128 && equal(entry.slice(0, 32), hash), 'the entry is of another record');
    const key = strict(() => base64(passport.signature.publicKey, 'the key'));
    must(equal(entry.slice(32, 64), await sha256(key)) &&
      await signed(key, entry.slice(64), join(utf8('lucid/entry/v1\n'), hash)),
    'the entry is not signed by the key of the passport');
    return entry;
  }

  async function checkLog(facts) {
    const entry = await entryOf(facts);
    const { proof } = facts.bundle;
    if (proof === null || proof === undefined) {
      return ['warn', 'Logged, but no signed head of the log covers it yet. Look again in a minute.'];
    }
    const key = await logKey(facts);
    const head = await checkpointRead(proof.checkpoint, key);
    const index = proof.leaf_index;
    must(Number.isSafeInteger(index) && index >= 0 && index < head.size &&
      Array.isArray(proof.path) && proof.path.length <= 64, 'the proof is malformed');
    const path = strict(() => proof.path.map((step) => unhex(step, 'the proof')));
    must(path.every((step) => step.length === 32), 'the proof is malformed');
    const root = await rootOf(index, head.size, await sha256(Uint8Array.of(0), entry), path);
    must(root !== null && equal(root, head.root), 'the proof does not lead to the signed head');
    return ['pass', `Entry ${index} of ${key.name}, in a signed head of ${head.size} entries. ` +
      (pins.vkey !== '' ? 'You have pinned the log\'s key.' : 'The log\'s key is this site\'s word.')];
  }

  const CHECKS = {
    page: checkPage,
    parse: () => ['pass', 'It is JSON, and fetched as it is now.'],
    schema: checkSchema,
    algorithm: checkAlgorithm,
    key: checkKey,
    signature: checkSignature,
    times: checkTimes,
    origin: checkOrigin,
    evidence: checkEvidence,
    supply_chain: checkSupplyChain,
    auditors: checkAuditors,
    status: checkStatus,
    log: checkLog,
  };

  async function judge(facts) {
    const results = {};
    for (const [name, check] of Object.entries(CHECKS)) {
      try {
        need(!facts.error, facts.error);
        results[name] = await check(facts);
      } catch (error) {
        /* A member of another type or range than it must have. */
        const malformed = error instanceof TypeError || error instanceof RangeError;
        const failed = error instanceof Failed || malformed;
        const text = malformed ? 'a part of the document is malformed' : error.message;
        results[name] = [failed ? 'fail' : 'unknown',
          `${text.charAt(0).toUpperCase()}${text.slice(1)}.`];
      }
    }
    return results;
  }

  /* --- what is shown ------------------------------------------------------------------------ */

  function put(element, outcome, text) {
    element.dataset.outcome = outcome;
    element.querySelector('.outcome').textContent = OUTCOMES[outcome];
    element.querySelector('.said').textContent = text;
  }

  function headline(outcome, title, text) {
    $('verdict').dataset.outcome = outcome;
    if ($('verdict-title').textContent !== title) $('verdict-title').textContent = title;
    if ($('verdict-text').textContent !== text) $('verdict-text').textContent = text;
  }

  const titlesOf = (names) => names.map((name) => document.querySelector(
    `[data-check="${name}"] h3`).textContent).join('; ');

  function showVerdict(results, facts) {
    const those = (outcome) => Object.keys(results).filter((name) => results[name][0] === outcome);
    const [bad, open, half] = [those('fail'), those('unknown'), those('warn')];
    if (about.disallowed) {
      headline('fail', 'This service no longer takes mock', 'Do not rely on this passport: its ' +
        'evidence came from a program that stands in for trusted hardware.');
    } else if (bad.length > 0) {
      headline('fail', 'Not valid', `Do not rely on this passport. What fails: ${titlesOf(bad)}.`);
    } else if (facts.error || facts.status.error) {
      headline('unknown', 'Unknown', 'The service cannot be asked now. An earlier result does not ' +
        'count: nothing here is known to hold.');
    } else if (open.length > 0) {
      headline('unknown', 'Unknown', `This cannot be decided: ${titlesOf(open)}.`);
    } else if (isMock(facts.passport)) {
      headline('warn', 'Signed, but mock', 'Signature, dates, status and log hold. The evidence is a ' +
        'stand-in: it proves nothing about hardware.');
    } else if (facts.passport.test === true) {
      headline('warn', 'Signed, but a test', 'Signature, dates, status and log hold. It comes from a ' +
        'test store: it proves nothing about now.');
    } else if (half.length > 0) {
      headline('warn', 'In order, with reservations', `Nothing fails. Less than it could be: ${
        titlesOf(half)}.`);
    } else {
      headline('pass', 'In order, as far as a browser can tell', 'Signature, dates, status and log ' +
        'hold. The hardware evidence was appraised by the issuer, not by your browser. ' +
        (pins.keys.length > 0 ? 'The key is one that you have pinned.'
          : 'That the key is the issuer\'s is this site\'s word.'));
    }
  }

  function showPins() {
    const list = $('pins-list');
    list.replaceChildren();
    const all = pins.keys.concat(pins.vkey === '' ? [] : [pins.vkey]);
    for (const key of all) {
      const item = document.createElement('li');
      const code = document.createElement('code');
      const button = document.createElement('button');
      code.textContent = key;
      button.type = 'button';
      button.textContent = 'Remove';
      button.setAttribute('aria-label', `Remove the pinned key ${key}`);
      button.addEventListener('click', () => {
        pins.keys = pins.keys.filter((other) => other !== key);
        pins.vkey = pins.vkey === key ? '' : pins.vkey;
        pinned('Removed.');
        $('pins-key').focus();
      });
      item.append(code, ' ', button);
      list.append(item);
    }
  }

  /* --- the turns ------------------------------------------------------------------------------ */

  let turns = 0;
  let facts = null; /* of the last turn in which everything could be fetched */

  const isComplete = () => facts !== null && !facts.error && !facts.keys.error && !facts.log.error;

  async function gather() {
    const [bundle, keys, log, status] = await Promise.all([fetched(about.bundle, 'json'),
      fetched(about.keys, 'json'), fetched(about.log, 'json'), fetched(about.status, 'text')]);
    const made = { keys, log, status, error: bundle.error };
    if (!bundle.error) {
      made.bundle = bundle.value;
      made.passport = (bundle.value || {}).passport;
      const good = made.passport !== null && typeof made.passport === 'object';
      made.error = good ? undefined : 'the service gave no passport';
    }
    return made;
  }

  /* Judges what is at hand by the clock of now. */
  async function look(turn) {
    const seen = facts;
    seen.now = Math.floor(Date.now() / 1000);
    const results = await judge(seen);
    if (turn !== turns) return;
    for (const [name, [outcome, text]] of Object.entries(results)) {
      put(document.querySelector(`[data-check="${name}"]`), outcome, text);
    }
    showVerdict(results, seen);
    $('when').textContent = `Your browser looked at ${when(seen.now)}.`;
  }

  async function run(whole) {
    turns += 1;
    const turn = turns;
    if (whole || !isComplete()) {
      if (whole) {
        document.querySelectorAll('[data-check]').forEach((item) => put(item, 'busy', ''));
        headline('busy', 'Your browser is checking', 'One moment.');
      }
      const made = await gather();
      if (turn !== turns) return;
      facts = made;
    } else {
      const status = await fetched(about.status, 'text');
      if (turn !== turns) return;
      facts = { ...facts, status };
    }
    await look(turn);
  }

  /* Something may have gone by meanwhile: first by the clock alone, then by asking. */
  async function again() {
    if (facts !== null) {
      turns += 1;
      await look(turns);
    }
    await run(false);
  }

  function pinned(text) {
    const kept = pinsSave();
    $('pins-said').textContent = kept ? text : `${text} This browser keeps it for this visit only.`;
    showPins();
    run(true);
  }

  async function pinTyped() {
    const text = $('pins-key').value.trim();
    try {
      if (/^[^\s+]+\+[0-9a-f]{8}\+/.test(text)) {
        await vkeyRead(text);
        pins.vkey = text;
      } else {
        const bytes = /^[0-9a-fA-F]{64}$/.test(text) ? unhex(text.toLowerCase(), 'the key')
          : base64url(text.replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, ''), 'the key');
        need(bytes.length === 32, 'the key must have 32 bytes');
        if (!pins.keys.includes(to64(bytes))) pins.keys.push(to64(bytes));
      }
      $('pins-key').value = '';
      pinned('Pinned.');
    } catch (error) {
      $('pins-said').textContent = `Not pinned: ${error.message}.`;
    }
  }

  function pinShown() {
    if (facts === null || facts.keys.error || facts.log.error) {
      $('pins-said').textContent = 'Not pinned: the keys cannot be fetched now.';
      return;
    }
    pins.keys = keysOf(facts.keys.value, Date.now() / 1000);
    pins.vkey = String(facts.log.value.vkey || '');
    pinned('Pinned. From now on another key is unknown here.');
  }

  async function start() {
    const base = new URL('..', window.location.href).href.replace(/\/$/, '');
    document.querySelectorAll('.here').forEach((place) => { place.textContent = base; });
    const why = await hindrance();
    if (why !== '') {
      document.querySelectorAll('[data-check]').forEach((item) => put(item, 'skipped', ''));
      headline('unknown', 'Your browser cannot check this', `${why} Nothing here was verified; check ` +
        'it yourself, as shown below.');
      return;
    }
    pinsLoad();
    showPins();
    $('pins-use').hidden = false;
    $('again').hidden = false;
    $('again').addEventListener('click', () => run(true));
    $('pins-shown').addEventListener('click', pinShown);
    $('pins-form').addEventListener('submit', (event) => {
      event.preventDefault();
      pinTyped();
    });
    setInterval(() => run(false), TICK_MS);
    for (const name of ['online', 'offline']) window.addEventListener(name, again);
    window.addEventListener('pageshow', (event) => {
      if (event.persisted) again();
    });
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') again();
    });
    await run(true);
  }

  start();
})();
