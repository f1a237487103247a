// Drives the page on which a person hashes a picture of themselves, in
// Chromium against the real server, and proves from a trace of everything that
// the browser sends that nothing of the picture leaves the device.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import AxeBuilder from '@axe-core/playwright';
import { chromium } from 'playwright-core';

const waiting = 120_000; // ms until the machine must have done what a test needs
const folder = mkdtempSync(join(tmpdir(), 'breakwater-own-image-'));
const pictures = process.env.SCREENSHOTS ?? folder;
const { BREAKWATER_BIN: program, ...env } = process.env;
const photo = process.env.OWN_IMAGE_PHOTO; // a benign picture, made by the Go test
const expected = process.env.OWN_IMAGE_PDQ; // what the server hashes it to

let server;
let address;
let browser;

before(async () => {
  server = spawn(program, ['serve', '--addr', '127.0.0.1:0', '--data', join(folder, 'data')], {
    env: { ...env, BREAKWATER_MEDIA_OWN_IMAGE_BANK: 'own' }, stdio: ['ignore', 'pipe', 'pipe'],
  });
  address = await printedAddress(server);
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
});

after(async () => {
  await browser?.close();
  server?.kill();
  console.log(`screenshots: ${pictures}`);
});

function printedAddress(program) {
  return new Promise((found, failed) => {
    let said = '';
    for (const stream of [program.stdout, program.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        said += `${line}\n`;
        const match = line.match(/http:\/\/127\.0\.0\.1:\d+/);
        if (match) found(match[0]);
      });
    }
    program.on('exit', () => failed(new Error(`the server ended:\n${said}`)));
  });
}

// open is the page, with everything that the browser sends noted as it goes
// out: the protocol's own trace sees also what no page hears of.
async function open(t, options = {}, path = '/own-image') {
  const context = await browser.newContext(options);
  t.after(() => context.close());
  const page = await context.newPage();
  const sent = [];
  const faults = [];
  const devtools = await context.newCDPSession(page);
  await devtools.send('Network.enable', { maxPostDataSize: 64 << 20 });
  devtools.on('Network.requestWillBeSent', ({ request }) => sent.push({
    method: request.method, url: request.url, headers: JSON.stringify(request.headers),
    body: (request.postDataEntries ?? []).map(({ bytes }) => Buffer.from(bytes ?? '', 'base64').toString('latin1')).join('') || (request.postData ?? ''),
  }));
  devtools.on('Network.webSocketCreated', ({ url }) => sent.push({ method: 'WebSocket', url, headers: '', body: '' }));
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => { if (message.type() === 'error') faults.push(message.text()); });
  await page.goto(new URL(path, address).href);
  return { page, context, sent, faults };
}

const choose = (page, file) => page.locator('#picture').setInputFiles(file);
const ready = (page) => page.locator('#send:not([disabled])').waitFor({ timeout: waiting });

async function accessible(page, what) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`), [], what);
}

async function fitsAcross(page) {
  const sideways = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(sideways <= 0, `scrolls sideways by ${sideways} px`);
}

test('nothing of the picture leaves the device but its hash', async (t) => {
  const { page, sent, faults } = await open(t);
  await choose(page, photo);
  await ready(page);
  assert.equal(await page.locator('#hash').textContent(), expected, 'the browser hashes as the server does');
  assert.deepEqual(sent.filter(({ method }) => method !== 'GET'), [], 'something is sent before anybody asks for it');
  await page.locator('#minor').check();
  await page.locator('#send').click();
  await page.locator('#done').waitFor();
  assert.match(await page.locator('#code').textContent(), /^([A-Z2-7]{4} ){6}[A-Z2-7]{2}$/);

  // The whole trace: where it goes, how, and every byte of it.
  const origin = new URL(address).origin;
  for (const { method, url, headers, body } of sent) {
    assert.equal(new URL(url).origin, origin, 'a request to elsewhere');
    assert.ok(['GET', 'POST'].includes(method), method);
    if (method === 'GET') assert.equal(body, '');
    assert.ok(url.length < 200 && headers.length < 2000, 'room for a picture in an address or a header');
  }
  const posts = sent.filter(({ method }) => method === 'POST');
  assert.equal(posts.length, 1);
  const body = JSON.parse(posts[0].body);
  assert.deepEqual(Object.keys(body).sort(), ['minor', 'pdq', 'quality']);
  assert.deepEqual([body.pdq, body.minor], [expected, true]);
  assert.ok(posts[0].body.length < 128, `${posts[0].body.length} bytes are sent`);

  // No eight bytes of the file stand anywhere in it, as they are, in hex or in
  // base64 at any offset.
  const trace = sent.map(({ url, headers, body: text }) => `${url}\n${headers}\n${text}`).join('\n');
  const bytes = readFileSync(photo);
  for (let at = 0; at + 8 <= bytes.length; at++) {
    const piece = bytes.subarray(at, at + 8);
    assert.ok(!trace.includes(piece.toString('latin1')), `bytes at ${at}`);
    assert.ok(!trace.includes(piece.toString('hex')), `hex at ${at}`);
  }
  for (const offset of [0, 1, 2]) {
    const text = bytes.subarray(offset).toString('base64');
    for (let at = 0; at + 16 <= text.length; at += 4) assert.ok(!trace.includes(text.slice(at, at + 16)), `base64 at ${at}`);
  }
  assert.deepEqual(faults, []);
});

test('the hash is made without a connection', async (t) => {
  const { page, context, sent } = await open(t);
  await choose(page, process.env.OWN_IMAGE_PLAIN); // has the hasher loaded
  await page.locator('#state.bad').waitFor({ timeout: waiting });
  await context.setOffline(true);
  const before = sent.length;
  await choose(page, photo);
  await ready(page);
  assert.equal(await page.locator('#hash').textContent(), expected);
  assert.equal(sent.length, before, 'something was sent');
  await page.locator('#send').click();
  await page.locator('#state.bad').waitFor();
  assert.match(await page.locator('#state').textContent(), /fingerprint is still here/);
  await context.setOffline(false);
  await page.locator('#send').click();
  await page.locator('#done').waitFor();
});

test('the page cannot send anything elsewhere', async (t) => {
  const { page } = await open(t);
  const left = await page.evaluate(async () => {
    const tried = [];
    const note = (name) => () => tried.push(name);
    await fetch('http://127.0.0.1:9/').then(note('fetch'), () => {});
    if (navigator.sendBeacon('http://127.0.0.1:9/', 'x')) await fetch('http://127.0.0.1:9/').then(note('beacon'), () => {});
    await new Promise((done) => {
      const image = new Image();
      image.onload = () => { note('image')(); done(); };
      image.onerror = done;
      image.src = '/own-image/own-image.css?x=1';
    });
    try { new WebSocket('ws://127.0.0.1:9/'); } catch { tried.push(); }
    return tried;
  });
  assert.deepEqual(left, []);
});

test('what is sent can be taken back', async (t) => {
  const { page } = await open(t);
  await choose(page, photo);
  await ready(page);
  await page.locator('#send').click();
  await page.locator('#done').waitFor();
  const code = await page.locator('#code').textContent();
  await page.locator('summary').click();
  await page.locator('#typed').fill(code.toLowerCase());
  await page.getByRole('button', { name: 'Take it back' }).click();
  await page.waitForFunction(() => document.getElementById('back-state').textContent !== '');
  assert.match(await page.locator('#back-state').textContent(), /it is gone/);
  const listed = spawnSync(program, ['list', 'export', 'own', '--data', join(folder, 'data')], { env, encoding: 'utf8' });
  const ids = listed.stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  assert.ok(ids.every(({ classification }) => classification.startsWith('unverified')), listed.stdout);
  await page.getByRole('button', { name: 'Another picture' }).click();
  assert.ok(await page.locator('#form').isVisible());
  assert.equal(await page.locator('#code').textContent(), '');
});

test('what is no picture, or a plain one, is said to be so', async (t) => {
  const { page, sent } = await open(t);
  const words = join(folder, 'words.png');
  writeFileSync(words, 'these are words');
  await choose(page, words);
  await page.locator('#state.bad').waitFor({ timeout: waiting });
  assert.match(await page.locator('#state').textContent(), /can't open this file/);
  assert.ok(await page.locator('#send').isDisabled());
  await choose(page, process.env.OWN_IMAGE_PLAIN);
  await page.getByText('There is too little in this picture').waitFor({ timeout: waiting });
  assert.deepEqual(sent.filter(({ method }) => method !== 'GET'), []);
});

for (const colorScheme of ['light', 'dark']) {
  for (const width of [360, 1280]) {
    test(`accessible at ${width} px in ${colorScheme}`, async (t) => {
      const { page } = await open(t, { viewport: { width, height: 900 }, colorScheme, reducedMotion: 'reduce' });
      const shot = (name) => page.screenshot({ path: join(pictures, `own-image-${width}-${colorScheme}-${name}.png`), fullPage: true });
      await accessible(page, 'at first');
      await fitsAcross(page);
      await shot('first');
      await choose(page, photo);
      await ready(page);
      await accessible(page, 'with a hash');
      await fitsAcross(page);
      await shot('made');
      await page.locator('#send').click();
      await page.locator('#done').waitFor();
      await accessible(page, 'sent');
      await fitsAcross(page);
      await shot('sent');
    });
  }
}

for (const lang of ['de', 'fr', 'es']) {
  test(`accessible in ${lang}`, async (t) => {
    const { page } = await open(t, { viewport: { width: 360, height: 800 }, locale: lang });
    assert.equal(await page.locator('html').getAttribute('lang'), lang);
    await accessible(page, lang);
    await fitsAcross(page);
  });
}

test('everything works from the keyboard', async (t) => {
  const { page } = await open(t);
  const tabTo = async (id) => {
    for (let i = 0; i < 20; i++) {
      await page.keyboard.press('Tab');
      if (await page.evaluate(() => document.activeElement.id || document.activeElement.className) === id) return;
    }
    assert.fail(`Tab never reaches ${id}`);
  };
  await tabTo('skip');
  await tabTo('picture');
  await choose(page, photo); // the file dialogue is the browser's own
  await ready(page);
  await tabTo('minor');
  await page.keyboard.press('Space');
  assert.ok(await page.locator('#minor').isChecked());
  await tabTo('send');
  await page.keyboard.press('Enter');
  await page.locator('#done').waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), 'done');
});

test('without scripts the page says why, and offers no upload', async (t) => {
  const { page } = await open(t, { javaScriptEnabled: false });
  assert.ok(await page.getByText('scripts turned off').isVisible());
  assert.equal(await page.locator('form:visible').count(), 0);
});
