// Makes the fingerprint of a picture on this device, and sends the fingerprint.
// The picture is read into memory, hashed by hasher.wasm, and forgotten: no
// request here has anything else of it in its body.
'use strict';

(() => {
  const $ = (id) => document.getElementById(id);
  const words = $('words').dataset;
  const mostPixels = 40e6; // a larger picture is made smaller first: memory
  const leastQuality = 50;
  let made = null; // what would be sent
  let loading = null; // the hasher
  let turn = 0; // of choosing: a late answer is not for the next picture

  function say(element, text, bad = false) {
    element.textContent = text;
    element.classList.toggle('bad', bad);
  }

  function hasher() {
    loading ??= (async () => {
      const go = new Go();
      const { instance } = await WebAssembly.instantiateStreaming(fetch('/own-image/hasher.wasm'), go.importObject);
      go.run(instance); // it stays
    })();
    loading.catch(() => { loading = null; }); // another time there may be a connection
    return loading;
  }

  function canvas(width, height) {
    const c = document.createElement('canvas');
    c.width = width;
    c.height = height;
    return c.getContext('2d', { willReadFrequently: true, colorSpace: 'srgb' });
  }

  // exact is whether the browser gives pixels back as they were drawn: some
  // disturb them, so that pages can't tell devices apart.
  function exact() {
    const context = canvas(16, 16);
    for (let i = 0; i < 256; i++) {
      context.fillStyle = `rgb(${i}, ${(i * 7) % 256}, ${255 - i})`;
      context.fillRect(i % 16, i >> 4, 1, 1);
    }
    const { data } = context.getImageData(0, 0, 16, 16);
    for (let i = 0; i < 256; i++) {
      if (data[4 * i] !== i || data[4 * i + 1] !== (i * 7) % 256 || data[4 * i + 2] !== 255 - i) return false;
    }
    return true;
  }

  async function pixelsOf(file) {
    const bitmap = await createImageBitmap(file, { premultiplyAlpha: 'none', colorSpaceConversion: 'none' });
    const scale = Math.min(1, Math.sqrt(mostPixels / (bitmap.width * bitmap.height)));
    const width = Math.max(1, Math.floor(bitmap.width * scale));
    const height = Math.max(1, Math.floor(bitmap.height * scale));
    const context = canvas(width, height);
    context.drawImage(bitmap, 0, 0, width, height);
    bitmap.close();
    return context.getImageData(0, 0, width, height);
  }

  async function make(file) {
    await hasher();
    let pixels;
    try {
      pixels = await pixelsOf(file);
    } catch {
      return { error: words.unreadable };
    }
    if (!exact()) return { error: words.hidden };
    const made = breakwaterPDQ(pixels.data, pixels.width, pixels.height);
    if (made === null) return { error: words.unreadable };
    if (made.quality < leastQuality) return { error: words.plain };
    return made;
  }

  async function chosen() {
    const mine = ++turn;
    made = null;
    $('send').disabled = true;
    $('made').hidden = true;
    say($('state'), '');
    const file = $('picture').files[0];
    if (!file) return;
    say($('state'), words.working);
    await new Promise((shown) => { requestAnimationFrame(() => setTimeout(shown)); });
    let result;
    try {
      result = await make(file);
    } catch {
      result = { error: words.failed }; // the hasher could not be loaded
    }
    if (mine !== turn) return;
    if (result.error) {
      say($('state'), result.error, true);
      return;
    }
    made = result;
    $('hash').textContent = made.hash;
    $('made').hidden = false;
    $('send').disabled = false;
    say($('state'), words.ready);
  }

  function post(path, body) {
    return fetch(path, {
      method: 'POST', credentials: 'omit', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
    });
  }

  async function send(event) {
    event.preventDefault();
    if (!made) return;
    $('send').disabled = true;
    let problem = words.failed;
    try {
      const answer = await post('/own-image/hashes', { pdq: made.hash, quality: made.quality, minor: $('minor').checked });
      if (answer.status === 201) {
        const { code } = await answer.json();
        $('code').textContent = code.match(/.{1,4}/g).join(' ');
        $('form').hidden = true;
        $('done').hidden = false;
        $('done').focus();
        return;
      }
      if (answer.status === 429 || answer.status === 503) problem = words.busy;
    } catch { /* said below */ }
    $('send').disabled = false;
    say($('state'), problem, true);
  }

  function again() {
    $('form').reset();
    chosen();
    $('code').textContent = '';
    $('done').hidden = true;
    $('form').hidden = false;
    $('picture').focus();
  }

  async function back(event) {
    event.preventDefault();
    const state = $('back-state');
    try {
      const answer = await post('/own-image/withdraw', { code: $('typed').value });
      if (answer.status === 204) {
        $('back').reset();
        say(state, words.gone);
        return;
      }
      say(state, answer.status === 429 || answer.status === 503 ? words.busy : words.failed, true);
    } catch {
      say(state, words.failed, true);
    }
  }

  $('picture').addEventListener('change', chosen);
  $('form').addEventListener('submit', send);
  $('again').addEventListener('click', again);
  $('back').addEventListener('submit', back);
  $('no-script').hidden = true;
  $('form').hidden = false;
  $('back').hidden = false;
})();
