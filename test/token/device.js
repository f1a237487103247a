// A person's device: gets tokens as the variables say, and prints them, one a
// line. An error is printed as {"error": …, "problem": …}, with exit status 1.
import { Issuer, challengeOf, encode } from '../../agetoken/browser/agetoken.js';

const { ISSUER, HOST, PIN, GRANT, SAYS, COUNT, CONTEXT, ORIGIN } = process.env;
try {
  const issuer = await Issuer.open(ISSUER, { host: HOST, pin: PIN });
  const challenge = CONTEXT ? challengeOf(HOST, new TextEncoder().encode(CONTEXT), [ORIGIN]) : undefined;
  for (const token of await issuer.tokens(GRANT, SAYS, Number(COUNT), challenge)) console.log(encode(token));
} catch (e) {
  console.log(JSON.stringify({ error: e.message, problem: e.problem }));
  process.exitCode = 1;
}
