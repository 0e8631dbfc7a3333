// What is known of the fleet: what the server told, put together.

import { shown } from "./text.js";

/** Points of a value that are kept at the most, and for how long. */
const POINTS = 4000;
const KEPT = 21600;
const NOTIFICATIONS = 300;

export class Fleet {
  constructor() {
    this.hosts = new Map();
    this.series = new Map();
    this.byName = new Map();
    this.senders = new Map();
    this.notifications = [];
    this.counts = null;
    this.time = 0;
    this.more = 0;
    /** Hosts with their series, until there are others. */
    this.entries = null;
    /** Counts of the last seconds, to see how fast they grow. */
    this.past = [];
  }

  /** Takes in an event. The first of a stream is all that there is. */
  take(news) {
    if (news.kind === "state") this.forget(news);
    this.source = news.source;
    this.time = news.time;
    this.heard = performance.now();
    this.counts = news.counts;
    this.more = news.more_series;
    this.past.push({ time: news.time, packets: news.counts.packets, values: news.counts.values });
    if (this.past.length > 10) this.past.shift();
    news.hosts.forEach((host) => this.hear(host));
    news.gone_hosts.forEach((id) => this.hosts.delete(id));
    if (news.gone_hosts.length) this.entries = null;
    news.gone_series.forEach((id) => this.remove(id));
    news.series.forEach((about) => this.add(about));
    news.points.forEach(([id, time, values, rates]) => this.series.get(id)?.push(time, values, rates ?? values));
    news.senders.forEach((sender) => this.senders.set(sender.address, { ...sender, heard: news.time - sender.silent }));
    news.gone_senders.forEach((address) => this.senders.delete(address));
    this.notifications.unshift(...news.notifications.reverse());
    this.notifications.length = Math.min(this.notifications.length, NOTIFICATIONS);
  }

  hear(host) {
    const heard = this.time - host.silent;
    const known = this.hosts.get(host.id);
    if (known) {
      Object.assign(known, host, { heard });
      return;
    }
    this.hosts.set(host.id, { ...host, heard });
    this.entries = null;
  }

  /** How many come in a second. */
  rate(key) {
    const [first, last] = [this.past[0], this.past.at(-1)];
    const seconds = last.time - first.time;
    return seconds > 0 ? Math.max(last[key] - first[key], 0) / seconds : null;
  }

  /** What the time is for the fleet. */
  now() {
    return this.time + (performance.now() - this.heard) / 1000;
  }

  /** How far the clock of a host is ahead. */
  skew(series) {
    return this.hostOf(series)?.skew ?? 0;
  }

  hostOf(series) {
    return this.hosts.get(this.hostIds.get(series.hostName));
  }

  /** Hosts by their names, with their series by plugin. */
  tree() {
    this.entries ??= this.grow();
    return this.entries;
  }

  grow() {
    const hosts = new Map();
    this.hostIds = new Map();
    for (const host of this.hosts.values()) {
      this.hostIds.set(host.name, host.id);
      hosts.set(host.name, { host, plugins: new Map() });
    }
    for (const series of this.series.values()) {
      let entry = hosts.get(series.hostName);
      if (!entry) hosts.set(series.hostName, (entry = { host: null, plugins: new Map() }));
      const list = entry.plugins.get(series.pluginName) ?? [];
      entry.plugins.set(series.pluginName, list);
      list.push(series);
    }
    const order = new Intl.Collator(undefined, { numeric: true }).compare;
    const entries = [...hosts].sort(([one], [other]) => order(one, other));
    for (const [, entry] of entries) {
      entry.plugins = [...entry.plugins].sort(([one], [other]) => order(one, other));
      entry.plugins.forEach(([, list]) => list.sort((one, other) => order(one.name, other.name)));
    }
    return entries;
  }

  add(about) {
    const known = this.series.get(about.id);
    const series = new Series(about);
    // After a new start of the stream, points of before are still good.
    if (known?.name === series.name) series.lines = known.lines;
    this.entries = null;
    this.series.set(about.id, series);
    this.byName.set(about.name, series);
  }

  remove(id) {
    const series = this.series.get(id);
    this.entries = null;
    this.series.delete(id);
    if (series && this.byName.get(series.name) === series) this.byName.delete(series.name);
  }

  /** Keeps only what the first event of a stream names. */
  forget(news) {
    const there = new Set(news.series.map((series) => series.id));
    [...this.series.keys()].filter((id) => !there.has(id)).forEach((id) => this.remove(id));
    this.hosts.clear();
    this.senders.clear();
    this.notifications = [];
    this.past = [];
    this.entries = null;
  }
}

/** An identifier, its latest values, and how they were. */
class Series {
  constructor(about) {
    Object.assign(this, about);
    /** As hosts are named by the server. */
    this.hostName = about.name.slice(0, about.name.length - about.path.length - 1);
    this.pluginName = shown(about.plugin) + (about.plugin_instance && `-${shown(about.plugin_instance)}`);
    this.typeName = shown(about.type) + (about.type_instance && `-${shown(about.type_instance)}`);
    /** Of each value: times, how fast it grew, and how it was. */
    this.lines = about.dsnames.map(() => ({ times: [], rates: [], raws: [] }));
    this.latest = null;
    /** Since when histories were asked for. */
    this.since = null;
  }

  /** Takes in a point, unless it is there already. */
  push(time, values, rates) {
    this.latest = { time, values, rates };
    this.lines.forEach((line, place) => {
      if (line.times.length && time <= line.times.at(-1)) return;
      line.times.push(time);
      line.rates.push(rates[place]);
      line.raws.push(values[place] === null ? null : Number(values[place]));
      const old = line.times.findIndex((time) => time > this.latest.time - KEPT);
      const cut = Math.max(old, line.times.length - POINTS, 0);
      if (cut) [line.times, line.rates, line.raws].forEach((list) => list.splice(0, cut));
    });
  }

  /** Takes in how it was before the points that are there, which the server knows better. */
  before(history) {
    history.values.forEach(({ times, means, least }, place) => {
      const line = this.lines[place];
      if (!line || !times.length) return;
      // Points that stand for a minute are in its middle.
      const middles = times.map((time, number) => (number < least.length ? time + 30 : time));
      const isGauge = this.dstypes[place] === "gauge";
      const known = new Map(line.times.map((time, number) => [time, line.raws[number]]));
      const last = middles.at(-1);
      const rest = line.times.findIndex((time) => time > last + 0.02);
      const tail = (list) => (rest < 0 ? [] : list.slice(rest));
      const raws = middles.map((time, number) => (isGauge ? means[number] : nearest(known, line.times, time)));
      line.raws = [...raws, ...tail(line.raws)];
      line.rates = [...means, ...tail(line.rates)];
      line.times = [...middles, ...tail(line.times)];
    });
  }

  /** The unit of a value, as it is or as it grows. */
  unitOf(place, isRaw) {
    const isGauge = this.dstypes[place] === "gauge";
    const isRate = isGauge ? this.unit_is_of_counts : !isRaw;
    return isRate ? `${this.unit}/s` : this.unit;
  }
}

/** The count of a time that histories know to 1/64 s. */
function nearest(known, times, time) {
  const at = times.find((other) => Math.abs(other - time) < 0.02);
  return at === undefined ? null : known.get(at);
}
