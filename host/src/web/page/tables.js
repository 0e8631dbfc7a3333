// The figures at the top, the notifications, and who sends.

import { byId, clock, make, number, setText, shown, span, sync } from "./text.js";

/** How what is lost or left out is called. */
const LOST = {
  kernel: "dropped by the kernel (receive buffer full)",
  queue: "dropped in the queue (decoding too slow)",
  receive_errors: "receive errors",
  sources: "from sources that are not allowed",
  own: "our own",
  duplicate_packets: "packets heard before",
  duplicate_items: "items heard before",
  forgotten_seals: "seals forgotten too early",
  skipped: "frames of captures that are not collectd's",
  filtered: "left out by the filter of the command line",
  old: "not newer than the one before",
  refused_hosts: "of hosts that are too many",
  refused_series: "of series that are too many",
  refused_names: "with names too long to keep",
  untold: "changes of hosts not told",
  slow: "pages dropped because they were too slow",
  displaced: "connections that had asked for nothing, closed for others",
  refused_connections: "connections refused",
  refused_streams: "pages refused because there are enough",
  refused_requests: "requests refused",
};

const sum = (counts) => Object.values(counts).reduce((sum, count) => sum + Number(count), 0);

/** The figures at the top. */
export function showFigures(fleet) {
  const { counts } = fleet;
  if (!counts) return;
  const hosts = [...fleet.hosts.values()];
  const figures = [
    ["packets/s", number(fleet.rate("packets"))],
    ["values/s", number(fleet.rate("values"))],
    ["hosts", String(counts.hosts)],
    ["missing", String(hosts.filter((host) => host.missing).length)],
    ["values", String(counts.series_values)],
    ["refused", String(sum(counts.refused))],
  ];
  list(byId("figures"), figures);
  const lost = sum(counts.lost);
  setText(byId("lost"), lost ? `${lost} lost` : "nothing lost");
  byId("losses").classList.toggle("bad", lost > 0);
  const named = (counts) => Object.entries(counts).map(([key, count]) => [LOST[key] ?? key, String(count)]);
  const { connections, streams, ...web } = counts.web;
  const refused = Object.entries(counts.refused).map(([cause, count]) => [`refused: ${cause}`, String(count)]);
  const pages = [["connections", String(connections)], ["pages", String(streams)]];
  list(byId("loss-list"), [...named(counts.lost), ...refused, ...named(counts.left_out), ...named(web), ...pages]);
}

function list(parent, pairs) {
  const create = ([name]) => make("div", {}, make("dt", { text: name }), make("dd"));
  sync(parent, pairs, ([name]) => name, create, (item, [, text]) => setText(item.lastElementChild, text));
}

/** The notifications, the newest first. */
export function showNotifications(fleet) {
  const create = (news) =>
    make(
      "li",
      {},
      make("time", { text: clock(news.time) }),
      make("span", { class: `severity ${news.severity}`, text: news.severity }),
      make("span", { class: "name", text: shown(news.presence ? news.host : news.name) }),
      make("span", { class: "message", text: shown(news.message) }),
    );
  sync(byId("notifications"), fleet.notifications, (news) => news.number, create, () => {});
  byId("no-notifications").hidden = fleet.notifications.length > 0;
}

/** The columns of senders: name, what orders them, what stands there. */
const COLUMNS = [
  ["address", "Sender", (sender) => sender.address ?? "no address", (sender) => sender.address ?? ""],
  ["packets", "Packets/s", (sender) => number(sender.packets_per_second), (sender) => -sender.packets_per_second],
  ["values", "Values/s", (sender) => number(sender.values_per_second), (sender) => -sender.values_per_second],
  ["heard", "Last heard", (sender) => `${span(sender.silent)} ago`, (sender) => sender.silent],
  ["skew", "Clock", (sender) => sender.skewText, (sender) => -Math.abs(sender.skew ?? 0)],
  ["protection", "Protection", (sender) => protection(sender), (sender) => protection(sender)],
  ["refused", "Refused", (sender) => refusals(sender), (sender) => -sum(sender.refused)],
];

export class Senders {
  constructor(fleet, acts) {
    this.fleet = fleet;
    for (const [key, name] of COLUMNS) {
      const button = make("button", { type: "button", text: name });
      button.addEventListener("click", () => acts.sort(key));
      byId("senders-head").append(make("th", { scope: "col" }, button));
    }
  }

  show(state, now) {
    COLUMNS.forEach(([key], place) => {
      byId("senders-head").children[place].setAttribute("aria-sort", state.sort === key ? "ascending" : "none");
    });
    const [, , , order] = COLUMNS.find(([key]) => key === state.sort) ?? COLUMNS[2];
    const rows = [...this.fleet.senders.values()].map((sender) => ({
      ...sender,
      ...this.skew(sender),
      silent: Math.max(now - sender.heard, 0),
    }));
    const compare = (one, other) => (one < other ? -1 : one > other ? 1 : 0);
    rows.sort((one, other) => compare(order(one), order(other)) || compare(one.address, other.address));
    const create = () => make("tr", {}, ...COLUMNS.map(([key]) => make("td", { class: kind(key) })));
    const update = (row, sender) =>
      COLUMNS.forEach(([, , text], place) => setText(row.children[place], text(sender)));
    sync(byId("senders"), rows, (sender) => sender.address, create, update);
  }

  /** The clock of the hosts that this address sends for: that which is most wrong. */
  skew({ from }) {
    const ip = (address) => address?.replace(/:\d+$/, "");
    const hosts = [...this.fleet.hosts.values()].filter(
      (host) => host.skew !== null && host.addresses.some((address) => ip(address) === ip(from)),
    );
    if (!hosts.length) return { skew: null, skewText: "–" };
    const { skew, clock_is_wrong } = hosts.reduce((one, other) => (Math.abs(other.skew) > Math.abs(one.skew) ? other : one));
    return { skew, skewText: `${span(Math.abs(skew))} ${skew < 0 ? "behind" : "ahead"}${clock_is_wrong ? ", wrong" : ""}` };
  }
}

const kind = (key) => ({ packets: "number", values: "number", heard: "number", refused: "refused" })[key] ?? "";

function protection({ protections }) {
  const named = Object.entries(protections).filter(([, count]) => Number(count) > 0);
  return named.length ? named.map(([name]) => name).join(", ") : "–";
}

function refusals({ refused }) {
  return Object.entries(refused)
    .map(([cause, count]) => `${cause} (${count})`)
    .join(", ");
}
