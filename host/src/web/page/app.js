// The page: what was chosen, what is heard, and what is shown of it.

import { read, write } from "./address.js";
import { Fleet } from "./fleet.js";
import { Grid } from "./grid.js";
import { Stream, problem } from "./stream.js";
import { Senders, showFigures, showNotifications } from "./tables.js";
import { Tree } from "./tree.js";
import { byId, setText } from "./text.js";

const state = read();
const fleet = new Fleet();

/** What the parts of the page do to it. */
const acts = {
  pin: ({ name }) => change({ pins: toggled(state.pins, name) }),
  overlay: ({ path }) => change({ overlays: toggled(state.overlays, path) }, true),
  zoom: (zoom) => change({ zoom }),
  unzoom: () => change({ zoom: null }),
  open: (name) => change({ open: toggled(state.open, name) }),
  choose: (name) => change({ at: state.at === name ? "" : name }),
  sort: (key) => change({ sort: key }),
};
const tree = new Tree(fleet, acts);
const grid = new Grid(fleet, acts);
const senders = new Senders(fleet, acts);
const stream = new Stream(onNews, onStatus);
/** What the time was when it was paused. */
let pausedAt = null;

/** Changes what is chosen, in the address and on the page. Some of it the server has to know. */
function change(changes, isForServer = false) {
  Object.assign(state, changes);
  write(state);
  if (isForServer) stream.open(state);
  showTools();
  show();
}

function toggled(list, name) {
  return list.includes(name) ? list.filter((other) => other !== name) : [...list, name];
}

function onNews(news) {
  fleet.take(news);
  showFigures(fleet);
  show();
}

function onStatus(isHeard) {
  setText(byId("status"), isHeard ? fleet.source : "the server is not heard; trying again");
  byId("status").classList.toggle("bad", !isHeard);
}

/** Shows what is known. While it is paused, charts and tables stay as they are. */
function show() {
  if (!fleet.counts) return;
  if (!state.isPaused) pausedAt = null;
  else pausedAt ??= fleet.now();
  const now = pausedAt ?? fleet.now();
  grid.show(state, stream.number, now);
  tree.show(state, fleet.now());
  if (pausedAt === null) showNotifications(fleet);
  senders.show(state, fleet.now());
}

function showTools() {
  const { isRaw, isPaused, zoom, pins, overlays } = state;
  byId("window").value = String(state.window);
  byId("raw").setAttribute("aria-pressed", isRaw);
  byId("pause").setAttribute("aria-pressed", isPaused);
  byId("unzoom").hidden = zoom === null;
  byId("unpin").hidden = pins.length + overlays.length === 0;
}

/** Takes a filter, if it is one; else says where it is none. */
async function filter(text) {
  const wrong = await problem(text).catch(() => null);
  // Something else may have been typed in between.
  if (byId("filter").value !== text) return;
  byId("filter").setAttribute("aria-invalid", wrong !== null);
  setText(byId("filter-error"), wrong?.error ?? "");
  if (wrong === null && text !== state.filter) change({ filter: text }, true);
}

let typing;
byId("filter").value = state.filter;
byId("filter").addEventListener("input", ({ target }) => {
  clearTimeout(typing);
  typing = setTimeout(() => filter(target.value), 300);
});
byId("tools").addEventListener("submit", (event) => {
  event.preventDefault();
  filter(byId("filter").value);
});
byId("window").addEventListener("change", ({ target }) => change({ window: Number(target.value), zoom: null }));
byId("raw").addEventListener("click", () => change({ isRaw: !state.isRaw }));
byId("pause").addEventListener("click", () => change({ isPaused: !state.isPaused }));
byId("unzoom").addEventListener("click", () => acts.unzoom());
byId("unpin").addEventListener("click", () => change({ pins: [], overlays: [] }, true));
byId("more-charts").addEventListener("click", () => change({ charts: state.charts + 12 }));
addEventListener("popstate", () => {
  Object.assign(state, read());
  byId("filter").value = state.filter;
  showTools();
  stream.open(state);
});

showTools();
filter(state.filter);
stream.open(state);
