// A chart: lines of one series, or of the same series of all hosts.

import { clock, make, number, setText, shown, span, sync, visible } from "./text.js";

const HEIGHT = 170;
/** Lines that have colours of the style sheet. */
const COLOURS = 8;
/** A line has a gap where this many intervals are missing. */
const GAP = 3.5;

/** How far ticks of octets are apart: by powers of two, which units of 1024 show short. */
const BINARY = Array.from({ length: 73 }, (_, power) => 2 ** (power - 10));

const { uPlot } = globalThis;
const cursors = uPlot.sync("charts");

export class Chart {
  /** `acts` are what its buttons and its plot do. */
  constructor(spec, acts) {
    this.acts = acts;
    this.range = [0, 1];
    this.title = make("h3");
    this.state = make("span", { class: "missing" });
    this.pin = make("button", { type: "button" });
    this.pin.addEventListener("click", () => acts.pin(this.spec));
    this.overlay = make("button", { type: "button" });
    this.overlay.addEventListener("click", () => acts.overlay(this.spec));
    const head = make("div", { class: "head" }, this.title, this.state, this.overlay, this.pin);
    this.plot = make("div", { class: "plot", tabindex: 0, role: "group" });
    this.plot.addEventListener("keydown", (event) => this.key(event));
    this.legend = make("ul", { class: "legend" });
    this.element = make("article", { class: "chart" }, head, this.plot, this.legend);
    this.sizes = new ResizeObserver(() => this.fit());
    this.sizes.observe(this.plot);
    this.spec = spec;
  }

  destroy() {
    this.sizes.disconnect();
    this.unplot();
  }

  /** Shows these lines of this span of time. */
  show(spec, { range, isRaw, isPinned, isOverlaid, missing }) {
    this.spec = spec;
    this.range = range;
    this.isRaw = isRaw;
    setText(this.title, visible(spec.title));
    setText(this.state, missing);
    setText(this.pin, isPinned ? "Unpin" : "Pin");
    setText(this.overlay, isOverlaid ? "One host" : "All hosts");
    this.pin.hidden = isOverlaid;
    this.pin.setAttribute("aria-label", `${isPinned ? "Unpin" : "Pin"} ${spec.title}`);
    this.overlay.setAttribute("aria-label", `${isOverlaid ? "One host" : "All hosts"}: ${spec.title}`);
    this.plot.setAttribute("aria-label", `Chart of ${spec.title}; left and right read values, plus and minus zoom`);
    const data = uPlot.join([[[]], ...spec.lines.map((line) => this.points(line))]);
    if (this.plotted?.series.length === data.length) this.plotted.setData(data);
    else this.draw(data);
    this.tell();
  }

  /** Times and values of a line within the range, with nulls where it has gaps. */
  points({ series, place, skew }) {
    const { times, rates, raws } = series.lines[place];
    const values = this.isRaw ? raws : rates;
    const [from, to] = this.range.map((time) => time + skew);
    let start = times.findIndex((time) => time >= from);
    if (start < 0) start = times.length;
    start = Math.max(start - 1, 0);
    const points = [[], []];
    const gap = (series.interval ?? 10) * GAP;
    for (let at = start; at < times.length && times[at] <= to + gap; at += 1) {
      const before = times[at - 1];
      if (at > start && times[at] - before > Math.max(gap, 90)) {
        points[0].push(before - skew + gap / 2);
        points[1].push(null);
      }
      points[0].push(times[at] - skew);
      points[1].push(values[at]);
    }
    return points;
  }

  draw(data) {
    this.unplot();
    const { spec } = this;
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => () => style.getPropertyValue(name).trim();
    this.colours = spec.lines.map((_, place) =>
      place < COLOURS ? colour(`--line-${place}`) : () => `hsl(${(place * 137.5) % 360} 60% 50%)`,
    );
    const axis = { stroke: colour("--faint"), font: "11px system-ui, sans-serif", ticks: { show: false } };
    const grid = { stroke: colour("--grid-line"), width: 1 };
    const unit = spec.unit(this);
    const options = {
      width: Math.max(this.plot.clientWidth, 60),
      height: HEIGHT,
      padding: [8, 12, 0, 0],
      legend: { show: false },
      scales: {
        x: { time: true, range: () => this.range },
        y: { range: (_, least, most) => (least === null ? [0, 1] : uPlot.rangeNum(least, most, 0.1, true)) },
      },
      axes: [
        { ...axis, grid, space: 70, size: 24, values: (_, ticks) => ticks.map((time) => hours(time, ticks)) },
        {
          ...axis,
          ...(unit.startsWith("B") ? { incrs: BINARY } : {}),
          grid,
          size: 72,
          values: (_, ticks) => ticks.map((value) => number(value, unit, 5)),
        },
      ],
      series: [{}, ...this.colours.map((stroke) => ({ stroke, width: 1.6, points: { size: 4 } }))],
      cursor: {
        sync: { key: cursors.key, setSeries: false },
        drag: { x: true, y: false, setScale: false },
        points: { size: 7 },
        bind: { dblclick: () => () => this.acts.unzoom() },
      },
      hooks: {
        setCursor: [() => this.tell()],
        setSelect: [(plotted) => this.zoom(plotted)],
      },
    };
    this.plotted = new uPlot(options, data, this.plot);
    cursors.sub(this.plotted);
  }

  unplot() {
    if (!this.plotted) return;
    cursors.unsub(this.plotted);
    this.plotted.destroy();
    this.plotted = null;
  }

  fit() {
    const width = Math.max(this.plot.clientWidth, 60);
    if (this.plotted && this.plotted.width !== width) this.plotted.setSize({ width, height: HEIGHT });
  }

  /** What was selected is shown alone, in all charts. */
  zoom(plotted) {
    const { left, width } = plotted.select;
    if (width < 4) return;
    const [from, to] = [left, left + width].map((position) => plotted.posToVal(position, "x"));
    plotted.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.acts.zoom([from, to]);
  }

  /** The values under the cursor, or else the latest. */
  tell() {
    const at = this.plotted?.cursor.idx ?? null;
    const time = at === null ? null : this.plotted.data[0][at];
    const value = (line, place) => {
      if (time === null || time === undefined) return latest(line, this.isRaw);
      const values = this.plotted.data[place + 1];
      let near = at;
      while (near > 0 && values[near] === undefined) near -= 1;
      return values[near];
    };
    const lines = this.spec.lines.map((line, place) => ({
      label: line.label,
      colour: this.colours?.[place]?.() ?? "",
      text: number(value(line, place), line.series.unitOf(line.place, this.isRaw)),
      exact: exact(line),
    }));
    if (typeof time === "number") lines.unshift({ label: clock(time), colour: "transparent", text: "" });
    if (this.spec.more) lines.push({ label: `and ${this.spec.more} more`, colour: "transparent", text: "" });
    sync(this.legend, lines, (line) => line.label, create, update);
  }

  /** The keys that read values, and zoom. */
  key(event) {
    const { plotted } = this;
    const [from, to] = this.range;
    const zoom = (factor) => this.acts.zoom([to - (to - from) * factor, to]);
    const move = (steps) => {
      const last = plotted.data[0].length - 1;
      const at = Math.min(Math.max((plotted.cursor.idx ?? last) + steps, 0), last);
      if (last < 0) return;
      plotted.setCursor({ left: plotted.valToPos(plotted.data[0][at], "x"), top: HEIGHT / 3 }, true, true);
    };
    const keys = {
      ArrowLeft: () => move(-1),
      ArrowRight: () => move(1),
      Home: () => move(-Infinity),
      End: () => move(Infinity),
      "+": () => zoom(0.5),
      "-": () => zoom(2),
      Escape: () => this.acts.unzoom(),
    };
    if (!keys[event.key] || event.ctrlKey || event.altKey || event.metaKey || !plotted) return;
    event.preventDefault();
    keys[event.key]();
  }
}

function create() {
  return make("li", {}, make("span", { class: "swatch" }), make("span", { class: "name" }), make("span", { class: "value" }));
}

function update(item, { label, colour, text, exact }) {
  const [swatch, name, value] = item.children;
  swatch.style.backgroundColor = colour;
  setText(name, visible(label));
  setText(value, text);
  value.title = exact ?? "";
}

function latest({ series, place }, isRaw) {
  const value = series.latest && (isRaw ? series.latest.values : series.latest.rates)[place];
  return value === null ? null : Number(value);
}

/** The latest value with all its digits. */
function exact({ series, place }) {
  const value = series.latest?.values[place];
  return value === null || value === undefined ? "" : `${series.dstypes[place]} ${value}`;
}

/** A time at an axis; with seconds only where they differ. */
function hours(time, ticks) {
  const step = ticks.length > 1 ? ticks[1] - ticks[0] : 60;
  const options = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  if (step < 60) options.second = "2-digit";
  return new Date(time * 1000).toLocaleTimeString(undefined, options);
}

/** What is said of a series whose host is not heard. */
export function silence(host, now) {
  return host?.missing ? `missing for ${span(now - host.heard)}` : "";
}

/** The name of a line of a chart of one series. */
export function lineName(series, place) {
  return series.dsnames.length > 1 || series.dsnames[0] !== "value" ? shown(series.dsnames[place]) : series.typeName;
}
