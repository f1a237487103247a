// OpenAI's own client against /v1/moderations. Only its baseURL is set.
import assert from 'node:assert/strict'
import test from 'node:test'
import OpenAI from 'openai'

const { BREAKWATER_TEST_URL: url, BREAKWATER_TEST_KEY: apiKey } = process.env
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 })

const categories = [
  'harassment', 'harassment/threatening', 'hate', 'hate/threatening', 'illicit', 'illicit/violent',
  'self-harm', 'self-harm/instructions', 'self-harm/intent', 'sexual', 'sexual/minors', 'violence', 'violence/graphic',
]

test('a string', async () => {
  const { id, model, results } = await client.moderations.create({ input: 'I will kill you', model: 'omni-moderation-latest' })
  assert.match(id, /^modr-/)
  assert.match(model, /^breakwater-text@/)
  assert.equal(results.length, 1)
  const [r] = results
  for (const part of [r.categories, r.category_scores, r.category_applied_input_types]) {
    assert.deepEqual(Object.keys(part).sort(), [...categories].sort())
  }
  assert.equal(r.flagged, true)
  assert.equal(r.categories['harassment/threatening'], true)
  assert.equal(r.categories.violence, true)
  assert.equal(r.categories['sexual/minors'], false)
  assert.ok(r.category_scores.violence > 0.8 && r.category_scores.violence <= 1)
  assert.deepEqual(r.category_applied_input_types.violence, ['text'])
  assert.equal(r.categories.illicit, null)
  assert.deepEqual(r.category_applied_input_types.illicit, [])
})

test('an array of strings', async () => {
  const { results } = await client.moderations.create({ input: ['see you at the pool', 'I will kill you', ''] })
  assert.deepEqual(results.map((r) => r.flagged), [false, true, false])
})

test('an array of parts', async () => {
  const { results } = await client.moderations.create({
    model: 'omni-moderation-latest',
    input: [
      { type: 'text', text: 'I will kill you' },
      { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } },
      { type: 'image_url', image_url: { url: 'https://example.org/picture.png' } },
    ],
  })
  assert.equal(results.length, 1)
  assert.equal(results[0].flagged, true)
  assert.deepEqual(results[0].category_applied_input_types.sexual, ['text'])
})

test('what is wrong is an error of its class', async () => {
  await assert.rejects(client.moderations.create({ input: [] }), (e) => {
    assert.ok(e instanceof OpenAI.UnprocessableEntityError)
    assert.equal(e.status, 422)
    assert.equal(e.type, 'invalid_request_error')
    assert.equal(e.param, 'input')
    assert.match(e.message, /^422 /)
    return true
  })
  const stranger = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'sk-nobody', maxRetries: 0 })
  await assert.rejects(stranger.moderations.create({ input: 'hello' }), (e) => {
    assert.ok(e instanceof OpenAI.AuthenticationError)
    assert.equal(e.code, 'invalid_api_key')
    assert.ok(e.requestID)
    return true
  })
})
