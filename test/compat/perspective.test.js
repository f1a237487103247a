// perspective-api-client against /v1alpha1/comments:*. It has Google's address
// built in, so its HTTP library is told to send elsewhere what goes there, as
// a name in /etc/hosts or a proxy would.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import test from 'node:test'

const { BREAKWATER_TEST_URL: url, BREAKWATER_TEST_KEY: apiKey } = process.env
const require = createRequire(import.meta.url)
const Perspective = require('perspective-api-client')
const axios = createRequire(require.resolve('perspective-api-client'))('axios')
axios.interceptors.request.use((config) => ({ ...config, url: config.url.replace('https://commentanalyzer.googleapis.com', url) }))

const client = new Perspective({ apiKey })

test('toxicity', async () => {
  const answer = await client.analyze('You are an idiot.')
  const { summaryScore, spanScores } = answer.attributeScores.TOXICITY
  assert.ok(summaryScore.value > 0.5, `toxicity ${summaryScore.value}`)
  assert.equal(summaryScore.type, 'PROBABILITY')
  assert.deepEqual(spanScores, [{ begin: 0, end: 17, score: summaryScore }])
  const kind = await client.analyze('See you at the pool.')
  assert.ok(kind.attributeScores.TOXICITY.summaryScore.value < 0.5)
})

test('attributes by name', async () => {
  const attributes = ['TOXICITY', 'SEVERE_TOXICITY', 'IDENTITY_ATTACK', 'INSULT', 'PROFANITY', 'THREAT', 'SEXUALLY_EXPLICIT', 'THREAT_EXPERIMENTAL', 'BW_GROOMING']
  const { attributeScores } = await client.analyze('I will kill you', { attributes })
  assert.deepEqual(Object.keys(attributeScores).sort(), [...attributes].sort())
  assert.ok(attributeScores.THREAT.summaryScore.value > 0.8)
  assert.equal(attributeScores.THREAT.summaryScore.value, attributeScores.THREAT_EXPERIMENTAL.summaryScore.value)
})

test('a whole request', async () => {
  const answer = await client.analyze({
    comment: { text: 'See you at the pool. I will kill you!', type: 'PLAIN_TEXT' },
    requestedAttributes: { THREAT: { scoreType: 'PROBABILITY', scoreThreshold: 0.5 }, PROFANITY: { scoreThreshold: 0.99 } },
    spanAnnotations: true,
    languages: ['en'],
    clientToken: 'token-1',
    sessionId: 'session-1',
    communityId: 'pool',
  })
  assert.deepEqual(answer.languages, ['en'])
  assert.equal(answer.clientToken, 'token-1')
  assert.deepEqual(Object.keys(answer.attributeScores), ['THREAT'])
  assert.deepEqual(answer.attributeScores.THREAT.spanScores.map((s) => [s.begin, s.end]), [[21, 37]])
})

test('what is wrong', async () => {
  const details = (kind) => (e) => {
    assert.equal(e.name, 'ResponseError')
    assert.equal(e.response.status, 400)
    const { error } = e.response.data
    assert.equal(error.code, 400)
    assert.equal(error.status, 'INVALID_ARGUMENT')
    assert.equal(error.message, e.message)
    assert.equal(error.details[0].errorType, kind)
    return true
  }
  await assert.rejects(client.analyze('', { validate: false }), details('COMMENT_EMPTY'))
  await assert.rejects(client.analyze('x'.repeat(20481), { validate: false }), details('COMMENT_TOO_LONG'))
  await assert.rejects(client.analyze('hello', { attributes: ['kindness'] }), details('INVALID_REQUEST'))
  await assert.rejects(client.analyze({ comment: { text: 'hello' }, languages: ['tlh'], requestedAttributes: { INSULT: {} } }), (e) => {
    details('LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE')(e)
    assert.equal(e.message, 'Attribute INSULT does not support request languages: tlh')
    assert.equal(e.response.data.error.details[0].languageNotSupportedByAttributeError.attribute, 'INSULT')
    return true
  })
  await assert.rejects(new Perspective({ apiKey: 'nobody' }).analyze('hello'), (e) => {
    assert.equal(e.response.status, 401)
    assert.equal(e.response.data.error.status, 'UNAUTHENTICATED')
    return true
  })
})

// The client has no suggestscore; this is what its users send themselves.
test('a suggested score', async () => {
  const { status, data } = await axios.post('https://commentanalyzer.googleapis.com/v1alpha1/comments:suggestscore', {
    comment: { text: 'See you at the pool.' },
    attributeScores: { TOXICITY: { summaryScore: { value: 0 } } },
    communityId: 'pool',
    clientToken: 'token-2',
  }, { params: { key: apiKey } })
  assert.equal(status, 200)
  assert.equal(data.clientToken, 'token-2')
})
