// An issuer of passports, written from the documents: keys, documents, a log with proofs, a status
// list, and a server that shows the page of the program `render` as the module would. What it
// answers is made anew for each request from its members, which a case changes.
import { execFileSync } from 'node:child_process';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

export const ID = 'pass-abcdefghijklmnopqrstuvwxyz234567';
const ORIGIN = 'log.issuer.example';
const SCHEMA = 'https://lucid.ai/schemas/passport/v1';

export const sha256 = (...parts) => {
  const hash = createHash('sha256');
  parts.forEach((part) => hash.update(part));
  return hash.digest();
};

// RFC 8785, of what is made here.
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const names = Object.keys(value).sort();
    return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(',')}}`;
  }
  return JSON.stringify(value);
}

export class Key {
  constructor() {
    const pair = generateKeyPairSync('ed25519');
    this.secret = pair.privateKey;
    this.x = pair.publicKey.export({ format: 'jwk' }).x;
    this.raw = Buffer.from(this.x, 'base64url');
    this.kid = sha256(`{"crv":"Ed25519","kty":"OKP","x":"${this.x}"}`).toString('base64url');
  }

  sign(message) {
    return sign(null, Buffer.from(message), this.secret);
  }

  get jwk() {
    return { alg: 'EdDSA', crv: 'Ed25519', kty: 'OKP', x: this.x, kid: this.kid, use: 'sig' };
  }
}

// A log's key: name, C2SP form, checkpoints.
export class LogKey extends Key {
  constructor(name = ORIGIN) {
    super();
    this.name = name;
    const typed = Buffer.concat([Buffer.of(1), this.raw]);
    this.id = sha256(`${name}\n`, typed).subarray(0, 4);
    this.vkey = `${name}+${this.id.toString('hex')}+${typed.toString('base64')}`;
  }

  checkpoint(size, root) {
    const note = `${this.name}\n${size}\n${root.toString('base64')}\n`;
    const bytes = Buffer.concat([this.id, this.sign(note)]).toString('base64');
    return `${note}\n\u2014 ${this.name} ${bytes}\n`;
  }
}

const leafHash = (entry) => sha256(Buffer.of(0), entry);
const nodeHash = (left, right) => sha256(Buffer.of(1), left, right);
const split = (count) => 2 ** Math.floor(Math.log2(count - 1));

// RFC 9162 2.1.1 and 2.1.3.1, as they are defined there.
function treeRoot(leaves) {
  if (leaves.length === 1) return leaves[0];
  const k = split(leaves.length);
  return nodeHash(treeRoot(leaves.slice(0, k)), treeRoot(leaves.slice(k)));
}

function treePath(index, leaves) {
  if (leaves.length === 1) return [];
  const k = split(leaves.length);
  return index < k ? [...treePath(index, leaves.slice(0, k)), treeRoot(leaves.slice(k))]
    : [...treePath(index - k, leaves.slice(k)), treeRoot(leaves.slice(0, k))];
}

const rfc3339 = (unix) => new Date(unix * 1000).toISOString().replace('.000Z', 'Z');
const digestOf = (text) => `sha256:${sha256(text).toString('hex')}`;

// Everything about it is as good as a passport can be.
export function documentOf(now, changes = {}) {
  const measurement = sha256('measurement');
  return {
    $schema: SCHEMA,
    passportId: ID,
    appName: 'Harbour Assistant',
    version: '2.4.1',
    issuedAt: rfc3339(now - 3600),
    expiresAt: rfc3339(now + 30 * 86400),
    renewAfter: rfc3339(now + 15 * 86400),
    issuer: ORIGIN,
    model: { name: 'harbour-8b', digest: digestOf('model') },
    endpoints: ['https://assistant.harbour.example', 'https://api.harbour.example:8443'],
    tee: {
      type: 'AMD_SEV_SNP',
      measurementHash: digestOf(measurement),
      appraisal: {
        id: sha256('appraisal').toString('hex'),
        earDigest: digestOf('ear'),
        status: 'affirming',
        appraisedAt: rfc3339(now - 4000),
        policyId: digestOf('policy'),
        collateralDigest: digestOf('collateral'),
      },
    },
    auditors: [
      {
        id: 'injection-detector', name: 'Prompt injection detection', status: 'active',
        lastCheck: rfc3339(now - 3700), source: 'bound', digest: digestOf('auditor one'),
      },
      {
        id: 'pii-guard', name: 'Personal data guard', status: 'active',
        lastCheck: rfc3339(now - 3650), source: 'reference', digest: digestOf('auditor two'),
      },
    ],
    container: {
      digest: digestOf('container'), registry: 'registry.harbour.example/assistant',
      source: 'bound',
    },
    slsa: {
      level: 3, track: 'SLSA_BUILD_LEVEL_3', provenanceUri: 'https://harbour.example/provenance',
      provenanceDigest: digestOf('provenance'),
    },
    omitted: { 'tee.attestationQuote': digestOf('salt and quote') },
    ...changes,
  };
}

export class World {
  constructor(render, work) {
    this.render = render;
    this.work = work;
    this.assets = new Map();
  }

  // As at the start of a case. now: Unix seconds; changes: members of the document.
  reset({ now = Math.floor(Date.now() / 1000), changes = {}, options = {} } = {}) {
    this.now = now;
    this.options = options;
    this.down = false;
    this.issuer = new Key();
    this.logKey = new LogKey();
    this.jwks = { keys: [this.issuer.jwk] };
    this.vkey = this.logKey.vkey;
    this.statusKey = this.issuer;
    this.statusAge = 10;
    this.statusMore = {};
    this.revoked = [];
    this.superseded = [];
    this.requests = [];
    this.document = this.sign(documentOf(now, changes));
    this.record = {
      type: 'passport.issued', version: 1, passportId: this.document.passportId,
      passportDigest: digestOf(canonical(this.document)), application: 'harbour',
      appraisals: [sha256('appraisal').toString('hex')], policy: digestOf('policy'),
      issuer: this.issuer.kid, issuedAt: now - 3600, expiresAt: now + 30 * 86400,
      quote: false, mock: false, test: false,
    };
    this.entry = this.entryOf(this.record);
    this.bundle = {
      type: 'lucid.passport.bundle/v1', passport: this.document, record: this.record,
      entry: this.entry.toString('base64'), proof: this.proofOf(this.entry, 4, 7),
      keys: this.jwks, appraisals: [],
    };
  }

  sign(given) {
    const document = JSON.parse(JSON.stringify(given)); // without what is undefined
    const signature = {
      algorithm: 'Ed25519', publicKey: this.issuer.raw.toString('base64'), kid: this.issuer.kid,
    };
    const value = this.issuer.sign(canonical({ ...document, signature })).toString('base64');
    return { ...document, signature: { ...signature, value } };
  }

  entryOf(record) {
    const hash = sha256(canonical(record));
    const signature = this.issuer.sign(Buffer.concat([Buffer.from('lucid/entry/v1\n'), hash]));
    return Buffer.concat([hash, sha256(this.issuer.raw), signature]);
  }

  proofOf(entry, index, size) {
    const leaves = Array.from({ length: size }, (_, i) => leafHash(i === index ? entry : `leaf ${i}`));
    const root = treeRoot(leaves);
    return {
      leaf_index: index, tree_size: size, entry: entry.toString('hex'),
      leaf_hash: leaves[index].toString('hex'), root: root.toString('hex'),
      path: treePath(index, leaves).map((hash) => hash.toString('hex')),
      checkpoint: this.logKey.checkpoint(size, root),
    };
  }

  statusToken() {
    const part = (value) => Buffer.from(canonical(value)).toString('base64url');
    const iat = this.clock() - this.statusAge;
    const claims = {
      iss: this.logKey.name, iat, exp: iat + 3600, treeSize: 7, checkpoint: null,
      revoked: this.revoked, superseded: this.superseded, test: false, ...this.statusMore,
    };
    const header = { alg: 'EdDSA', kid: this.statusKey.kid, typ: 'lucid-passport-status+jwt' };
    const message = `${part(header)}.${part(claims)}`;
    return `${message}.${this.statusKey.sign(message).toString('base64url')}`;
  }

  // The service's clock goes on as the machine's does, from where a case has set it.
  clock() {
    return this.now + (this.later || 0);
  }

  run(...parameters) {
    return execFileSync(this.render, parameters, { maxBuffer: 16 << 20 });
  }

  optionList() {
    const all = {
      now: this.now, origin: ORIGIN, record: sha256(canonical(this.record)).toString('hex'),
      ...this.options,
    };
    return Object.entries(all).map(([name, value]) => `${name}=${value}`);
  }

  html() {
    const file = join(this.work, 'document.json');
    writeFileSync(file, JSON.stringify(this.shown || this.document));
    return this.run('page', file, ...this.optionList());
  }

  asset(name) {
    if (!this.assets.has(name)) this.assets.set(name, this.run('asset', name));
    return this.assets.get(name);
  }

  answer(request) {
    const { pathname } = new URL(request.url, 'http://x');
    const json = (value) => ({ type: 'application/json', body: JSON.stringify(value) });
    if (pathname === `/passport/${ID}`) {
      return { type: 'text/html; charset=utf-8', body: this.html(), page: true };
    }
    if (pathname.startsWith('/passport/assets/')) {
      const name = pathname.slice('/passport/assets/'.length);
      const types = { css: 'text/css', js: 'text/javascript', svg: 'image/svg+xml' };
      return { type: types[name.split('.').pop()], body: this.asset(name) };
    }
    if (pathname.startsWith('/passport/')) {
      return { status: 404, type: 'text/html; charset=utf-8', body: this.run('absent'), page: true };
    }
    if (pathname === `/v1/passports/${ID}`) {
      return { type: 'application/json', body: this.bundleText || JSON.stringify(this.bundle) };
    }
    if (pathname === '/v1/passports/status') {
      return { type: 'application/jwt', body: this.statusToken() };
    }
    if (pathname === '/.well-known/jwks.json') return json(this.jwks);
    if (pathname === '/v1/log') return json({ origin: ORIGIN, vkey: this.vkey });
    return { status: 404, type: 'text/plain', body: 'none' };
  }

  async start() {
    this.server = createServer((request, response) => {
      this.requests.push(request.url);
      if (this.down) {
        request.socket.destroy();
        return;
      }
      let answer;
      try {
        answer = this.answer(request);
      } catch (error) {
        answer = { status: 500, type: 'text/plain', body: String(error) };
      }
      const headers = {
        'Content-Type': answer.type, 'X-Content-Type-Options': 'nosniff',
        'Referrer-Policy': 'no-referrer',
      };
      if (answer.page) {
        headers['Content-Security-Policy'] = this.run('policy', ...this.optionList()).toString();
      }
      response.writeHead(answer.status || 200, headers);
      response.end(answer.body);
    });
    await new Promise((done) => { this.server.listen(0, '127.0.0.1', done); });
    this.port = this.server.address().port;
  }

  url(host = '127.0.0.1') {
    return `http://${host}:${this.port}/passport/${ID}`;
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }
}
