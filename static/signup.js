// The end user's page follows what happens by itself. Without this script it reloads while it waits; everything else is forms and links.
const policy = self.trustedTypes?.createPolicy('latchkey', { createHTML: (page) => page }) ?? { createHTML: (page) => page };
const part = () => document.getElementById('signup');
let stream, retry, reading = false, again = false;

async function read() {
  if (reading) { again = true; return; }
  reading = true;
  try {
    do {
      again = false;
      const response = await fetch(location.href, { headers: { Accept: 'text/html' } });
      if (response.ok) takeOver(new DOMParser().parseFromString(policy.createHTML(await response.text()), 'text/html'));
    } while (again);
  } catch { // the next event, or the next look, reads again
  } finally {
    reading = false;
  }
}

function takeOver(page) {
  const here = part(), fresh = page.getElementById('signup');
  if (!fresh || fresh.isEqualNode(here)) return;
  const focused = here.contains(document.activeElement), was = here.querySelector('h1').textContent;
  here.replaceWith(document.adoptNode(fresh));
  const says = fresh.querySelector('h1').textContent;
  if (focused) fresh.querySelector('button')?.focus();
  if (says !== was) {
    fresh.classList.add('changed');
    document.querySelector('[data-announce]').textContent = says;
  }
}

function open() {
  clearTimeout(retry);
  if (stream || document.hidden) return;
  stream = new EventSource(document.body.dataset.live);
  stream.addEventListener('changed', read);
  stream.onerror = () => {
    if (stream?.readyState !== EventSource.CLOSED) return; // it connects again by itself
    stream = undefined;
    retry = setTimeout(() => { read(); open(); }, 4000 + Math.random() * 4000);
  };
}

function close() {
  clearTimeout(retry);
  stream?.close();
  stream = undefined;
}

document.addEventListener('submit', (event) => {
  const button = event.target.querySelector('button');
  button.textContent = button.dataset.moment; // it may take some seconds
});
document.addEventListener('visibilitychange', () => (document.hidden ? close() : open()));
addEventListener('pagehide', close);
addEventListener('pageshow', (event) => { if (event.persisted) { read(); open(); } });
setInterval(() => { if (!document.hidden && part().hasAttribute('data-waits')) read(); }, 20000); // time passes without an event
open();
