/* How a client finds the passport of a page: for extensions, which may take this file as it is. It
 * finds; whether what it found is any good is verified after that (docs/PASSPORT.md).
 *
 *   discover(document, pageUrl, header, get)
 *
 * document: the page's, as parsed; header: the page's X-Lucid-Passport, or null; get(url): what is
 * there, as {status, url (after redirects), text, bytes (their number)}. Gives {outcome}:
 *
 *   found      with url, passport
 *   revoked    the site says that it had one
 *   none       nothing announces one
 *   hint       a summary and nothing that could be verified: never shown as good
 *   conflict   what announces it names different ones: none is shown
 *   refused    an address that may not be used, or no document of this site there: none is shown */
'use strict';

const discover = (() => {
  const MEDIA = 'application/lucid-passport+json';
  const PATH = '/.lucid/passport';
  const BYTES_MAX = 256 * 1024;

  class Ended extends Error {}
  const end = (outcome) => { throw new Ended(outcome); };

  /* A dictionary of RFC 9651, as far as its values here are strings and bytes; null if malformed.
   * Other kinds of values are members that are not known. */
  function headerRead(text) {
    const members = {};
    const item = /^\s*([a-z*][a-z0-9_.*-]*)(?:=(?:"((?:[^"\\\x00-\x1f\x7f-\uffff]|\\["\\])*)"|:([A-Za-z0-9+/=]*):|([A-Za-z0-9?.*:/-]+)))?((?:;\s*[a-z*][a-z0-9_.*-]*(?:=(?:"[^"]*"|[A-Za-z0-9?.*-]+))?)*)\s*(,|$)/;
    for (let rest = text; rest !== '';) {
      const match = item.exec(rest);
      if (!match) return null;
      if (match[2] !== undefined) members[match[1]] = match[2].replace(/\\(.)/g, '$1');
      if (match[3] !== undefined) members[match[1]] = match[3];
      rest = rest.slice(match[0].length);
    }
    return members;
  }

  function summaryRead(text) {
    try {
      const summary = JSON.parse(text);
      return summary !== null && typeof summary === 'object' && !Array.isArray(summary) ? summary
        : null;
    } catch {
      return null;
    }
  }

  /* Only what stands in the head counts: users may write in the body. */
  function formsOf(document, header) {
    const head = [...document.head.children];
    const words = (text) => (text || '').toLowerCase().split(/[\t\n\f\r ]+/);
    const named = header === null ? null : headerRead(header);
    const scripts = head.filter((part) => part.localName === 'script' &&
      (part.getAttribute('type') || '').toLowerCase() === MEDIA)
      .map((part) => summaryRead(part.textContent)).filter((summary) => summary !== null);
    return {
      header: named,
      links: head.filter((part) => part.localName === 'link' &&
        words(part.getAttribute('rel')).includes('ai-passport')).map((part) => part.getAttribute('href')),
      metas: head.filter((part) => part.localName === 'meta' &&
        (part.getAttribute('name') || '').toLowerCase() === 'lucid-passport')
        .map((part) => part.getAttribute('content')),
      scripts,
    };
  }

  function addressOf(text, base) {
    let url;
    try {
      url = new URL(text, base);
    } catch {
      end('refused');
    }
    if (url.protocol !== 'https:' || url.username !== '' || url.password !== '') end('refused');
    url.hash = '';
    return url.href;
  }

  /* RFC 8785. */
  function canonical(value) {
    if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
    if (value === null || typeof value !== 'object') return JSON.stringify(value);
    return `{${Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${
      canonical(value[name])}`).join(',')}}`;
  }

  async function digestOf(passport) {
    const bytes = new TextEncoder().encode(canonical(passport));
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
    return btoa(String.fromCharCode(...digest));
  }

  /* The document at an address, if it is one that this site may show. */
  async function documentAt(url, site, get) {
    const answer = await get(url);
    if (new URL(answer.url).origin !== new URL(url).origin) end('refused');
    if (answer.status === 410) end('revoked');
    if (answer.status !== 200 || answer.bytes > BYTES_MAX) end('refused');
    const passport = summaryRead(answer.text);
    const endpoints = passport && Array.isArray(passport.endpoints) ? passport.endpoints : [];
    if (!endpoints.includes(site)) end('refused');
    const origin = new URL(url).origin;
    if (origin !== site && !endpoints.includes(origin)) end('refused');
    return passport;
  }

  /* What nothing on the page names may stand at the well-known path. */
  async function wellKnown(site, get) {
    const answer = await get(site + PATH);
    return answer.status === 404 ? [] : [site + PATH];
  }

  async function look(document, pageUrl, header, get) {
    const site = new URL(pageUrl).origin;
    const forms = formsOf(document, header);
    const named = forms.header && forms.header.url !== undefined ? [forms.header.url] : [];
    const urls = new Set([
      ...named.map((text) => addressOf(text, pageUrl)),
      ...forms.links.concat(forms.metas).map((text) => addressOf(text || '', document.baseURI)),
      ...forms.scripts.filter((summary) => typeof summary.url === 'string')
        .map((summary) => addressOf(summary.url, pageUrl)),
    ]);
    const all = urls.size > 0 ? [...urls] : await wellKnown(site, get);
    if (all.length === 0) return { outcome: forms.scripts.length > 0 ? 'hint' : 'none' };
    const passports = [];
    for (const url of all) passports.push(await documentAt(url, site, get));
    const [passport] = passports;
    const ids = new Set([
      ...passports.map((one) => one.passportId),
      ...(forms.header && forms.header.id !== undefined ? [forms.header.id] : []),
      ...forms.scripts.map((summary) => summary.passportId).filter((id) => id !== undefined),
    ]);
    const digest = forms.header && forms.header.digest;
    if (ids.size > 1 || (digest && digest !== await digestOf(passport))) end('conflict');
    return { outcome: 'found', url: all[0], passport };
  }

  return async (document, pageUrl, header, get) => {
    try {
      return await look(document, pageUrl, header, get);
    } catch (error) {
      if (error instanceof Ended) return { outcome: error.message };
      throw error;
    }
  };
})();
