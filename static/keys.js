// Keys reach what the mouse reaches: "/" finds, j and k walk through rows, "g h" goes home, a [data-key] is pressed by its key, "?" tells all.
// None while typing; single ones not for who has switched them off.
const places = { h: '/', c: '/customers', e: '/entitlements', n: '/attention', i: '/notifications', r: '/reconciliation', p: '/plots' };
const box = document.querySelector('.find input'), sheet = document.getElementById('sheet');
let gone = -Infinity;

// entry writes into an element what another is called, and by which keys it is reached.
export function entry(into, element) {
  const place = Object.keys(places).find((key) => places[key] === element.getAttribute('href'));
  const key = element.dataset.key ?? (place && `g ${place}`);
  into.append(element.dataset.command ?? element.textContent.trim().replace(/\s+.$/, ''));
  if (key) into.append(' ', Object.assign(document.createElement('kbd'), { className: 'push', textContent: key }));
  return into;
}

export const shown = (selector) => [...document.querySelectorAll(selector)].filter((element) => element.offsetParent);

document.addEventListener('keydown', (event) => {
  const { key, target } = event, typing = target.matches('input:not([type=radio], [type=checkbox]), textarea, select');
  if (sheet?.open) return;
  const find = key === 'k' && (event.ctrlKey || event.metaKey);
  if (key === 'Escape' && typing) { target.blur(); return; }
  if (!find && (typing || document.body.dataset.keys === 'off' || event.ctrlKey || event.metaKey || event.altKey)) return;
  const press = shown('[data-key]').find((element) => element.dataset.key === key);
  if ((find || key === '/') && box) {
    box.focus();
    box.select();
  } else if (key === '?' && sheet) {
    sheet.querySelector('ul').replaceChildren(...shown('main [data-key]').map((element) => entry(Object.assign(document.createElement('li'), { className: 'row' }), element)));
    sheet.showModal();
  } else if (key === 'g') {
    gone = event.timeStamp;
  } else if (event.timeStamp - gone < 1500 && places[key]) {
    location.assign(places[key]);
  } else if (key === 'j' || key === 'k') {
    const links = [...document.querySelectorAll('[data-row] a.whole')], at = links.indexOf(document.activeElement) + (key === 'j' ? 1 : -1);
    links[Math.max(0, Math.min(at, links.length - 1))]?.focus();
  } else if (press) {
    press.click();
  } else return;
  event.preventDefault();
});
