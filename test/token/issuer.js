// An issuer of age tokens made of the npm library alone, for the Go client. It
// listens on a free port, prints its address, and ends with its standard input.
// Asked with the grant "another", it signs with a key that it does not publish.
import http from 'node:http';
import { RSABSSA } from '../../agetoken/browser/node_modules/@cloudflare/blindrsa-ts/lib/src/index.js';

const suite = RSABSSA.SHA384.PSS.Deterministic();
const before =
  '30820152303d06092a864886f70d01010a3030a00d300b0609608648016503040202a11a301806092a864886f70d010108300b0609608648016503040202a2030201300382010f003082010a0282010100';

const newKey = () => RSABSSA.SHA384.generateKey({ modulusLength: 2048, publicExponent: Uint8Array.from([1, 0, 1]) });
const [key, another] = await Promise.all([newKey(), newKey()]);
const { n } = await crypto.subtle.exportKey('jwk', key.publicKey);
const spki = Buffer.concat([Buffer.from(before, 'hex'), Buffer.from(n, 'base64url'), Buffer.from('0203010001', 'hex')]);
const directory = {
  'issuer-request-uri': '/request',
  'token-keys': [{ 'token-type': 2, 'token-key': spki.toString('base64url'), name: `over-18.strict.${new Date().toISOString().slice(0, 7)}` }],
};

const server = http.createServer(async (request, response) => {
  if (request.method === 'GET') {
    response.end(JSON.stringify(directory));
    return;
  }
  let body = '';
  for await (const part of request) body += part;
  const { grant, requests } = JSON.parse(body);
  const signer = grant === 'another' ? another : key;
  const responses = [];
  for (const text of requests) {
    const signed = await suite.blindSign(signer.privateKey, Buffer.from(text, 'base64url').subarray(3));
    responses.push(Buffer.from(signed).toString('base64url'));
  }
  response.end(JSON.stringify({ responses }));
});
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
process.stdin.resume().on('end', () => process.exit());
