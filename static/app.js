// What JavaScript adds to pages that work without it: they follow the database by themselves.

// The one place where text becomes HTML: pages of this portal, which the server escaped.
const policy = self.trustedTypes?.createPolicy('latchkey', { createHTML: (page) => page }) ?? { createHTML: (page) => page };

// live reads the page again whenever its stream says that something changed, and takes over what is different.
function live(address) {
  const light = document.querySelector('[data-connection]');
  let stream, reading = false, again = false, retry;

  const show = (on) => {
    if (!light) return;
    light.toggleAttribute('data-on', on);
    const words = on ? 'Live: this page follows by itself' : 'Not live just now; trying to reconnect';
    if (light.textContent !== words) light.textContent = words;
  };

  async function read() {
    if (reading) { again = true; return; }
    reading = true;
    try {
      do {
        again = false;
        const response = await fetch(location.href, { redirect: 'manual', headers: { Accept: 'text/html' } });
        if (response.type === 'opaqueredirect' || response.status === 401) { location.reload(); return; } // signed out
        if (response.ok) takeOver(new DOMParser().parseFromString(policy.createHTML(await response.text()), 'text/html'));
      } while (again);
    } catch {
      show(false); // the stream reconnects, and its first event reads again
    } finally {
      reading = false;
    }
  }

  function open() {
    clearTimeout(retry);
    if (stream || document.hidden) return;
    stream = new EventSource(address);
    stream.addEventListener('changed', () => { show(true); read(); });
    stream.onopen = () => show(true);
    stream.onerror = () => {
      show(false);
      if (stream?.readyState === EventSource.CLOSED) { // refused, for example while the portal restarts: a browser gives up then
        stream = undefined;
        retry = setTimeout(() => { read(); open(); }, 3000 + Math.random() * 4000);
      }
    };
  }

  function close() {
    clearTimeout(retry);
    stream?.close();
    stream = undefined;
  }

  // A hidden page holds no connection: a browser has six for all pages of a site.
  document.addEventListener('visibilitychange', () => (document.hidden ? close() : open()));
  addEventListener('pagehide', close);
  addEventListener('pageshow', (event) => { if (event.persisted) open(); });
  open();
}

// takeOver replaces the parts of this page that differ in the other. Rows of a list change in place and never move.
function takeOver(other) {
  age(other); // so that only true differences are left
  for (const part of document.querySelectorAll('[data-part]')) {
    const fresh = other.getElementById(part.id);
    if (!fresh || fresh.isEqualNode(part) || part.contains(document.activeElement) && part.querySelector(':focus:is(input:not([name=ref]), select, textarea)')) continue;
    if (part.hasAttribute('data-rows')) { updateRows(part, fresh); continue; }
    const focused = part.contains(document.activeElement) ? document.activeElement.id : '';
    for (const opened of part.querySelectorAll('details[open][id]')) fresh.querySelector(`#${CSS.escape(opened.id)}`)?.setAttribute('open', '');
    const says = (of) => of.querySelector('.sentence, h1, [data-says]')?.textContent;
    const was = says(part);
    const adopted = document.adoptNode(fresh);
    part.replaceWith(adopted);
    if (focused) document.getElementById(focused)?.focus();
    if (says(adopted) !== was) { mark(adopted); announce(says(adopted)); }
  }
  const title = other.querySelector('title')?.textContent;
  if (title && title !== document.title) document.title = title;
}

function updateRows(list, fresh) {
  const rows = (of) => new Map([...of.querySelectorAll('[data-row]')].map((row) => [row.dataset.row, row]));
  const here = rows(list), there = rows(fresh);
  if (here.size === 0 && there.size > 0) { location.reload(); return; }
  let newer = 0;
  for (const [ref, row] of there) {
    const known = here.get(ref);
    if (!known) { newer++; continue; }
    const box = known.querySelector('[name=ref]'), inBox = box && box === document.activeElement;
    if (known.isEqualNode(row) || known.contains(document.activeElement) && !inBox) continue;
    const adopted = document.adoptNode(row), was = known.querySelector('[data-status]')?.dataset.status;
    known.replaceWith(adopted);
    const now = adopted.querySelector('[name=ref]');
    if (box && now) { now.checked = box.checked; if (inBox) now.focus(); }
    if (was !== adopted.querySelector('[data-status]')?.dataset.status) mark(adopted);
  }
  // What is settled stays in its place, so that no other row comes under the pointer, and cannot be pressed any more.
  if (list.dataset.rows === 'settle') {
    for (const [ref, row] of here) if (!there.has(ref)) { row.inert = true; row.classList.add('gone'); }
  }
  const notice = document.querySelector(`[data-newer="${list.id}"]`);
  if (notice && newer > 0) {
    notice.hidden = false;
    notice.querySelector('a').textContent = `${newer} newer: show`;
  }
}

function mark(element) {
  element.classList.add('changed');
  setTimeout(() => element.classList.remove('changed'), 2000);
}

function announce(words) {
  const region = document.querySelector('[data-announce]');
  if (region) region.textContent = words;
}

document.addEventListener('click', async (event) => {
  const button = event.target.closest('[data-copy]');
  if (!button) return;
  const text = button.dataset.copy || document.getElementById(button.dataset.copyFrom)?.value || '';
  try {
    await navigator.clipboard.writeText(text);
  } catch { // without a secure connection there is no clipboard for scripts: select, so that Ctrl+C does it
    document.getElementById(button.dataset.copyFrom)?.select();
    announce('Press Control and C to copy.');
    return;
  }
  const label = button.querySelector('[data-label]') ?? button;
  const was = label.textContent;
  label.textContent = 'Copied';
  announce('Copied.');
  setTimeout(() => { label.textContent = was; }, 1500);
});

// Typing into a [data-narrows] box hides the choices that do not have the words.
const fold = (text) => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
document.addEventListener('input', (event) => {
  if (!event.target.matches('[data-narrows] input')) return;
  const words = fold(event.target.value).split(/\s+/).filter(Boolean);
  const choices = document.getElementById(event.target.closest('[data-narrows]').dataset.narrows);
  for (const group of choices.querySelectorAll('section')) {
    let shown = 0;
    const heading = fold(group.querySelector('h3')?.textContent ?? '');
    for (const choice of group.querySelectorAll('label')) {
      const text = heading + ' ' + fold(choice.dataset.words);
      choice.hidden = !words.every((word) => text.includes(word));
      shown += choice.hidden ? 0 : 1;
    }
    group.hidden = shown === 0;
  }
});

// Enter in that box chooses the first choice that is left.
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || !event.target.matches('[data-narrows] input')) return;
  event.preventDefault();
  const choices = document.getElementById(event.target.closest('[data-narrows]').dataset.narrows);
  const first = choices.querySelector('section:not([hidden]) label:not([hidden]) input');
  if (first) { first.checked = true; first.focus(); }
});

// How many rows are chosen.
const picked = document.querySelector('[data-picked]');
const countPicked = () => { picked.textContent = `${document.querySelectorAll('[name=ref]:checked').length} selected`; };
if (picked) { document.addEventListener('change', countPicked); addEventListener('pageshow', countPicked); }

// A menu closes on Escape, and when something else is used.
for (const type of ['click', 'focusin', 'keydown']) document.addEventListener(type, (event) => {
  const menu = document.querySelector('.menu[open]');
  if (menu && (event.key ? event.key === 'Escape' : !menu.contains(event.target))) menu.open = false;
});

// age keeps "3 minutes ago" true on a page that stays open.
const units = [[60, 'second'], [60, 'minute'], [24, 'hour'], [7, 'day'], [4.35, 'week'], [12, 'month'], [Infinity, 'year']];
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
function age(root) {
  for (const element of root.querySelectorAll('time[data-age]')) {
    let n = (Date.parse(element.dateTime) - Date.now()) / 1000;
    let words = 'now';
    if (Math.abs(n) >= 10 || element.dataset.age && n > 0) { // a [data-age=down] counts the last seconds, too
      for (const [most, unit] of units) {
        if (Math.abs(n) < most) { words = relative.format(Math.round(n), unit); break; }
        n /= most;
      }
    }
    if (element.textContent !== words) element.textContent = words;
    if (!document.body.dataset.zone) element.title = new Date(element.dateTime).toLocaleString('sv', { timeZoneName: 'short' });
    if (!element.closest('tr, li')?.querySelector('a')) element.tabIndex = 0;
  }
}

age(document);
setInterval(() => age(document), 1000);
const address = document.body.dataset.live;
if (address) live(address);
