// Passports signed here and verified by the ledger's code, and the other way round: ordinary ones,
// and ones with members of every kind that others may put there. Usage: compare.mjs PIPE VECTORS N
import {spawn} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {createInterface} from 'node:readline';

import {signingInput, verify} from './verify.mjs';

const [pipe, vectors, count] = process.argv.slice(2);
const child = spawn(pipe, [], {stdio: ['pipe', 'pipe', 'inherit']});
const lines = createInterface({input: child.stdout})[Symbol.asyncIterator]();

async function ask(...words) {
  child.stdin.write(`${words.join(' ')}\n`);
  const {value, done} = await lines.next();
  if (done) {
    throw new Error('the pipe has ended');
  }
  return value;
}

let compared = 0;
let differences = 0;

function expect(got, want, about) {
  compared++;
  if (got !== want) {
    differences++;
    console.log(`${about}: ${got}, expected ${want}`);
  }
}

const read = (name) => JSON.parse(readFileSync(`${vectors}/${name}`, 'utf8'));
const hex = (base64) => Buffer.from(base64, 'base64').toString('hex');

// --- the published ones ---
const published = read('jwks.json');
const wanted = {good: 'pass', bad: 'fail', 'unknown key': 'unknown'};
for (const row of read('expected.json').passports) {
  const passport = read(row.file);
  const answer = await verify(passport, published);
  const said = row.algorithm ? 'fail' : row.signature;
  // The key is looked up first here, the algorithm there: both refuse.
  expect(wanted[answer], said, row.file);
}
const input = Buffer.from(signingInput(read('ok.passport.json')));
expect(input.equals(readFileSync(`${vectors}/ok.signing-input.jcs`)), true, 'signing input');

// --- made here and there ---
// mulberry32, so that a difference can be looked at again
let state = 20261122;
function random(below) {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) % below;
}

const letters = ['a', 'Z', '0', '"', '\\', '/', '\u0000', '\n', '\u001f', '\u007f', '\u0080', 'é',
  '€', '\u2028', '\ufeff', '\ufb33', '\uffff', '\u{10000}', '\u{1f600}', '\u{10ffff}', '{', '}'];
const text = () => Array.from({length: random(6)}, () => letters[random(letters.length)]).join('');

function number() {
  const double = new DataView(new ArrayBuffer(8));
  double.setUint32(0, random(2 ** 32));
  double.setUint32(4, random(2 ** 32));
  const any = double.getFloat64(0);
  const kinds = [random(1000), -random(1000), random(1000) / 100, 1e20, 1e21, 1e-6, 1e-7,
    Number.MAX_SAFE_INTEGER, -0, Number.isFinite(any) ? any : 0];
  return kinds[random(kinds.length)];
}

function value(depth) {
  switch (random(depth > 3 ? 4 : 6)) {
    case 0: return null;
    case 1: return random(2) === 1;
    case 2: return number();
    case 3: return text();
    case 4: return Array.from({length: random(4)}, () => value(depth + 1));
    default: return Object.fromEntries(
        Array.from({length: random(5)}, () => [text(), value(depth + 1)]));
  }
}

function draft(number, publicKey) {
  const passport = {
    ...read('ok.passport.json'),
    appName: `Application ${number} é€😀`,
    signature: {kid: `key ${number}`, publicKey, algorithm: 'Ed25519'},
  };
  for (let i = random(4); i > 0; i--) {
    passport[`x${text()}`] = value(0);
  }
  passport.auditors[0][`x${text()}`] = value(0);
  passport.signature[`x${text()}`] = value(0);
  return passport;
}

const pair = await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify']);
const ours = Buffer.from(await crypto.subtle.exportKey('raw', pair.publicKey)).toString('base64');
const theirs = await ask('key');
const jwks = {keys: [{kty: 'OKP', crv: 'Ed25519',
  x: Buffer.from(theirs, 'base64').toString('base64url')}]};
// What the two make of the same document that was changed afterwards.
const change = (passport) => ({...passport, version: '1.0.1'});

for (let i = 0; i < Number(count); i++) {
  const mine = draft(i, ours);
  mine.signature.value = Buffer.from(
      await crypto.subtle.sign('Ed25519', pair.privateKey, signingInput(mine))).toString('base64');
  expect(await ask('verify', hex(ours), JSON.stringify(mine)), 'valid', `signed here ${i}`);
  expect(await ask('verify', hex(theirs), JSON.stringify(mine)), 'unknown', `other key ${i}`);
  expect(await ask('verify', hex(ours), JSON.stringify(change(mine))), 'invalid', `changed ${i}`);
  const made = JSON.parse(await ask('sign', JSON.stringify(draft(i, theirs))));
  expect(await verify(made, jwks), 'good', `signed there ${i}`);
  expect(await verify(change(made), jwks), 'bad', `changed there ${i}`);
  expect(await verify(made, published), 'unknown key', `not known ${i}`);
}
child.stdin.end();
console.log(`compared ${compared} answers, ${differences} differences`);
process.exitCode = differences === 0 && compared > 6 * Number(count) ? 0 : 1;
