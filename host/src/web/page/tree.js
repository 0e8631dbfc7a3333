// The hosts, their plugins and their series.

import { silence } from "./chart.js";
import { byId, make, number, setText, sync, visible } from "./text.js";

export class Tree {
  constructor(fleet, acts) {
    this.fleet = fleet;
    this.acts = acts;
  }

  show(state, now) {
    const tree = this.fleet.tree().map(([name, { host, plugins }]) => ({ name, host, plugins }));
    const branch = (entry) => this.branch(entry);
    sync(byId("tree"), tree, (entry) => entry.name, branch, (item, entry) => {
      const { name, host, plugins } = entry;
      item.classList.toggle("missing", host?.missing ?? false);
      const about = silence(host, now) || (host ? `${number(host.values_per_second)}/s` : "");
      const inner = this.update(item, { name, label: name, about }, state);
      if (!inner) return;
      const entries = plugins.map(([plugin, list]) => ({ name: `${name}/${plugin}`, label: plugin, list }));
      sync(inner, entries, (entry) => entry.name, branch, (item, { name, label, list }) => {
        const inner = this.update(item, { name, label, about: String(list.length) }, state);
        if (inner) sync(inner, list, (series) => series.name, (series) => this.leaf(series), (item, series) => this.updateLeaf(item, series, state));
      });
    });
    const { more } = this.fleet;
    setText(byId("more-series"), more ? `${more} more series fit: narrow the filter to see them.` : "");
  }

  /** A host or a plugin: a button that opens it, and one that shows its charts. */
  branch({ name }) {
    const open = make("button", { class: "open", type: "button" });
    open.addEventListener("click", () => this.acts.open(name));
    const choose = make("button", { class: "name", type: "button" });
    choose.addEventListener("click", () => this.acts.choose(name));
    const item = make("li", {}, make("div", { class: "row" }, open, choose, make("span", { class: "about" })));
    item.dataset.name = name;
    return item;
  }

  /** Its list, if it is open. */
  update(item, { name, label, about }, state) {
    const [open, choose, note] = item.firstElementChild.children;
    const isOpen = state.open.includes(name);
    setText(open, isOpen ? "▾" : "▸");
    open.setAttribute("aria-expanded", isOpen);
    open.setAttribute("aria-label", `Series of ${visible(name)}`);
    setText(choose, visible(label));
    choose.setAttribute("aria-pressed", state.at === name);
    setText(note, about);
    let inner = item.querySelector(":scope > ul");
    if (!isOpen) {
      inner?.remove();
      return null;
    }
    if (!inner) item.append((inner = make("ul")));
    return inner;
  }

  leaf(series) {
    const button = make("button", { class: "name", type: "button" });
    button.addEventListener("click", () => this.acts.pin({ name: series.name }));
    const item = make("li", {}, make("div", { class: "row" }, button, make("span", { class: "about" })));
    item.dataset.name = series.name;
    return item;
  }

  updateLeaf(item, series, state) {
    const [button, note] = item.firstElementChild.children;
    setText(button, visible(series.typeName));
    button.setAttribute("aria-pressed", state.pins.includes(series.name));
    button.title = state.pins.includes(series.name) ? "unpin" : "pin";
    const { latest } = series;
    const values = latest ? (state.isRaw ? latest.values : latest.rates) : [];
    const text = (value, place) => number(value === null ? null : Number(value), series.unitOf(place, state.isRaw));
    setText(note, values.slice(0, 3).map(text).join(" | "));
  }
}
