// Text and numbers for people, and elements of the page. Names that strangers chose go through `shown` and `textContent`.

/** Text in which everything invisible, reordering or unknown is written as its number. */
export function shown(text) {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu, (character) => {
    const code = character.codePointAt(0);
    return code < 0x80 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
  });
}

/** The same, in quotes if nothing would be seen of it. */
export function visible(text) {
  return text.trim() ? shown(text) : `"${text}"`;
}

const SCALES = {
  binary: [1024, ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]],
  decimal: [1000, ["", "k", "M", "G", "T", "P", "E"]],
};
const UNSCALED = new Set(["%", "ms", "s", "°C", "dB", "dBm", "rpm"]);

/** A number with three digits or so, and its unit. */
export function number(value, unit = "", precision = 3) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (UNSCALED.has(unit)) return `${digits(value, precision)} ${unit}`;
  const [base, prefixes] = unit.startsWith("B") ? SCALES.binary : SCALES.decimal;
  let place = 0;
  while (Math.abs(value) >= base && place < prefixes.length - 1) {
    value /= base;
    place += 1;
  }
  const end = prefixes[place] + unit;
  return end ? `${digits(value, precision)} ${end}` : digits(value, precision);
}

function digits(value, precision) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e15)) return value.toExponential(2);
  return size >= 1000 ? String(Math.round(value)) : String(Number(value.toPrecision(precision)));
}

/** A span of seconds in short. */
export function span(seconds) {
  const size = Math.abs(seconds);
  if (size < 10) return `${Number(seconds.toFixed(1))} s`;
  if (size < 120) return `${Math.round(seconds)} s`;
  if (size < 7200) return `${Math.round(seconds / 60)} min`;
  if (size < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

/** A time of day, and the date if it is not today's. */
export function clock(seconds) {
  const time = new Date(seconds * 1000);
  if (Number.isNaN(time.getTime())) return "–";
  const isToday = time.toDateString() === new Date().toDateString();
  return isToday ? time.toLocaleTimeString() : time.toLocaleString();
}

export const byId = (id) => document.getElementById(id);

/** An element with a class, text and children. */
export function make(tag, { class: name, text, ...attributes } = {}, ...children) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text !== undefined) element.textContent = text;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Changes the text of an element, if it is another. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Makes the children of an element those of these things, in their order; what is there already stays. */
export function sync(parent, things, key, create, update) {
  const known = (parent.known ??= new Map());
  const left = new Set(known.keys());
  let next = parent.firstElementChild;
  for (const thing of things) {
    const name = key(thing);
    let child = known.get(name);
    left.delete(name);
    if (!child) {
      child = create(thing);
      known.set(name, child);
    }
    if (child === next) next = next.nextElementSibling;
    else parent.insertBefore(child, next);
    update(child, thing);
  }
  for (const name of left) {
    known.get(name).remove();
    known.delete(name);
  }
}
