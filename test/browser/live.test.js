// Drives the real demo in Chromium: what a person sees, with a mouse and
// without one, at three widths, in light and dark. Waits are for what the page
// shows, never for a time.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import AxeBuilder from '@axe-core/playwright';
import { chromium } from 'playwright-core';

const arriving = 120_000; // ms until the demo must have shown what a test needs
const pictures = process.env.SCREENSHOTS ?? mkdtempSync(join(tmpdir(), 'breakwater-browser-'));

let demo; // the program
let link; // its sign-in link
let browser;
let session; // cookies of somebody who is signed in
const faults = []; // what no page may do: errors, requests to elsewhere

before(async () => {
  // The program takes BREAKWATER_* as its settings, and refuses ones it doesn't know.
  const { BREAKWATER_BIN: program, ...env } = process.env;
  demo = spawn(program, ['demo', '--addr', '127.0.0.1:0', '--rate', '6'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  link = await printedLink(demo);
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
  const context = await browser.newContext();
  const page = await watched(context);
  await page.goto(link);
  await page.waitForURL((url) => url.pathname === '/');
  session = await context.storageState();
  await context.close();
});

after(async () => {
  await browser?.close();
  demo?.kill();
  console.log(`screenshots: ${pictures}`);
});

async function printedLink(program) {
  for await (const line of createInterface({ input: program.stdout })) {
    const found = line.match(/http:\/\/\S+\/signin\?token=\S+/);
    if (found) {
      program.stdout.resume(); // the rest is not read, and must not block the program
      return found[0];
    }
  }
  throw new Error('the demo ended without a sign-in link');
}

// watched is a page that reports what no page may do.
async function watched(context) {
  const page = await context.newPage();
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => {
    const refused = message.text().includes('status of 403'); // signed out: what it should say
    if (message.type() === 'error' && !refused) faults.push(message.text());
  });
  page.on('request', (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol !== 'data:' && origin !== new URL(link).origin) faults.push(`request to ${origin}`);
  });
  return page;
}

// open is the live page with at least one event on it.
async function open(t, options = {}, path = '/') {
  const context = await browser.newContext({ storageState: session, ...options });
  t.after(() => context.close());
  const page = await watched(context);
  await page.goto(new URL(path, link).href);
  await page.locator('.card').first().waitFor({ timeout: arriving });
  return page;
}

async function fitsAcross(page) {
  const sideways = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(sideways <= 0, `scrolls sideways by ${sideways} px`);
}

const outcomeOf = (card) => card.getAttribute('data-outcome');
const choose = (page, name) => page.getByRole('radio', { name }).check({ force: true });

// accessible runs every rule of axe, on the page's frame and its first cards:
// the ones below are built by the same code.
async function accessible(page, what) {
  const { violations } = await new AxeBuilder({ page }).exclude('.feed > li:nth-child(n+13)').analyze();
  assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`), [], what);
}

test('events arrive', async (t) => {
  const page = await open(t);
  const total = () => page.locator('#total').textContent();
  const early = await total();
  await page.waitForFunction((before) => document.getElementById('total').textContent !== before, early, { timeout: arriving });
  assert.equal(await page.locator('#state-word').textContent(), 'Live');
  assert.match(await page.locator('.card .who').first().textContent(), /\S/);
  assert.match(await page.locator('.card .label').first().textContent(), /\S/);
});

test('each age is shown its own', async (t) => {
  const page = await open(t);
  // A post that a 10 year old does not get, and somebody else does.
  const differing = page.locator('.card:has(.strip li:nth-child(3):is(.o-hold, .o-block, .o-gate)):has(.strip li:nth-child(6):is(.o-allow, .o-demote, .o-blur))');
  await differing.first().waitFor({ timeout: arriving });
  await page.getByRole('button', { name: 'Pause' }).click();
  const n = await differing.first().getAttribute('data-n');
  const card = page.locator(`.card[data-n="${n}"]`);
  const text = await card.locator('.said').first().textContent();
  const cells = await card.locator('.strip li').evaluateAll((items) => items.map((item) => item.className.match(/o-(\w+)/)[1]));
  await card.scrollIntoViewIfNeeded();
  await page.screenshot({ path: join(pictures, 'card-all.png') });

  for (const [name, cell] of [['10 year old', 2], ['14 year old', 3], ['Adult', 5]]) {
    await choose(page, name);
    await page.waitForFunction(([n, outcome]) => document.querySelector(`.card[data-n="${n}"]`)?.dataset.outcome === outcome, [n, cells[cell]]);
    const visible = card.locator('.said:visible', { hasText: text });
    if (['hold', 'block', 'gate', 'confirm'].includes(cells[cell])) assert.equal(await visible.count(), 0, `${name} reads what is withheld`);
    if (['allow', 'inform', 'demote'].includes(cells[cell])) assert.equal(await visible.count(), 1, `${name} does not read what is shown`);
    await page.screenshot({ path: join(pictures, `card-${cell}.png`) });
  }
  assert.notEqual(cells[2], cells[5]);
});

test('the choice of viewer is kept in the address', async (t) => {
  const page = await open(t, {}, '/?as=10-12');
  assert.ok(await page.getByRole('radio', { name: '10 year old' }).isChecked());
  await choose(page, 'Adult');
  assert.equal(new URL(page.url()).searchParams.get('as'), '18+');
});

for (const colorScheme of ['light', 'dark']) {
  for (const width of [360, 768, 1440]) {
    test(`accessible at ${width} px in ${colorScheme}`, async (t) => {
      const page = await open(t, { viewport: { width, height: 900 }, colorScheme, reducedMotion: 'reduce' });
      for (const name of ['Every age', '10 year old', 'Adult']) {
        await choose(page, name);
        await page.locator('.card').first().waitFor({ timeout: arriving });
        await accessible(page, name);
        await page.screenshot({ path: join(pictures, `live-${width}-${colorScheme}-${name.replaceAll(' ', '-')}.png`) });
      }
      await fitsAcross(page);
    });
  }
}

test('everything works from the keyboard', async (t) => {
  const page = await open(t);
  const focused = () => page.evaluate(() => {
    const at = document.activeElement;
    return at.id || at.value || at.className || at.tagName;
  });
  const tabTo = async (wanted) => {
    for (let i = 0; i < 12; i++) {
      await page.keyboard.press('Tab');
      if (await focused() === wanted) return;
    }
    assert.fail(`Tab never reaches ${wanted}`);
  };
  await tabTo('skip');
  await tabTo('pause');
  await page.keyboard.press('Space');
  assert.equal(await page.locator('#state-word').textContent(), 'Paused');
  await tabTo('all');
  await page.keyboard.press('ArrowLeft');
  assert.ok(await page.getByRole('radio', { name: 'Adult' }).isChecked());
  assert.equal(new URL(page.url()).searchParams.get('as'), '18+');
  await tabTo('allow');
  await page.keyboard.press('Space');
  await page.waitForFunction(() => [...document.querySelectorAll('.card')].every((card) => card.dataset.outcome === 'allow'));
  const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.notEqual(ring, 'none', 'focus is not visible');
});

test('the filter shows only what is ticked', async (t) => {
  const page = await open(t);
  await page.locator('.card[data-outcome="allow"]').first().waitFor({ timeout: arriving });
  const held = page.locator('.card:not([data-outcome="allow"])').first();
  await held.waitFor({ timeout: arriving });
  const outcome = await outcomeOf(held);
  await page.locator(`input[name="outcome"][value="${outcome}"]`).check();
  const outcomes = await page.locator('.card').evaluateAll((cards) => cards.map((card) => card.dataset.outcome));
  assert.ok(outcomes.length > 0);
  assert.deepEqual([...new Set(outcomes)], [outcome]);
});

test('pausing holds events back and going on shows them', async (t) => {
  const page = await open(t);
  const first = () => page.locator('.card').first().getAttribute('data-n');
  await page.getByRole('button', { name: 'Pause' }).click();
  const stopped = await first();
  await page.getByRole('button', { name: /Show \d+ new event/ }).waitFor({ timeout: arriving });
  assert.equal(await first(), stopped);
  assert.equal((await page.locator('#pause').textContent()).trim(), 'Resume');
  await accessible(page, 'paused');
  await page.screenshot({ path: join(pictures, 'paused.png') });
  await page.locator('#pause').click();
  await page.waitForFunction((n) => document.querySelector('.card').dataset.n !== n, stopped);
  assert.equal(await page.locator('#state-word').textContent(), 'Live');
});

test('a lost connection is said and found again', async (t) => {
  const line = await cable(new URL(link).port);
  t.after(() => line.cut());
  const context = await browser.newContext({ storageState: session });
  t.after(() => context.close());
  const page = await context.newPage();
  await page.goto(line.address);
  await page.locator('.card').first().waitFor({ timeout: arriving });
  const before = await page.locator('.card').count();
  line.cut();
  await page.locator('#lost').waitFor({ timeout: arriving });
  assert.equal(await page.locator('#state-word').textContent(), 'Reconnecting');
  assert.ok(await page.locator('.card').count() >= before, 'what was shown is gone');
  await page.setViewportSize({ width: 360, height: 800 });
  await fitsAcross(page);
  await accessible(page, 'lost');
  await page.screenshot({ path: join(pictures, 'lost.png') });
  await line.join();
  await page.waitForFunction(() => document.getElementById('state-word').textContent === 'Live', undefined, { timeout: arriving });
  assert.ok(await page.locator('#lost').isHidden());
});

// cable carries connections to the demo until it is cut.
async function cable(port) {
  const ends = new Set();
  const keep = (end) => { ends.add(end); end.on('error', () => {}).on('close', () => ends.delete(end)); };
  const server = createServer((near) => {
    const far = createConnection(port, '127.0.0.1');
    keep(near);
    keep(far);
    near.pipe(far).pipe(near);
  });
  const listen = (at) => new Promise((done) => { server.listen(at, '127.0.0.1', done); });
  await listen(0);
  const at = server.address().port;
  return {
    address: `http://127.0.0.1:${at}/`,
    cut: () => { server.close(); for (const end of ends) end.destroy(); },
    join: () => listen(at),
  };
}

test('before the first event the page says how to send one', async (t) => {
  const context = await browser.newContext({ storageState: session, viewport: { width: 360, height: 800 } });
  t.after(() => context.close());
  const page = await watched(context);
  await page.route('**/console/stream*', () => {}); // nothing comes
  await page.goto(new URL('/', link).href);
  await page.getByRole('heading', { name: 'Waiting for the first event' }).waitFor();
  assert.match(await page.locator('#example').textContent(), /curl http:\/\/127.0.0.1:\d+\/v1\/decisions/);
  await fitsAcross(page);
  await accessible(page, 'empty');
  await page.screenshot({ path: join(pictures, 'empty.png'), fullPage: true });
});

test('motion stops for those who ask', async (t) => {
  const page = await open(t, { reducedMotion: 'reduce' });
  const animation = await page.locator('.dot').evaluate((dot) => getComputedStyle(dot).animationName);
  assert.equal(animation, 'none');
});

test('signed out, the page says how to come in and nothing else', async (t) => {
  for (const colorScheme of ['light', 'dark']) {
    const context = await browser.newContext({ colorScheme, viewport: { width: 360, height: 800 } });
    t.after(() => context.close());
    const page = await watched(context);
    for (const address of [new URL('/', link).href, link]) { // the link has been used
      const answer = await page.goto(address);
      assert.equal(answer.status(), 403);
      assert.match(await page.locator('h1').textContent(), /link that the server printed/);
      assert.equal(await page.locator('.card').count(), 0);
      await accessible(page, 'signed out');
    }
    await page.screenshot({ path: join(pictures, `signed-out-${colorScheme}.png`) });
  }
});

test('signing out closes the page', async (t) => {
  const page = await open(t);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: /link that the server printed/ }).waitFor();
});

// The last test: it reads what the others collected.
test('no page made an error or called anybody else', () => {
  assert.deepEqual(faults, []);
});
