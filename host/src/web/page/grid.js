// The charts that are shown: pinned ones, and those of what is chosen in the tree, or the first there are.

import { Chart, lineName, silence } from "./chart.js";
import { histories } from "./stream.js";
import { byId, setText, sync } from "./text.js";

/** Lines in a chart of all hosts, and series whose histories are asked for at a time. */
const LINES = 40;
const AT_ONCE = 40;

export class Grid {
  constructor(fleet, acts) {
    this.fleet = fleet;
    this.acts = acts;
    this.charts = new Map();
    this.isAsking = false;
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.charts.forEach((chart) => chart.plotted?.redraw());
    });
  }

  /** Shows what the state asks for. */
  show(state, stream, now) {
    const specs = this.specs(state);
    const range = state.zoom ?? [now - state.window, now];
    this.ask(specs, range, stream);
    const kept = new Set(specs.map((spec) => spec.key));
    for (const [key, chart] of this.charts) {
      if (kept.has(key)) continue;
      chart.destroy();
      this.charts.delete(key);
    }
    const create = (spec) => {
      const chart = new Chart(spec, this.acts);
      this.charts.set(spec.key, chart);
      return chart.element;
    };
    const update = (_, spec) => {
      this.charts.get(spec.key).show(spec, {
        range,
        isRaw: state.isRaw,
        isPinned: state.pins.includes(spec.name),
        isOverlaid: spec.isOverlay,
        missing: spec.isOverlay ? "" : silence(this.fleet.hostOf(spec.lines[0].series), now),
      });
    };
    sync(byId("grid"), specs, (spec) => spec.key, create, update);
    byId("more-charts").hidden = this.left === 0;
    setText(byId("more-charts"), `More charts (${this.left})`);
    setText(byId("charts-note"), this.note(state, specs));
  }

  note(state, specs) {
    if (!specs.length) return this.fleet.series.size ? "Choose a host or a series." : "Nothing has arrived yet.";
    const raw = state.isRaw ? " Counts as they are, since this page was opened." : "";
    const zoom = state.zoom ? " Zoomed: double-click, or Zoom out, ends it." : "";
    return `Drag over a chart to zoom.${zoom}${raw}`;
  }

  /** What is shown, in order. */
  specs(state) {
    const { fleet } = this;
    const tree = fleet.tree();
    const specs = new Map();
    const add = (spec) => spec && !specs.has(spec.key) && specs.set(spec.key, spec);
    state.overlays.forEach((path) => add(this.overlay(path, tree)));
    state.pins.map((name) => fleet.byName.get(name)).forEach((series) => series && add(this.one(series)));
    const [all, chosen] = [[], []];
    for (const [name, { plugins }] of tree) {
      for (const [plugin, list] of plugins) {
        all.push(...list);
        if (state.at === name || state.at === `${name}/${plugin}`) chosen.push(...list);
      }
    }
    // Where nothing is pinned or chosen, or the filter leaves nothing of it, the first there are stand in for it.
    const others = chosen.length || specs.size ? chosen : all;
    const wanted = others.filter((series) => !specs.has(series.name));
    wanted.slice(0, state.charts).forEach((series) => add(this.one(series)));
    this.left = Math.max(wanted.length - state.charts, 0);
    return [...specs.values()];
  }

  one(series) {
    const skew = this.fleet.skew(series);
    const lines = series.dsnames.map((_, place) => ({ series, place, skew, label: lineName(series, place) }));
    return {
      key: series.name,
      name: series.name,
      path: series.path,
      title: series.name,
      lines,
      unit: (chart) => series.unitOf(0, chart.isRaw),
    };
  }

  overlay(path, tree) {
    const all = [];
    for (const [name, { plugins }] of tree) {
      for (const series of plugins.flatMap(([, list]) => list).filter((series) => series.path === path)) {
        const skew = this.fleet.skew(series);
        const isOnly = series.dsnames.length === 1;
        const label = (place) => (isOnly ? name : `${name} ${lineName(series, place)}`);
        all.push(...series.dsnames.map((_, place) => ({ series, place, skew, label: label(place) })));
      }
    }
    if (!all.length) return null;
    return {
      key: `*/${path}`,
      path,
      title: `all hosts: ${path}`,
      isOverlay: true,
      lines: all.slice(0, LINES),
      more: Math.max(all.length - LINES, 0),
      unit: (chart) => all[0].series.unitOf(0, chart.isRaw),
    };
  }

  /** Asks how series were before, where that is not known yet. */
  async ask(specs, [from], stream) {
    if (this.isAsking || stream === null) return;
    const series = new Set(specs.flatMap((spec) => spec.lines.map((line) => line.series)));
    const unknown = [...series].filter(({ since }) => since === null || since > from + 1).slice(0, AT_ONCE);
    if (!unknown.length) return;
    this.isAsking = true;
    try {
      const most = Math.max(...unknown.map((series) => this.fleet.skew(series)), 0);
      const found = await histories(unknown.map(({ id }) => id), from - most - 60, stream);
      unknown.forEach((series) => (series.since = from));
      found.forEach((history) => this.fleet.series.get(history.id)?.before(history));
    } catch {
      // The stream tells that nothing is heard.
    } finally {
      this.isAsking = false;
    }
  }
}
