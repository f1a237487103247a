// Age tokens on the person's device (RFC 9578, type 2): get them from an
// issuer, for the grant that an age check gave, and spend them one by one. The
// issuer signs without seeing them, so nobody can tell which check a token came
// from. The Go package agetoken has the other side.
//
//   const issuer = await Issuer.open('https://age.example.org');
//   const tokens = await issuer.tokens(takeGrant(), 'over-18', 10);
//   await fetch(film, { headers: { Authorization: authorization(tokens.pop()) } });
//
// Keep tokens like passwords: who has one may spend it.

import { RSABSSA } from '@cloudflare/blindrsa-ts';

const type = [0, 2]; // blind RSA with 2048 bits
const maxBatch = 30;
const classes = ['strict', 'enhanced', 'standard'];
const suite = RSABSSA.SHA384.PSS.Deterministic();

/** Issuer is an issuer's directory, as everybody is shown it. */
export class Issuer {
  /**
   * Reads the directory of the issuer at url. By default tokens name the
   * issuer by the URL's host. With pin, the SHA-256 of a directory in
   * hexadecimal, any other directory is refused.
   */
  static async open(url, { host = new URL(url).host, pin, now = () => new Date() } = {}) {
    const where = new URL('/.well-known/private-token-issuer-directory', url);
    const response = await fetch(where, { credentials: 'omit', referrerPolicy: 'no-referrer' });
    if (!response.ok) throw new Error(`The issuer's keys cannot be read: ${response.status}`);
    const body = new Uint8Array(await response.arrayBuffer());
    const digest = hex(await sha256(body));
    if (pin && pin.toLowerCase() !== digest) throw new Error('The issuer shows other keys than it should');
    const directory = JSON.parse(new TextDecoder().decode(body));
    const keys = directory['token-keys']
      .filter((k) => k['token-type'] === 2 && k.name)
      .map((k) => ({ name: k.name, spki: decode(k['token-key']), notBefore: k['not-before'] ?? 0 }));
    return new Issuer(host, new URL(directory['issuer-request-uri'], where), keys, digest, now);
  }

  constructor(host, requestURL, keys, digest, now) {
    Object.assign(this, { host, requestURL, keys, digest, now });
  }

  /** signing are the keys that sign what says this month, the strictest first. */
  signing(says) {
    const now = this.now();
    const month = now.toISOString().slice(0, 7);
    const names = says.includes('.') ? [says] : classes.map((c) => `${says}.${c}`);
    const keys = names.map((n) => this.keys.find((k) => k.name === `${n}.${month}` && k.notBefore * 1000 <= now)).filter((k) => k);
    if (keys.length === 0) throw new Error(`The issuer has no key ${says} for ${month}`);
    return keys;
  }

  /**
   * Gets count tokens, at most 30, for a grant. They say what says does, like
   * over-18.enhanced; or over-18, of the strictest class that the check was
   * good for. They answer the challenge, in bytes; without, one that says
   * nothing of where they will be spent, which is for tokens that are kept.
   */
  async tokens(grant, says, count, challenge = challengeOf(this.host)) {
    if (!(count >= 1 && count <= maxBatch)) throw new RangeError(`Between 1 and ${maxBatch} tokens at a time`);
    let refused;
    for (const { spki } of this.signing(says)) {
      try {
        return await this.#ask(grant, await publicKey(spki), count, challenge);
      } catch (e) {
        if (e.problem?.status !== 422) throw e;
        refused = e; // more than the check was good for: nothing was taken
      }
    }
    throw refused;
  }

  async #ask(grant, key, count, challenge) {
    const pending = await Promise.all(Array.from({ length: count }, () => blind(key, challenge)));
    const response = await fetch(this.requestURL, {
      method: 'POST',
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ grant, requests: pending.map((p) => encode(p.request)) }),
    });
    const answer = await response.json();
    if (!response.ok) throw Object.assign(new Error(answer.detail ?? answer.title), { problem: answer });
    if (answer.responses.length !== count) throw new Error('The issuer left requests unanswered');
    return Promise.all(pending.map((p, i) => finalize(key, p, decode(answer.responses[i]))));
  }
}

/**
 * takeGrant is the grant with which the age check's page sends a person back,
 * in the fragment of the address. It takes it out of the address bar.
 */
export function takeGrant() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const grant = fragment.get('age_grant');
  if (grant) history.replaceState(history.state, '', location.pathname + location.search);
  return grant;
}

/** challengeOf is a TokenChallenge (RFC 9577, section 2.1.1) in bytes. */
export function challengeOf(issuer, context = new Uint8Array(), origins = []) {
  const name = new TextEncoder().encode(issuer);
  const info = new TextEncoder().encode(origins.join(','));
  return join(type, uint16(name.length), name, [context.length], context, uint16(info.length), info);
}

/** authorization is the header's value that spends a token. */
export function authorization(token) {
  return `PrivateToken token="${encode(token)}"`;
}

/** encode is base64url, as tokens are sent in. */
export function encode(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

function decode(text) {
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
}

// A key's SubjectPublicKeyInfo has one spelling: all of it but the modulus, as
// long as the key is of 2048 bits and has the exponent 65537.
const before =
  '30820152303d06092a864886f70d01010a3030a00d300b0609608648016503040202a11a301806092a864886f70d010108300b0609608648016503040202a2030201300382010f003082010a0282010100';
const after = '0203010001';

async function publicKey(spki) {
  const start = before.length / 2;
  const modulus = spki.slice(start, start + 256);
  if (hex(spki) !== before + hex(modulus) + after || modulus[0] < 128) throw new Error('The key is not of a kind that signs tokens');
  const jwk = { kty: 'RSA', alg: 'PS384', n: encode(modulus), e: 'AQAB', ext: true };
  const key = await crypto.subtle.importKey('jwk', jwk, { name: 'RSA-PSS', hash: 'SHA-384' }, true, ['verify']);
  return { key, id: await sha256(spki) };
}

async function blind({ key, id }, challenge) {
  const nonce = crypto.getRandomValues(new Uint8Array(32));
  const message = join(type, nonce, await sha256(challenge), id);
  const { blindedMsg, inv } = await suite.blind(key, suite.prepare(message));
  return { message, inv, request: join(type, id.slice(-1), blindedMsg) };
}

// finalize checks the signature: one of another key would tell people apart.
async function finalize({ key }, { message, inv }, response) {
  return join(message, await suite.finalize(key, message, response, inv));
}

async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
}

function uint16(n) {
  return [n >> 8, n & 255];
}

function join(...parts) {
  return Uint8Array.from(parts.flatMap((p) => [...p]));
}

function hex(bytes) {
  return [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');
}
