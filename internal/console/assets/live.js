// The live page: takes decisions from the server's stream and shows what the
// chosen viewer meets. Texts enter the page as text, never as markup.

const shown = 60; // cards on the page
const kept = 300; // cards in memory, for the shares and for other viewers
const silence = 6000; // ms without a message after which the connection counts as lost

const $ = (id) => document.getElementById(id);
const feed = $('feed');
const rows = new Map([...document.querySelectorAll('label[data-outcome]')].map((row) => [row.dataset.outcome, row]));
const strictness = [...rows.keys()];
const bands = ['0-5', '6-9', '10-12', '13-15', '16-17', '18+'];
const viewers = { '10-12': 'a 10 year old', '13-15': 'a 14 year old', '18+': 'an adult', all: 'every age' };

let cards = []; // newest first
let waiting = []; // arrived while paused or while somebody reads further down
let view = 'all';
let paused = false;
let place = ''; // how far the stream has come, for connecting again
let run = '';
const only = new Set(); // outcomes to show; empty is all
const opened = new Set(); // what the viewer clicked through or accepted

// ——— Building elements ———

function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value !== undefined && value !== false) node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== ''));
  return node;
}

function icon(name) {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(space, 'use');
  use.setAttribute('href', `#i-${name}`);
  svg.append(use);
  return svg;
}

const word = (outcome) => rows.get(outcome).dataset.word;
const short = (outcome) => rows.get(outcome).dataset.short;
const dashed = (band) => band.replace('-', '–');
const age = (band) => el('span', { class: 'age' }, band === 'unknown' ? 'age unknown' : dashed(band));
const plural = (n, one) => `${n} ${one}${n === 1 ? '' : 's'}`;

// ——— What a viewer meets ———

// met is the outcome for the chosen viewer; undefined if the event is not for them.
const met = (card) => (view === 'all' ? card.strictest : card.views[view]);
const fits = (card) => met(card) !== undefined && (only.size === 0 || only.has(met(card)));
const key = (card) => `${view}/${card.run}/${card.n}`;

const names = {
  'content.view': 'Opens a post', 'contact.request': 'Contact request', 'contact.suggest': 'Suggested contact',
  'group.invite': 'Invitation to a group', 'profile.update': 'Profile', 'profile.view': 'Looks at a profile',
  'search.query': 'Search', 'live.start': 'Live stream', 'payment.send': 'Payment', 'ai.prompt': 'Question to the AI',
  'ai.output': 'Answer by the AI', 'session.start': 'Comes online', 'session.heartbeat': 'Still online',
  'session.end': 'Goes offline', 'account.create': 'New account',
};

function what(card) {
  if (card.type === 'message.send') return card.scope === 'group' ? 'Group message' : 'Direct message';
  if (card.type === 'content.create') return card.surface === 'comments' ? 'Comment' : 'Post';
  return names[card.type] ?? card.type;
}

function headline(card) {
  const who = el('h3', { class: 'who', id: `who-${card.n}` }, el('span', null, card.actor.id), age(card.actor.band));
  const people = card.people ?? [];
  const count = people.length + (card.more ?? 0);
  let whom = [];
  if (count === 1) whom = [el('span', null, people[0].id), age(people[0].band)];
  else if (count > 1) whom = [el('span', null, plural(count, 'person').replace('persons', 'people'))];
  else if (card.bands) whom = [el('span', null, card.scope === 'followers' ? 'followers' : 'everyone')];
  if (whom.length > 0) who.append(icon('to'), el('span', { class: 'hidden' }, 'to'), ...whom);
  return who;
}

function meta(card) {
  const place = [card.actor.country, count1(card)].filter(Boolean).join(' → ');
  const time = new Date(card.time);
  return el('p', { class: 'meta' },
    [what(card), place, card.lang].filter(Boolean).join(' · ') + ' · ',
    el('time', { datetime: card.time }, time.toLocaleTimeString([], { hour12: false })));
}

const count1 = (card) => (card.people?.length === 1 && !card.more ? card.people[0].country : '');

function label(card) {
  const outcome = met(card);
  const some = view === 'all' && card.mixed ? (card.bands ? ' for some ages' : ' for some') : '';
  return el('p', { class: `label o-${outcome}` }, icon(outcome), word(outcome) + some);
}

// content is what was said, in full.
function content(card) {
  const parts = [];
  if (card.text) {
    parts.push(el('p', { class: 'said', dir: 'auto', lang: card.lang || undefined }, card.text + (card.cut ? '…' : '')));
  }
  if (card.picture) {
    parts.push(el('img', { class: 'picture', src: `data:${card.mime};base64,${card.picture}`, alt: 'Picture that was posted', width: 320, height: 200 }));
  }
  if (card.media) parts.push(el('p', { class: 'aside-note' }, plural(card.media, 'media item') + ' not shown here'));
  return el('div', { class: 'body', tabindex: -1 }, parts);
}

const hasContent = (card) => Boolean(card.text || card.picture || card.media);

// body is the content exactly as the chosen viewer meets it.
function body(card) {
  const outcome = met(card);
  if (view === 'all' || opened.has(key(card))) return hasContent(card) ? content(card) : '';
  switch (outcome) {
    case 'blur': return veil(card);
    case 'confirm': return gone(card, `${card.actor.id} would like to reach you.`, 'You see it only if you accept.', 'Accept and read');
    case 'gate': return gone(card, 'For adults only.', 'To see it you would have to prove that you are one.');
    case 'hold': return gone(card, 'Nothing to see here yet.', 'A person looks at it first.');
    case 'block': return gone(card, 'Nothing to see here.', card.self ? 'The platform does not carry it out.' : 'It was not delivered.');
    case 'demote': return [content(card), el('p', { class: 'aside-note' }, icon('demote'), 'Never recommended: met only by somebody who looks for it.')];
    default: return hasContent(card) ? content(card) : '';
  }
}

function reveal(card, text) {
  const button = el('button', { type: 'button', class: 'button' }, text);
  button.addEventListener('click', () => {
    opened.add(key(card));
    const item = button.closest('li');
    const next = draw(card);
    item.replaceWith(next);
    next.querySelector('.body')?.focus({ preventScroll: true });
  });
  return button;
}

function veil(card) {
  const under = content(card);
  under.inert = true;
  under.setAttribute('aria-hidden', 'true');
  return el('div', { class: 'veil' }, under, el('div', { class: 'veil-top' }, 'This may be upsetting.', reveal(card, 'Show anyway')));
}

function gone(card, title, text, accept) {
  const box = el('div', { class: 'gone' }, icon(met(card)), el('div', null, el('b', null, title), text,
    accept && hasContent(card) ? el('div', null, reveal(card, accept)) : ''));
  if (!hasContent(card) || accept) return box;
  return [box, el('details', { class: 'sent' }, el('summary', null, 'What was sent (this viewer does not see it)'), content(card))];
}

function notice(card) {
  const n = card.notice;
  if (!n || !(view === 'all' || n.audience === 'viewer' || card.self)) return '';
  return el('div', { class: 'notice', lang: n.language || undefined, dir: 'auto' },
    view === 'all' ? el('span', { class: 'quiet', lang: 'en' }, n.audience === 'actor' ? 'The sender is told:' : 'The viewer is told:') : '',
    el('b', null, n.title), el('span', null, n.body),
    n.resources?.length ? el('ul', { 'aria-label': 'Where to turn to' }, n.resources.map((r) =>
      el('li', null, /^https?:/.test(r.url ?? '') ? el('a', { href: r.url, rel: 'noreferrer noopener', target: '_blank' }, r.name) : r.name,
        r.phone ? ` ${r.phone}` : ''))) : '');
}

function strip(card) {
  if (card.bands) {
    const by = new Map(card.bands.map((b) => [b.band, b.outcome]));
    return el('ul', { class: 'strip', 'aria-label': 'What each age is shown' }, bands.map((band) => {
      const outcome = by.get(band) ?? card.outcome;
      return el('li', { class: `o-${outcome}${band === view ? ' looking' : ''}`, title: word(outcome) },
        el('span', { class: 'band' }, dashed(band)), icon(outcome), el('span', { class: 'word' }, short(outcome)));
    }));
  }
  const people = card.people ?? [];
  if (people.length < 2) return '';
  return el('ul', { class: 'people', 'aria-label': 'What each recipient is shown' },
    people.map((p) => el('li', { class: `o-${p.outcome ?? card.outcome}` },
      icon(p.outcome ?? card.outcome), el('span', null, `${p.id} (${dashed(p.band)})`), short(p.outcome ?? card.outcome))),
    card.more ? el('li', { class: 'o-demote' }, `and ${card.more} more`) : '');
}

// why gives the reasons that decided, and for everybody's view what follows.
function why(card) {
  const reasons = deciding(card);
  const follows = view === 'all' ? (card.effects ?? []) : [];
  const missing = card.degraded ?? [];
  if (reasons.length === 0 && follows.length === 0 && missing.length === 0) return '';
  return el('div', { class: 'why' },
    reasons.slice(0, 3).map((r) => el('div', null, el('p', null, r.text),
      el('p', { class: 'chips' }, el('span', { class: 'chip rule' }, r.rule), (r.measures ?? []).map((m) => el('span', { class: 'chip' }, m)),
        r.doubt ? el('span', { class: 'chip' }, 'out of doubt') : ''))),
    reasons.length > 3 ? el('p', { class: 'quiet' }, `and ${plural(reasons.length - 3, 'more reason')}`) : '',
    reasons.length ? (card.evidence ?? []).map((sentence) => el('p', { class: 'quiet' }, sentence)) : '',
    follows.length ? el('p', { class: 'chips' }, el('span', { class: 'quiet' }, 'What follows:'),
      follows.map((f) => el('span', { class: 'chip' }, [f.kind, f.what].filter(Boolean).join(': ')))) : '',
    missing.length ? el('p', { class: 'chips' }, el('span', { class: 'quiet' }, 'Could not be had:'),
      missing.map((m) => el('span', { class: 'chip rule' }, m))) : '');
}

function avatar(card) {
  const id = card.actor.id;
  const node = el('span', { class: 'avatar', 'aria-hidden': 'true' }, id.split(/[^\p{L}\p{N}]+/u).map((part) => part[0] ?? '').join('').slice(0, 2).toUpperCase());
  let hue = 0;
  for (const c of id) hue = (hue * 31 + c.codePointAt(0)) % 360;
  node.style.setProperty('--hue', hue);
  return node;
}

function draw(card) {
  return el('li', null, el('article', { class: `card o-${met(card)}`, 'data-n': card.n, 'data-outcome': met(card), 'aria-labelledby': `who-${card.n}` },
    el('div', { class: 'card-head' }, avatar(card), headline(card), meta(card), label(card)),
    body(card), notice(card), strip(card), why(card)));
}

// ——— The page ———

function drawAll() {
  const fitting = cards.filter(fits).slice(0, shown);
  feed.replaceChildren(...fitting.map(draw));
  summarise();
}

function summarise() {
  const seen = cards.filter((card) => met(card) !== undefined);
  const counts = Object.fromEntries(strictness.map((o) => [o, 0]));
  for (const card of seen) counts[met(card)]++;
  for (const [outcome, row] of rows) {
    const share = seen.length ? counts[outcome] / seen.length : 0;
    row.querySelector('.share').textContent = `${Math.round(share * 100)}%`;
    row.querySelector('.bar i').style.transform = `scaleX(${share})`;
  }
  $('rules').replaceChildren(...busiestRules(seen));
  $('scope').textContent = scope(seen.length);
  $('empty').hidden = cards.length > 0;
  $('nothing').hidden = cards.length === 0 || feed.childElementCount > 0;
}

// deciding lists the reasons as strict as what the chosen viewer meets.
const deciding = (card) => (card.reasons ?? []).filter((r) => r.outcome !== 'allow' && (view === 'all' || r.outcome === met(card)));

function busiestRules(seen) {
  const uses = new Map();
  for (const reason of seen.flatMap(deciding)) {
    const before = uses.get(reason.rule);
    uses.set(reason.rule, { reason, n: (before?.n ?? 0) + 1 });
  }
  const busiest = [...uses.values()].sort((a, b) => b.n - a.n || (a.reason.rule < b.reason.rule ? -1 : 1)).slice(0, 7);
  if (busiest.length === 0) return [el('li', { class: 'quiet' }, 'None yet: everything was shown as it is.')];
  return busiest.map(({ reason, n }) => el('li', null, el('span', null, reason.text), el('span', { class: 'share' }, `${n}×`),
    el('span', { class: 'chip rule' }, reason.rule)));
}

function scope(seen) {
  if (cards.length === 0) return '';
  if (view === 'all') return `The latest ${plural(cards.length, 'event')}. Each label is the strictest answer that anybody gets.`;
  return `${seen} of the latest ${plural(cards.length, 'event')} can reach ${viewers[view]}. The others pass between other people.`;
}

// reading is true while new cards would push away what somebody is at.
function reading() {
  return feed.contains(document.activeElement) || window.scrollY > feed.offsetTop;
}

function arrive(fresh) {
  if (fresh.length === 0) return;
  if (paused || reading()) {
    waiting = [...fresh, ...waiting].slice(0, kept);
    offer();
    return;
  }
  take(fresh);
}

function take(fresh) {
  cards = [...fresh, ...cards].slice(0, kept);
  const animate = feed.childElementCount > 0;
  const nodes = fresh.filter(fits).slice(0, shown).map((card) => {
    const node = draw(card);
    if (animate) node.firstChild.classList.add('new');
    return node;
  });
  feed.prepend(...nodes);
  while (feed.childElementCount > shown) feed.lastChild.remove();
  summarise();
}

// offer says how many events wait, on the button that shows them.
function offer() {
  const n = waiting.filter(fits).length;
  $('fresh').hidden = n === 0;
  $('fresh').lastElementChild.textContent = `Show ${plural(n, 'new event')}`;
}

function catchUp() {
  const fresh = waiting;
  waiting = [];
  offer();
  take(fresh);
}

function announce(text) { $('announce').textContent = text; }

function setState(state) {
  const said = { live: 'Live', paused: 'Paused', lost: 'Reconnecting', connecting: 'Connecting' };
  if ($('state').dataset.state !== state && state !== 'connecting') announce(said[state]);
  $('state').dataset.state = state;
  $('state-word').textContent = said[state];
  $('lost').hidden = state !== 'lost';
}

$('fresh').addEventListener('click', () => {
  catchUp();
  $('events').focus({ preventScroll: true });
  window.scrollTo({ top: 0, behavior: 'smooth' });
});

window.addEventListener('scroll', () => { if (waiting.length > 0 && !paused && !reading()) catchUp(); }, { passive: true });

$('pause').addEventListener('click', () => {
  paused = !paused;
  $('pause').querySelector('span').textContent = paused ? 'Resume' : 'Pause';
  $('pause').querySelector('use').setAttribute('href', paused ? '#i-play' : '#i-hold');
  setState(paused ? 'paused' : 'live');
  if (!paused) catchUp();
});

$('views').addEventListener('change', (change) => look(change.target.value));

function look(who) {
  view = who;
  const url = new URL(location);
  if (view === 'all') url.searchParams.delete('as');
  else url.searchParams.set('as', view);
  history.replaceState(null, '', url);
  drawAll();
  offer();
  announce(`Seen as ${viewers[view]}. ${$('scope').textContent}`);
}

for (const [outcome, row] of rows) {
  row.querySelector('input').addEventListener('change', (change) => {
    if (change.target.checked) only.add(outcome);
    else only.delete(outcome);
    drawAll();
    offer();
  });
}

// ——— Numbers ———

let totals = []; // [when, total] of the last ten seconds
let sinceSaid = { events: 0, stopped: 0 };

function number(total) {
  const now = performance.now();
  totals = [...totals.filter(([when]) => now - when < 10000), [now, total]];
  const [when, before] = totals[0];
  const rate = now > when ? ((total - before) * 1000) / (now - when) : 0;
  $('rate').textContent = rate >= 100 ? Math.round(rate).toLocaleString('en') : rate.toFixed(1);
  $('total').textContent = total.toLocaleString('en');
}

// Every fifteen seconds, and not more often, those who listen hear a summary.
setInterval(() => {
  if (sinceSaid.events > 0 && !paused && !document.hidden) {
    announce(`${plural(sinceSaid.events, 'new event')}, ${sinceSaid.stopped} of them held or blocked.`);
  }
  sinceSaid = { events: 0, stopped: 0 };
}, 15000);

// ——— The stream ———

let source;
let watchdog;
let tries = 0;

function connect() {
  source = new EventSource(`/console/stream?after=${encodeURIComponent(place)}`);
  source.onmessage = (message) => receive(JSON.parse(message.data));
  source.onerror = lose;
  watch();
}

function watch() {
  clearTimeout(watchdog);
  watchdog = setTimeout(lose, silence);
}

function receive(batch) {
  watch();
  tries = 0;
  if ($('state').dataset.state !== 'paused') setState(paused ? 'paused' : 'live');
  if (run && run !== batch.run) totals = []; // the server was started again and counts anew
  run = batch.run;
  place = `${run}.${batch.total}`;
  number(batch.total);
  const fresh = (batch.cards ?? []).reverse().map((card) => ({ ...card, run }));
  sinceSaid.events += fresh.length + batch.skipped;
  sinceSaid.stopped += fresh.filter((card) => ['hold', 'block'].includes(met(card))).length;
  arrive(fresh);
}

// lose closes what is left of a connection and tries again, at growing
// intervals. If the session is over, the page at "/" says what to do.
function lose() {
  source.close();
  clearTimeout(watchdog);
  setState('lost');
  const wait = Math.min(500 * 2 ** tries++, 8000);
  setTimeout(async () => {
    const answer = await fetch('/', { method: 'HEAD' }).catch(() => undefined);
    if (answer?.status === 403) location.reload();
    else if (answer) connect();
    else lose();
  }, wait);
}

// ——— Begin ———

$('example').textContent = `curl ${location.origin}/v1/decisions \\
  -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" \\
  -d '{"id":"p-1","type":"content.create","actor":{"id":"me"},
       "audience":{"scope":"public"},"content":{"text":"hello"}}'`;

const wide = matchMedia('(min-width: 56rem)');
const unfold = () => { for (const panel of document.querySelectorAll('.panel')) panel.open = wide.matches; };
wide.addEventListener('change', unfold);
unfold();

const asked = new URL(location).searchParams.get('as');
const radio = [...document.querySelectorAll('#views input')].find((input) => input.value === (viewers[asked] ? asked : 'all'));
radio.checked = true;
view = radio.value;
connect();
