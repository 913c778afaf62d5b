// What x402/evm computes against what viem computes, over random cases from a fixed seed.
//
//   node compare.mjs PIPE [CASES]     PIPE: tests/interop/viem/evm_pipe
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';
import {
  bytesToHex, domainSeparator, encodeFunctionData, getAddress, hashTypedData, hexToBytes, keccak256, parseAbi,
  recoverAddress, serializeSignature, stringToBytes,
} from 'viem';
import { privateKeyToAccount, sign } from 'viem/accounts';

const [pipe, count = '10000'] = process.argv.slice(2);
const CASES = Number(count);
const N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

// SHA-256 in counter mode: the same cases every time.
let counter = 0;
let pool = Buffer.alloc(0);
function bytes(length) {
  const parts = [pool];
  let have = pool.length;
  while (have < length) {
    parts.push(createHash('sha256').update(`lucid-ledger viem ${counter++}`).digest());
    have += 32;
  }
  const all = Buffer.concat(parts);
  pool = all.subarray(length);
  return all.subarray(0, length);
}
const hex = (length) => bytesToHex(bytes(length));
const below = (max) => Number(BigInt(hex(6)) % BigInt(max));
// Numbers of every length, not only long ones.
function number(bits) {
  const length = below(bits + 1);
  return length === 0 ? 0n : BigInt(hex(32)) >> BigInt(256 - length);
}
const address = () => getAddress(hex(20));
const LETTERS = ['a', 'Z', '0', ' ', '/', 'é', '€', '"', '\\', '𝄞'];
const text = () => Array.from({ length: below(40) }, () => LETTERS[below(10)]).join('');
const lower = (value) => value.toLowerCase();
function key() {
  const value = hex(32);
  return BigInt(value) === 0n || BigInt(value) >= N ? key() : value;
}

const keys = Array.from({ length: 32 }, key);
const pick = () => keys[below(keys.length)];

const AUTHORIZATION = {
  TransferWithAuthorization: [
    { name: 'from', type: 'address' }, { name: 'to', type: 'address' },
    { name: 'value', type: 'uint256' }, { name: 'validAfter', type: 'uint256' },
    { name: 'validBefore', type: 'uint256' }, { name: 'nonce', type: 'bytes32' },
  ],
};
const PROOF = {
  PaymentProof: [
    { name: 'transaction', type: 'bytes32' }, { name: 'logIndex', type: 'uint256' },
    { name: 'payTo', type: 'address' }, { name: 'amount', type: 'uint256' },
    { name: 'method', type: 'string' }, { name: 'resource', type: 'string' },
    { name: 'bodyHash', type: 'bytes32' }, { name: 'challenge', type: 'bytes32' },
    { name: 'expires', type: 'uint256' },
  ],
};
const TOKEN = parseAbi([
  'function transfer(address to, uint256 value) returns (bool)',
  'function transferWithAuthorization(address from, address to, uint256 value, ' +
    'uint256 validAfter, uint256 validBefore, bytes32 nonce, uint8 v, bytes32 r, bytes32 s)',
]);

const domain = () => ({
  name: text(), version: text(), chainId: number(53), verifyingContract: address(),
});
const textHex = (value) => bytesToHex(stringToBytes(value));

function authorization() {
  return {
    from: address(), to: address(), value: number(256), validAfter: number(256),
    validBefore: number(256), nonce: hex(32),
  };
}
const authorizationFields = (m) => [
  lower(m.from), lower(m.to), m.value, m.validAfter, m.validBefore, m.nonce,
].join(' ');

const kinds = {
  keccak() {
    const data = bytesToHex(bytes(below(700)));
    return [`keccak ${data}`, keccak256(data)];
  },
  address() {
    const value = hex(20);
    return [`address ${value}`, getAddress(value)];
  },
  // Valid ones, and each way of being refused: high s, v of 0 and 1 and others, another digest,
  // random bytes. What we refuse for its form only, viem must still recover to the signer.
  async recover() {
    const secret = pick();
    const digest = hex(32);
    const made = await sign({ hash: digest, privateKey: secret });
    const signer = privateKeyToAccount(secret).address;
    const low = serializeSignature({ r: made.r, s: made.s, v: made.v });
    const body = low.slice(0, 130);
    const way = below(6);
    if (way === 1) {
      const s = `0x${(N - BigInt(made.s)).toString(16).padStart(64, '0')}`;
      const high = serializeSignature({ r: made.r, s, v: made.v === 27n ? 28n : 27n });
      if (await recoverAddress({ hash: digest, signature: high }) !== signer) throw new Error(high);
      return [`recover ${digest} ${high}`, 'refused'];
    }
    if (way === 2) {
      const bare = body + (made.v === 27n ? '00' : '01');
      if (await recoverAddress({ hash: digest, signature: bare }) !== signer) throw new Error(bare);
      return [`recover ${digest} ${bare}`, 'refused'];
    }
    if (way === 3) {
      const v = (29 + below(227)).toString(16).padStart(2, '0');
      return [`recover ${digest} ${body + v}`, 'refused'];
    }
    if (way === 4) {
      const other = hex(32);
      const signature = body + (below(2) ? '1b' : '1c');
      const found = await recoverAddress({ hash: other, signature }).catch(() => 'refused');
      return [`recover ${other} ${signature}`, found];
    }
    if (way === 5) {
      const s = (BigInt(hex(32)) % (N / 2n) + 1n).toString(16).padStart(64, '0');
      const signature = hex(32) + s + (below(2) ? '1b' : '1c');
      const found = await recoverAddress({ hash: digest, signature }).catch(() => 'refused');
      return [`recover ${digest} ${signature}`, found];
    }
    return [`recover ${digest} ${low}`, signer];
  },
  async sign() {
    const secret = pick();
    const digest = hex(32);
    return [`sign ${secret} ${digest}`, serializeSignature(await sign({ hash: digest, privateKey: secret }))];
  },
  domain() {
    const d = domain();
    return [
      `domain ${textHex(d.name)} ${textHex(d.version)} ${d.chainId} ${lower(d.verifyingContract)}`,
      domainSeparator({ domain: d }),
    ];
  },
  authorization() {
    const d = domain();
    const message = authorization();
    return [
      `authorization ${domainSeparator({ domain: d })} ${authorizationFields(message)}`,
      hashTypedData({ domain: d, types: AUTHORIZATION, primaryType: 'TransferWithAuthorization', message }),
    ];
  },
  proof() {
    const d = { name: 'Lucid ledger', version: '1', chainId: number(53), verifyingContract: address() };
    const message = {
      transaction: hex(32), logIndex: number(64), payTo: address(), amount: number(256),
      method: ['GET', 'POST', 'PUT', 'DELETE'][below(4)], resource: `https://a.example/${text()}`,
      bodyHash: hex(32), challenge: hex(32), expires: number(64),
    };
    const m = message;
    return [
      ['proof', domainSeparator({ domain: d }), m.transaction, m.logIndex, lower(m.payTo), m.amount,
        textHex(m.method), textHex(m.resource), m.bodyHash, m.challenge, m.expires].join(' '),
      hashTypedData({ domain: d, types: PROOF, primaryType: 'PaymentProof', message }),
    ];
  },
  async transaction() {
    const secret = pick();
    const fees = [number(64), number(64)].sort((a, b) => (a < b ? -1 : 1));
    const t = {
      type: 'eip1559', chainId: 1 + below(2 ** 40), nonce: below(2 ** 40), maxPriorityFeePerGas: fees[0],
      maxFeePerGas: fees[1], gas: number(60), to: address(), value: number(256), data: hex(below(400)),
    };
    const raw = await privateKeyToAccount(secret).signTransaction(t);
    return [
      ['transaction', secret, t.chainId, t.nonce, fees[0], fees[1], t.gas, lower(t.to), t.value,
        t.data].join(' '),
      `${raw} ${keccak256(raw)}`,
    ];
  },
  settle() {
    const m = authorization();
    const signature = hex(65);
    const [r, s] = [signature.slice(0, 66), `0x${signature.slice(66, 130)}`];
    const v = hexToBytes(signature)[64];
    return [
      `settle ${authorizationFields(m)} ${signature}`,
      encodeFunctionData({
        abi: TOKEN, functionName: 'transferWithAuthorization',
        args: [m.from, m.to, m.value, m.validAfter, m.validBefore, m.nonce, v, r, s],
      }),
    ];
  },
  transfer() {
    const [to, value] = [address(), number(256)];
    return [
      `transfer ${lower(to)} ${value}`,
      encodeFunctionData({ abi: TOKEN, functionName: 'transfer', args: [to, value] }),
    ];
  },
};

const child = spawn(pipe, [], { stdio: ['pipe', 'pipe', 'inherit'] });
const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
const done = [];
for (const [name, make] of Object.entries(kinds)) {
  for (let i = 0; i < CASES; i++) {
    const [question, want] = await make();
    child.stdin.write(`${question}\n`);
    const { value: got } = await answers.next();
    if (got !== want) {
      console.log(`DIFFERS ${name} case ${i}\n  asked ${question}\n  viem  ${want}\n  ours  ${got}`);
      process.exit(1);
    }
  }
  done.push(name);
}
child.stdin.end();
console.log(`viem agrees: ${CASES} cases each of ${done.join(', ')}`);
