// Makes an issuer of its own: a passport of now, its key set, and a status list on which it is not.
//
//   node sign.mjs DRAFT.json FOLDER      writes passport.json, jwks.json, status.jwt
import {readFileSync, writeFileSync} from 'node:fs';

import {jcs, signingInput} from './verify.mjs';

const [draft, folder] = process.argv.slice(2);
const pair = await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify']);
const raw = Buffer.from(await crypto.subtle.exportKey('raw', pair.publicKey));
const sign = async (bytes) =>
  Buffer.from(await crypto.subtle.sign('Ed25519', pair.privateKey, bytes));
const jwk = {crv: 'Ed25519', kty: 'OKP', x: raw.toString('base64url')};
const thumbprint = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(jcs(jwk)));
const kid = Buffer.from(thumbprint).toString('base64url');

const now = Math.floor(Date.now() / 1000);
const date = (seconds) => new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
const passport = {
  ...JSON.parse(readFileSync(draft, 'utf8')),
  issuer: 'node.example',
  issuedAt: date(now),
  expiresAt: date(now + 86400),
  signature: {algorithm: 'Ed25519', publicKey: raw.toString('base64'), kid},
};
passport.signature.value = (await sign(signingInput(passport))).toString('base64');

const part = (value) => Buffer.from(jcs(value)).toString('base64url');
const input = [
  part({alg: 'EdDSA', kid, typ: 'lucid-passport-status+jwt'}),
  part({iss: 'node.example', iat: now, exp: now + 3600, treeSize: 0, checkpoint: null, revoked: [],
    superseded: [], test: false}),
].join('.');
const token = `${input}.${(await sign(new TextEncoder().encode(input))).toString('base64url')}`;

writeFileSync(`${folder}/passport.json`, JSON.stringify(passport, null, 2));
writeFileSync(`${folder}/jwks.json`, JSON.stringify({keys: [{...jwk, kid}]}));
writeFileSync(`${folder}/status.jwt`, token);
