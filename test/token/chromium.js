// The device of device.js as a page in Chromium, of another origin than the
// issuer's, as a platform's page is.
import http from 'node:http';
import { readFile } from 'node:fs/promises';
import { chromium } from '../browser/node_modules/playwright-core/index.mjs';

const { ISSUER, HOST, GRANT, SAYS, COUNT, CHROMIUM } = process.env;
const folder = new URL('../../agetoken/browser/', import.meta.url);
const page = `<!doctype html><title>A platform</title>
<script type="importmap">{"imports":{"@cloudflare/blindrsa-ts":"/node_modules/@cloudflare/blindrsa-ts/lib/src/index.js"}}</script>
<script type="module">import * as agetoken from '/agetoken.js'; window.agetoken = agetoken;</script>`;

const server = http.createServer(async (request, response) => {
  const path = new URL(request.url, 'http://x').pathname;
  try {
    response.setHeader('Content-Type', path === '/' ? 'text/html' : 'text/javascript');
    response.end(path === '/' ? page : await readFile(new URL('.' + path, folder)));
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
try {
  const tab = await browser.newPage();
  // As the page of the age check sends the person back.
  await tab.goto(`http://127.0.0.1:${server.address().port}/?film=1#age_grant=${GRANT}`);
  await tab.waitForFunction(() => window.agetoken);
  const tokens = await tab.evaluate(
    async ([url, host, says, count]) => {
      const issuer = await window.agetoken.Issuer.open(url, { host });
      return (await issuer.tokens(window.agetoken.takeGrant(), says, count)).map(window.agetoken.encode);
    },
    [ISSUER, HOST, SAYS, Number(COUNT)],
  );
  const address = await tab.evaluate(() => location.search + location.hash);
  if (address !== '?film=1') throw new Error(`the address is still ${address}`);
  const refused = await tab.evaluate(
    async ([url, host, says]) => {
      const issuer = await window.agetoken.Issuer.open(url, { host });
      return issuer.tokens('no grant', says, 1).then(() => 'accepted', (e) => e.message);
    },
    [ISSUER, HOST, SAYS],
  );
  if (!refused.includes('Check your age again')) throw new Error(`a refusal reads: ${refused}`);
  for (const token of tokens) console.log(token);
} finally {
  await browser.close();
  server.close();
}
