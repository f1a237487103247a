// Reads the guides for hard moments in Chromium against the real server:
// accessible at both widths and themes, in every language, without scripts.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import AxeBuilder from '@axe-core/playwright';
import { chromium } from 'playwright-core';

const folder = mkdtempSync(join(tmpdir(), 'breakwater-help-'));
const { BREAKWATER_BIN: program, ...env } = process.env;
const guides = ['sextortion', 'shared-image', 'secrets', 'bullying', 'hard-time', 'control',
  'protection-off', 'contact-request', 'new-contact', 'first-message', 'acted'];

let server;
let address;
let browser;

before(async () => {
  server = spawn(program, ['serve', '--addr', '127.0.0.1:0', '--data', join(folder, 'data')], {
    env: { ...env, BREAKWATER_MEDIA_OWN_IMAGE_BANK: 'own' }, stdio: ['ignore', 'pipe', 'pipe'],
  });
  address = await new Promise((found, failed) => {
    for (const stream of [server.stdout, server.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        const match = line.match(/http:\/\/127\.0\.0\.1:\d+/);
        if (match) found(match[0]);
      });
    }
    server.on('exit', () => failed(new Error('the server ended')));
  });
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
  });
});

after(async () => {
  await browser?.close();
  server?.kill();
});

async function open(t, path, options = {}) {
  const context = await browser.newContext({ javaScriptEnabled: true, ...options });
  t.after(() => context.close());
  const page = await context.newPage();
  const asked = [];
  page.on('request', (r) => asked.push(r.url()));
  const answer = await page.goto(address + path);
  assert.equal(answer.status(), 200);
  return { page, context, asked };
}

for (const [name, options] of [
  ['desktop', { viewport: { width: 1280, height: 900 } }],
  ['phone, dark', { viewport: { width: 360, height: 740 }, colorScheme: 'dark' }],
]) {
  test(`a guide is accessible: ${name}`, async (t) => {
    const { page, context, asked } = await open(t, '/help/sextortion?country=GB', options);
    const found = await new AxeBuilder({ page }).analyze();
    assert.deepEqual(found.violations.map((v) => `${v.id}: ${v.nodes[0].html}`), []);
    assert.ok(asked.every((url) => url.startsWith(address)), `it asks ${asked}`);
    assert.deepEqual(await context.cookies(), []);
  });
}

test('every guide fits a phone', async (t) => {
  const { page } = await open(t, '/help/sextortion', { viewport: { width: 360, height: 740 } });
  for (const guide of guides) {
    await page.goto(`${address}/help/${guide}?lang=de`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(wide, 0, `${guide} is wider than the screen`);
  }
});

test('it works without scripts, in the reader\'s language, for their country', async (t) => {
  const { page } = await open(t, '/help/sextortion', { javaScriptEnabled: false, locale: 'de-DE' });
  assert.equal(await page.locator('html').getAttribute('lang'), 'de');
  assert.equal(await page.locator('.steps li').count(), 7);
  await page.locator('#country').selectOption('DE');
  await page.locator('form button').click();
  await page.getByText('Nummer gegen Kummer').waitFor();
  assert.equal(await page.locator('#country').inputValue(), 'DE');
  await page.locator('.steps a.button').click();
  assert.ok(page.url().endsWith('/own-image'));
});

test('leaving is one step, from anywhere on the page', async (t) => {
  const { page } = await open(t, '/help/control', { viewport: { width: 360, height: 740 } });
  const leave = page.locator('a.leave');
  await page.mouse.wheel(0, 2000);
  const box = await leave.boundingBox();
  assert.ok(box.y > 0 && box.y + box.height <= 740, 'it is out of sight on a phone');
  assert.ok((await leave.getAttribute('href')).startsWith('https://'));
  assert.equal(await leave.getAttribute('rel'), 'noreferrer');
});
