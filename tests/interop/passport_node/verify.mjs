// Verifies the signature of a passport with nothing but WebCrypto.
//
//   node verify.mjs PASSPORT.json JWKS.json      exit status 0 good, 1 not, 4 key not known
//
// The key in the passport only says which one to use: it must stand in the key set, which you have
// from somewhere that you trust.
import {readFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';

// RFC 8785: names in order of UTF-16 code units, no white space; the rest is how JSON.stringify
// writes already.
export function jcs(value) {
  if (Array.isArray(value)) {
    return `[${value.map(jcs).join()}]`;
  }
  if (value !== null && typeof value === 'object') {
    const member = (name) => `${JSON.stringify(name)}:${jcs(value[name])}`;
    return `{${Object.keys(value).sort().map(member).join()}}`;
  }
  return JSON.stringify(value);
}

// What is signed: all of it, without signature.value.
export function signingInput(passport) {
  const {value, ...signature} = passport.signature;
  return new TextEncoder().encode(jcs({...passport, signature}));
}

export async function verify(passport, jwks) {
  const bytes = (text) => Buffer.from(text, 'base64');
  const x = bytes(passport.signature.publicKey).toString('base64url');
  const jwk = jwks.keys.find((key) => key.crv === 'Ed25519' && key.x === x);
  if (passport.signature.algorithm !== 'Ed25519' || !jwk) {
    return jwk ? 'bad' : 'unknown key';
  }
  const key = await crypto.subtle.importKey('raw', bytes(passport.signature.publicKey), 'Ed25519',
                                            false, ['verify']);
  const good = await crypto.subtle.verify('Ed25519', key, bytes(passport.signature.value),
                                          signingInput(passport));
  return good ? 'good' : 'bad';
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [passport, jwks] = process.argv.slice(2).map((file) => JSON.parse(readFileSync(file)));
  const answer = await verify(passport, jwks);
  console.log(answer);
  process.exitCode = {good: 0, bad: 1}[answer] ?? 4;
}
