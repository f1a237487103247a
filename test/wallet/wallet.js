// A wallet and its issuer, made of other people's libraries. It reads tasks from
// standard input, one a line as JSON, does each, and prints a line of what the
// server said to it:
//
//   issuer   {key: JWK, certificate: base64 of DER}, trusted by the server
//   document {format: "mso_mdoc" | "dc+sd-jwt", id, type, namespace, over: {"18": true}, also: {…}}
//   link     a link to a wallet; or
//   api      {protocol, data, answer, origin} of the Digital Credentials API;
//            signed_for is the origin that the wallet believes it is asked from
import { createHash, getRandomValues, randomBytes, webcrypto, X509Certificate } from 'node:crypto'
import { createInterface } from 'node:readline'
import { Aes128Gcm, CipherSuite, DhkemP256HkdfSha256, HkdfSha256 } from '@hpke/core'
import { Openid4vpClient } from '@openid4vc/openid4vp'
import { setGlobalConfig } from '@openid4vc/oauth2'
import {
  base64url, cborDecode, cborEncode, CoseKey, DeviceKey, DeviceRequest, DeviceResponse, DocRequest, Issuer, ItemsRequest,
  SessionTranscript, SignatureAlgorithm,
} from '@owf/mdoc'
import { digest, ES256, generateSalt } from '@sd-jwt/crypto-nodejs'
import { SDJwtVcInstance } from '@sd-jwt/sd-jwt-vc'
import * as jose from 'jose'
import { z } from 'zod'

setGlobalConfig({ allowInsecureUrls: true }) // the server under test is on the loopback address

let task

// what @owf/mdoc asks its surroundings for
const context = {
  crypto: {
    random: (length) => getRandomValues(new Uint8Array(length)),
    digest: ({ digestAlgorithm, bytes }) => createHash(digestAlgorithm.replace('-', '')).update(bytes).digest(),
  },
  cose: {
    sign1: {
      sign: async ({ key, toBeSigned }) => {
        const private_ = await webcrypto.subtle.importKey('jwk', key.jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
        return new Uint8Array(await webcrypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, private_, toBeSigned))
      },
    },
  },
}

async function newKey() {
  const { privateKey } = await jose.generateKeyPair('ES256', { extractable: true })
  const jwk = await jose.exportJWK(privateKey)
  for (const part of ['x', 'y', 'd']) keep(jose.base64url.decode(jwk[part]))
  return { ...jwk, alg: 'ES256' }
}

const publicOf = ({ d, ...jwk }) => jwk

// secrets are what says who the person is, or would link one answer with
// another: none of it may be found anywhere later. They are printed as hex.
let secrets = []
const keep = (bytes) => secrets.push(Buffer.from(bytes).toString('hex'))

// presentMdoc issues a document and discloses of it what was asked for.
async function presentMdoc(transcript) {
  const { type, namespace, over, also = {} } = task.document
  const claims = { ...also }
  for (const [age, value] of Object.entries(over)) claims[`age_over_${age}`] = value
  const device = await newKey()
  const day = 24 * 60 * 60 * 1000
  const now = Math.floor(Date.now() / 1000) * 1000
  const issuer = new Issuer(type, context)
  issuer.addIssuerNamespace(namespace, claims)
  const issued = await issuer.sign({
    signingKey: CoseKey.fromJwk({ ...task.issuer.key, alg: 'ES256' }),
    algorithm: SignatureAlgorithm.ES256,
    digestAlgorithm: 'SHA-256',
    certificates: [new Uint8Array(Buffer.from(task.issuer.certificate, 'base64'))],
    validityInfo: { signed: new Date(now - day), validFrom: new Date(now - day), validUntil: new Date(now + 30 * day) },
    deviceKeyInfo: { deviceKey: DeviceKey.fromJwk(publicOf(device)) },
  })
  const asked = Object.fromEntries(Object.keys(claims).map((name) => [name, false]))
  const deviceRequest = DeviceRequest.create({
    docRequests: [DocRequest.create({ itemsRequest: ItemsRequest.create({ docType: type, namespaces: { [namespace]: asked } }) })],
  })
  const response = await DeviceResponse.createWithDeviceRequest(
    { deviceRequest, issuerSigned: [issued], sessionTranscript: transcript, signature: { signingKey: CoseKey.fromJwk(device) } },
    context,
  )
  const encoded = response.encode()
  keep(encoded.subarray(-80, -16)) // of the device's signature
  keep(issued.issuerAuth.signature)
  return response
}

// presentSDJWT issues a credential and discloses all of its ages.
async function presentSDJWT(audience, nonce) {
  const { type, over, also = {} } = task.document
  const holder = await newKey()
  const now = Math.floor(Date.now() / 1000)
  const sdjwt = new SDJwtVcInstance({
    signer: await ES256.getSigner(task.issuer.key), signAlg: ES256.alg, hasher: digest, hashAlg: 'sha-256', saltGenerator: generateSalt,
    kbSigner: await ES256.getSigner(holder), kbSignAlg: ES256.alg,
  })
  const credential = await sdjwt.issue(
    { iss: 'https://issuer.example', iat: now, exp: now + 3600, vct: type, cnf: { jwk: publicOf(holder) }, age_equal_or_over: over, ...also },
    { _sd: Object.keys(also), age_equal_or_over: { _sd: Object.keys(over) } },
    { header: { x5c: [task.issuer.certificate] } },
  )
  const disclose = { age_equal_or_over: Object.fromEntries(Object.keys(over).map((age) => [age, true])) }
  for (const name of Object.keys(also)) disclose[name] = true
  const presented = await sdjwt.present(credential, disclose, { kb: { payload: { iat: now, aud: audience, nonce } } })
  for (const jwt of [presented.split('~')[0], presented.split('~').at(-1)]) keep(jose.base64url.decode(jwt.split('.')[2]))
  return presented
}

const client = new Openid4vpClient({
  callbacks: {
    fetch,
    hash: (data, algorithm) => createHash(algorithm.replace('-', '')).update(data).digest(),
    verifyJwt: async (signer, { compact }) => {
      const certificate = new X509Certificate(Buffer.from(signer.x5c[0], 'base64'))
      await jose.jwtVerify(compact, certificate.publicKey, { audience: 'https://self-issued.me/v2' })
      return { verified: true, signerJwk: await jose.exportJWK(certificate.publicKey) }
    },
    encryptJwe: async ({ publicJwk, alg, enc, apu, apv }, data) => {
      const key = await jose.importJWK(publicJwk, alg)
      const jwe = new jose.CompactEncrypt(new TextEncoder().encode(data)).setProtectedHeader({ alg, enc, kid: publicJwk.kid })
      if (apu || apv) jwe.setKeyManagementParameters({ apv: jose.base64url.decode(apv), ...(apu && { apu: jose.base64url.decode(apu) }) })
      return { jwe: await jwe.encrypt(key), encryptionJwk: publicJwk }
    },
    getX509CertificateMetadata: (text) => {
      const names = new X509Certificate(Buffer.from(text, 'base64')).subjectAltName ?? ''
      return { sanDnsNames: names.split(', ').filter((n) => n.startsWith('DNS:')).map((n) => n.slice(4)), sanUriNames: [] }
    },
    signJwt: () => { throw new Error('answers are not signed') },
    decryptJwe: () => { throw new Error('requests are not encrypted') },
  },
})

// answerTo makes the answer to an OpenID4VP request that the library resolved.
async function answerTo(resolved, origin) {
  const request = resolved.authorizationRequestPayload
  const query = resolved.dcql.query.credentials.find(({ id }) => id === task.document.id)
  if (!query) throw new Error(`${task.document.id} is not asked for`)
  const jwk = request.client_metadata?.jwks?.keys?.[0]
  const jwkThumbprint = jwk && new Uint8Array(Buffer.from(await jose.calculateJwkThumbprint(jwk), 'base64url'))
  let presentation
  if (query.format === 'mso_mdoc') {
    const transcript = origin
      ? await SessionTranscript.forOid4VpDcApi({ origin, nonce: request.nonce, jwkThumbprint }, context)
      : await SessionTranscript.forOid4Vp({ clientId: request.client_id, nonce: request.nonce, responseUri: request.response_uri, jwkThumbprint }, context)
    presentation = (await presentMdoc(transcript)).encodedForOid4Vp
  } else {
    presentation = await presentSDJWT(origin ? `origin:${origin}` : request.client_id, request.nonce)
  }
  return client.createOpenid4vpAuthorizationResponse({
    authorizationRequestPayload: request,
    authorizationResponsePayload: { vp_token: { [query.id]: [presentation] } },
    origin,
    jarm: jwk && {
      encryption: { nonce: randomBytes(16).toString('base64url') },
      serverMetadata: {
        authorization_signing_alg_values_supported: [],
        authorization_encryption_alg_values_supported: ['ECDH-ES'],
        authorization_encryption_enc_values_supported: ['A128GCM', 'A256GCM'],
      },
    },
  })
}

async function byLink(link) {
  const parsed = client.parseOpenid4vpAuthorizationRequest({ authorizationRequest: link })
  const resolved = await client.resolveOpenId4vpAuthorizationRequest({ authorizationRequestPayload: parsed.params, disableOriginValidation: true })
  const made = await answerTo(resolved)
  const { response } = await client.submitOpenid4vpAuthorizationResponse({
    authorizationRequestPayload: resolved.authorizationRequestPayload,
    authorizationResponsePayload: made.authorizationResponsePayload,
    jarm: made.jarm && { responseJwt: made.jarm.responseJwt },
  })
  return response
}

// isoTranscript is one that @owf/mdoc does not make: its handover for the
// Digital Credentials API, under the name that annex C gives it.
async function isoTranscript(hash) {
  const { handover } = await SessionTranscript.forOid4VpDcApi({ origin: 'https://any.example', nonce: 'any' }, context)
  class ISOHandover extends handover.constructor {
    static get encodingSchema() {
      return z.codec(z.tuple([z.literal('dcapi'), z.instanceof(Uint8Array)]), z.instanceof(Uint8Array), {
        encode: (h) => ['dcapi', h],
        decode: ([, h]) => h,
      })
    }
  }
  return SessionTranscript.create({ handover: ISOHandover.createFromHash(new Uint8Array(hash)) })
}

// isoData answers org-iso-mdoc (ISO/IEC TS 18013-7 annex C).
async function isoData({ deviceRequest, encryptionInfo }, origin) {
  const asked = DeviceRequest.decode(new Uint8Array(Buffer.from(deviceRequest, 'base64url')))
  if (asked.docRequests.length !== 1 || asked.docRequests[0].itemsRequest.docType !== task.document.type) throw new Error('another document is asked for')
  const [name, parameters] = cborDecode(new Uint8Array(Buffer.from(encryptionInfo, 'base64url')))
  if (name !== 'dcapi') throw new Error(`encryptionInfo is ${name}`)
  const jwk = CoseKey.fromEncodedStructure(parameters.get('recipientPublicKey')).jwk
  const hash = createHash('sha256').update(cborEncode([encryptionInfo, origin])).digest()
  const transcript = await isoTranscript(hash)
  const response = (await presentMdoc(transcript)).encode()
  const suite = new CipherSuite({ kem: new DhkemP256HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes128Gcm() })
  const sender = await suite.createSenderContext({
    recipientPublicKey: await suite.kem.importKey('jwk', { kty: jwk.kty, crv: jwk.crv, x: jwk.x, y: jwk.y }, true),
    info: transcript.encode(),
  })
  const cipherText = new Uint8Array(await sender.seal(response))
  const sealed = cborEncode(['dcapi', new Map([['enc', new Uint8Array(sender.enc)], ['cipherText', cipherText]])])
  return { response: base64url.encode(sealed) }
}

async function byAPI({ protocol, data, answer, origin, signed_for = origin }) {
  let given
  if (protocol === 'org-iso-mdoc') {
    given = await isoData(data, signed_for)
  } else {
    const resolved = await client.resolveOpenId4vpAuthorizationRequest({ authorizationRequestPayload: data, origin: signed_for })
    const made = await answerTo(resolved, signed_for)
    given = made.jarm ? { response: made.jarm.responseJwt } : made.authorizationResponsePayload
  }
  return fetch(answer, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...(task.cookie && { Cookie: task.cookie }) },
    body: JSON.stringify({ protocol, data: given, origin }),
  })
}

for await (const line of createInterface({ input: process.stdin })) {
  task = JSON.parse(line)
  secrets = []
  let said
  try {
    const response = task.link ? await byLink(task.link) : await byAPI(task.api)
    said = { status: response.status, body: await response.text(), secrets }
  } catch (error) {
    said = { error: String(error.stack ?? error) }
  }
  console.log(JSON.stringify(said))
}
