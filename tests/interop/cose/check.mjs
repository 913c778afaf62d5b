// COSE receipts judged by @auth0/cose: its CBOR, its Sig_structure, its Ed25519 (node's). The tree is
// RFC 9162's, written here.
//
//   node check.mjs vectors FILE    tests/vectors/merkle/cose_receipts.json
//   node check.mjs server URL      what a running service gives
import { createHash, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Sign1 } from '@auth0/cose';
import { decode as cbor } from 'cbor-x';

const INCLUSION = -1;
const CONSISTENCY = -2;
let accepted = 0;
let refused = 0;

function fail(text) {
  throw new Error(text);
}

function sha256(...parts) {
  const hash = createHash('sha256');
  parts.forEach((part) => hash.update(part));
  return hash.digest();
}

const leafHash = (entry) => sha256(Buffer.of(0), entry);
const nodeHash = (left, right) => sha256(Buffer.of(1), left, right);
const hex = (text) => Buffer.from(text, 'hex');

// RFC 9162 2.1.3.2, up to the comparison; null when the path does not fit.
function inclusionRoot(index, size, leaf, path) {
  let [fn, sn, r] = [index, size - 1, leaf];
  if (index >= size) return null;
  for (const p of path) {
    if (sn === 0) return null;
    if (fn % 2 === 1 || fn === sn) {
      r = nodeHash(p, r);
      while (fn % 2 === 0 && fn !== 0) {
        fn = Math.floor(fn / 2);
        sn = Math.floor(sn / 2);
      }
    } else {
      r = nodeHash(r, p);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  return sn === 0 ? r : null;
}

// RFC 9162 2.1.4.2, for 0 < first < second.
function consistencyHolds(first, second, older, newer, given) {
  const path = Number.isInteger(Math.log2(first)) ? [older, ...given] : given;
  let [fn, sn] = [first - 1, second - 1];
  if (path.length === 0) return false;
  while (fn % 2 === 1) {
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  let [fr, sr] = [path[0], path[0]];
  for (const c of path.slice(1)) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      fr = nodeHash(c, fr);
      sr = nodeHash(c, sr);
      while (fn % 2 === 0 && fn !== 0) {
        fn = Math.floor(fn / 2);
        sn = Math.floor(sn / 2);
      }
    } else {
      sr = nodeHash(sr, c);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  return sn === 0 && older.equals(fr) && newer.equals(sr);
}

function publicKey(raw) {
  const x = Buffer.from(raw).toString('base64url');
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
}

const claims = (value) => (value instanceof Map ? Object.fromEntries(value) : value);
const member = (value, name) => (value instanceof Map ? value.get(name) : value[name]);

// The parts of a receipt: kind, numbers, path, payload, and the library's object to verify with.
function take(bytes) {
  const sign1 = Sign1.decode(bytes);
  const header = sign1.protectedHeaders;
  if (header.get(395) !== 1) fail('vds is not 1');
  const proofs = sign1.unprotectedHeaders.get(396);
  const kind = member(proofs, INCLUSION) !== undefined ? INCLUSION : CONSISTENCY;
  const list = member(proofs, kind);
  if (list.length !== 1) fail('not one proof');
  const [one, two, path] = cbor(list[0]);
  return {
    sign1,
    kind,
    one: Number(one),
    two: Number(two),
    path: path.map((node) => Buffer.from(node)),
    kid: Buffer.from(header.get(4)),
    claims: claims(header.get(15)),
    checkpoint: sign1.unprotectedHeaders.get('lucid-checkpoint'),
  };
}

// The root that the receipt leads to; null when it leads nowhere. about: leaf, or older root.
function rootOf(receipt, about) {
  if (receipt.kind === INCLUSION) {
    return inclusionRoot(receipt.two, receipt.one, about, receipt.path);
  }
  const root = Buffer.from(receipt.sign1.payload);
  return consistencyHolds(receipt.one, receipt.two, about, root, receipt.path) ? root : null;
}

async function verifies(bytes, key, about) {
  try {
    const receipt = take(bytes);
    const root = rootOf(receipt, about);
    if (root === null) return false;
    const detached = receipt.kind === INCLUSION ? { detachedPayload: root } : {};
    await receipt.sign1.verify(key, detached);
    return true;
  } catch {
    return false;
  }
}

async function accept(bytes, key, about, what) {
  if (!(await verifies(bytes, key, about))) fail(`${what} does not verify`);
  accepted++;
}

async function refuse(bytes, key, about, what) {
  if (await verifies(bytes, key, about)) fail(`${what} verifies`);
  refused++;
}

// Every node of the path, the header, the payload, the signature, what it is about: one bit each.
async function refuseChanged(bytes, key, about, what) {
  const receipt = take(bytes);
  const places = receipt.path.map((node) => bytes.indexOf(node) + 5);
  places.push(bytes.indexOf(receipt.kid) + 9, bytes.length - 40, bytes.length - 1);
  if (receipt.kind === CONSISTENCY) places.push(bytes.indexOf(receipt.sign1.payload) + 3);
  for (const place of places) {
    const wrong = Buffer.from(bytes);
    wrong[place] ^= 4;
    await refuse(wrong, key, about, `${what}, byte ${place} changed,`);
  }
  const other = Buffer.from(about);
  other[0] ^= 1;
  await refuse(bytes, key, other, `${what} about something else`);
}

async function vectors(file) {
  const data = JSON.parse(readFileSync(file, 'utf8'));
  const key = publicKey(hex(data.public));
  for (const item of data.cases) {
    const bytes = hex(item.receipt);
    const about = hex(item.kind === 'inclusion' ? item.leaf_hash : item.root1);
    await accept(bytes, key, about, `vector ${item.kind}`);
    await refuseChanged(bytes, key, about, `vector ${item.kind}`);
  }
  if (accepted !== 10) fail(`${accepted} vectors, not 10`);
}

async function get(url, type) {
  const answer = await fetch(url, { headers: { Accept: type } });
  const bytes = Buffer.from(await answer.arrayBuffer());
  if (answer.status !== 200) fail(`${url}: ${answer.status} ${bytes}`);
  return bytes;
}

const getJson = async (url) => JSON.parse(await get(url, 'application/json'));
const getCose = (url) => get(url, 'application/cose');

function checkpointRoot(text) {
  const [origin, size, root] = text.split('\n');
  return { origin, size: Number(size), root: Buffer.from(root, 'base64') };
}

async function checkReceipt(url, log, key, hash) {
  const path = `${url}/v1/receipts/${hash}/proof`;
  const newest = await getJson(path);
  const at = `${path}?tree_size=${newest.tree_size}`;
  const bytes = await getCose(at);
  const receipt = take(bytes);
  const leaf = leafHash(hex(newest.entry));
  await accept(bytes, key, leaf, `receipt ${hash}`);
  const head = checkpointRoot(Buffer.from(receipt.checkpoint).toString());
  if (!head.root.equals(rootOf(receipt, leaf))) fail('the checkpoint has another root');
  if (head.size !== receipt.one || head.origin !== log.origin) fail('another checkpoint');
  if (receipt.claims[1] !== log.origin || receipt.claims[2] !== hash) fail('other claims');
  if (!receipt.kid.equals(sha256(hex(log.service_key)))) fail('another key id');
  if (!(await getCose(at)).equals(bytes)) fail('the second answer is another');
  await refuseChanged(bytes, key, leaf, `receipt ${hash}`);
  return newest.tree_size;
}

async function server(url) {
  const log = await getJson(`${url}/v1/log`);
  const key = publicKey(hex(log.service_key));
  const epochs = (await getJson(`${url}/v1/epochs?limit=3`)).items;
  let size = 0;
  for (const { epoch } of epochs) {
    const { items } = await getJson(`${url}/v1/epochs/${epoch}/receipts?limit=20`);
    for (const item of items) size = await checkReceipt(url, log, key, item.receipt_hash);
  }
  if (accepted === 0) fail('the log is empty');
  for (const from of [1, 2, 3, Math.floor(size / 2), size - 1].filter((n) => n > 0 && n < size)) {
    const query = `${url}/v1/consistency?from=${from}&to=${size}`;
    const older = hex((await getJson(query)).root_from);
    const bytes = await getCose(query);
    await accept(bytes, key, older, `consistency from ${from}`);
    await refuseChanged(bytes, key, older, `consistency from ${from}`);
  }
}

const [mode, argument] = process.argv.slice(2);
try {
  await { vectors, server }[mode](argument);
  console.log(`${mode}: ${accepted} COSE receipts accepted, ${refused} changed ones refused`);
} catch (error) {
  console.log(`FAILED ${mode}: ${error.message}`);
  process.exitCode = 1;
}
