// The box on top finds while somebody types. Below stands what can be done on this page, and where one can go.
import { entry, shown } from './keys.js';

const box = document.querySelector('.find input'), list = document.getElementById('found');
const fold = (text) => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
let options = [], at = -1, asked, asking, wait; // at is the option that is chosen

function choose(n) {
  if (options[at]) options[at].ariaSelected = false;
  at = n;
  if (options[at]) options[at].ariaSelected = true;
  options[at]?.scrollIntoView({ block: 'nearest' });
  box.setAttribute('aria-activedescendant', options[at]?.id ?? '');
}

function show(...groups) {
  list.replaceChildren(...groups);
  options = [...list.querySelectorAll('[role=option]')];
  options.forEach((option, i) => Object.assign(option, { id: `found-${i}`, tabIndex: -1, ariaSelected: false }));
  list.hidden = !options.length;
  box.ariaExpanded = !list.hidden;
  choose(-1);
}

// offers are the elements that have all words in their names, as options that press them.
function offers(ariaLabel, elements, words) {
  const group = Object.assign(document.createElement('div'), { role: 'group', ariaLabel });
  for (const element of words.length ? elements : []) {
    const onclick = () => { show(); (element.isConnected ? element : document.getElementById(element.id))?.click(); }; // the page may have followed
    const option = entry(Object.assign(document.createElement('a'), { role: 'option', className: 'row', onclick }), element);
    if (words.every((word) => fold(option.textContent).includes(word)) && group.childElementCount < 6) group.append(option);
  }
  return group.childElementCount ? [group] : [];
}

// One question at a time; what is typed meanwhile is asked afterwards. A request for a document makes it HTML without a detour through text.
function suggest() {
  if (asking) return;
  asked = box.value.trim();
  asking = new XMLHttpRequest();
  asking.open('GET', `/search?part=suggestions&q=${encodeURIComponent(asked)}`);
  asking.responseType = 'document';
  asking.onloadend = () => {
    const found = asking.response?.getElementById('suggestions')?.children ?? [], words = fold(asked).split(/\s+/).filter(Boolean);
    asking = undefined;
    if (asked !== box.value.trim()) return suggest();
    if (document.activeElement !== box) return;
    show(...found, ...offers('On this page', shown('main :is([data-key], [data-command], .acts button, .acts .button)'), words),
      ...offers('Go to', document.querySelectorAll('.top :is(a[href^="/"], form[method=post] button):not(#found *)'), words));
    document.querySelector('[data-announce]').textContent = `Suggestions: ${options.length}`;
  };
  asking.send();
}

box?.addEventListener('input', () => { clearTimeout(wait); wait = setTimeout(suggest, 120); });
box?.addEventListener('focus', suggest);
box?.addEventListener('blur', () => show());
list?.addEventListener('mousedown', (event) => event.preventDefault()); // the box keeps the focus
box?.addEventListener('keydown', (event) => {
  const { key } = event, step = { ArrowDown: 1, ArrowUp: -1 }[key], n = options.length;
  const best = asked === box.value.trim() && options[asked ? Math.max(at, 0) : at]; // else the server knows best
  if (step && n) choose(at + step < -1 ? n - 1 : (at + step + n) % n);
  else if (key === 'Escape' && n) { event.stopPropagation(); show(); }
  else if (key === 'Enter' && event.shiftKey) location.assign(`/search?all=1&q=${encodeURIComponent(box.value)}`);
  else if (key === 'Enter' && best && !event.isComposing) best.click();
  else return;
  event.preventDefault();
});

if (box && document.activeElement === box) suggest(); // somebody was faster than this script

// What somebody looks at is what they look for next.
const topic = new URLSearchParams(document.body.dataset.live?.split('?')[1]).get('topic');
if (/^(customer|entitlement):/.test(topic)) navigator.sendBeacon('/opened', new URLSearchParams({ topic }));
