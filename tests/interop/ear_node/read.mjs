// Attestation results of ours, read by npm's jose. usage: read.mjs FOLDER (of ear_tokens.py)
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { calculateJwkThumbprint, createLocalJWKSet, decodeProtectedHeader, jwtVerify } from "jose";

const folder = process.argv[2];
const text = (name) => readFileSync(join(folder, name), "utf8");
const json = (name) => JSON.parse(text(name));
let checks = 0;

function check(good, what) {
  checks++;
  if (!good) {
    console.error(`not so: ${what}`);
    process.exit(1);
  }
}

async function refused(token, keys, options, code) {
  try {
    await jwtVerify(token, keys, { algorithms: ["EdDSA"], ...options });
  } catch (error) {
    check(error.code === code, `${error.code} instead of ${code}`);
    return;
  }
  check(false, `taken instead of ${code}`);
}

const set = json("jwks.json");
const expected = json("expected.json");
const keys = createLocalJWKSet(set);
for (const jwk of set.keys) {
  check((await calculateJwkThumbprint(jwk)) === jwk.kid, `kid ${jwk.kid} is the thumbprint`);
}
check(new Set(set.keys.map((jwk) => jwk.kid)).size === set.keys.length, "kids differ");

for (const [name, what] of Object.entries(expected)) {
  const token = text(`${name}.jwt`);
  const at = { currentDate: new Date(what.iat * 1000) };
  const { payload, protectedHeader } = await jwtVerify(token, keys, {
    algorithms: ["EdDSA"], typ: "eat+jwt", ...at,
  });
  check(Object.keys(protectedHeader).sort().join() === "alg,kid,typ", `${name}: header`);
  check(payload.iat === what.iat && Number.isInteger(payload.exp), `${name}: times`);
  const dotted = !name.startsWith("draft04") && !name.startsWith("rotated");
  const status = payload.submods.cpu0[dotted ? "ear.status" : "ear_status"];
  check(status === what.status, `${name}: status`);
  await refused(token, keys, { ...at, algorithms: ["ES256"] }, "ERR_JOSE_ALG_NOT_ALLOWED");
  await refused(token, keys, { currentDate: new Date(payload.exp * 1000) }, "ERR_JWT_EXPIRED");
  await refused(token, keys, { ...at, typ: "JWT" }, "ERR_JWT_CLAIM_VALIDATION_FAILED");
  const others = set.keys.filter((jwk) => jwk.kid !== protectedHeader.kid);
  await refused(token, createLocalJWKSet({ keys: others }), at, "ERR_JWKS_NO_MATCHING_KEY");
}
const before = decodeProtectedHeader(text("draft04-mock.jwt")).kid;
const after = decodeProtectedHeader(text("rotated-mock.jwt")).kid;
check(before !== after, "the rotation made another key");
const of = (kid) => set.keys.find((jwk) => jwk.kid === kid);
check(of(before).exp > of(after).nbf && of(after).exp === undefined, "the old key ends, later");
for (const name of ["draft04", "veraison"]) {
  const at = { currentDate: new Date(expected[`${name}-mock`].iat * 1000) };
  await refused(text(`${name}-forged.jwt`), keys, at, "ERR_JWS_SIGNATURE_VERIFICATION_FAILED");
}
console.log(`${checks} checks: jose ${json("../node_modules/jose/package.json").version} reads ` +
  "the results and the JWK set, before and after a rotation");
