// All that was chosen, as it stands in the address of the page.

const LISTS = { pin: "pins", overlay: "overlays" };

/** What is chosen, from the address. */
export function read() {
  const query = new URLSearchParams(location.search);
  const number = (key, usual) => {
    const value = Number.parseFloat(query.get(key));
    return Number.isFinite(value) ? value : usual;
  };
  const [from, to] = [number("from", null), number("to", null)];
  return {
    filter: query.get("filter") ?? "",
    window: Math.min(Math.max(number("window", 300), 60), 21600),
    isRaw: query.get("raw") === "1",
    isPaused: query.get("pause") === "1",
    pins: query.getAll("pin"),
    overlays: query.getAll("overlay"),
    at: query.get("at") ?? "",
    open: query.getAll("open"),
    charts: Math.min(Math.max(Math.round(number("charts", 12)), 1), 200),
    sort: query.get("sort") ?? "values",
    zoom: from !== null && to !== null && from < to ? [from, to] : null,
  };
}

/** Puts what is chosen into the address; what is usual is left out. */
export function write(state) {
  const query = new URLSearchParams();
  if (state.filter) query.set("filter", state.filter);
  if (state.window !== 300) query.set("window", state.window);
  if (state.isRaw) query.set("raw", 1);
  if (state.isPaused) query.set("pause", 1);
  for (const [key, list] of Object.entries(LISTS)) state[list].forEach((name) => query.append(key, name));
  if (state.at) query.set("at", state.at);
  state.open.forEach((name) => query.append("open", name));
  if (state.charts !== 12) query.set("charts", state.charts);
  if (state.sort !== "values") query.set("sort", state.sort);
  if (state.zoom) {
    query.set("from", state.zoom[0].toFixed(2));
    query.set("to", state.zoom[1].toFixed(2));
  }
  const text = query.toString();
  history.replaceState(null, "", text ? `?${text}` : location.pathname);
}
