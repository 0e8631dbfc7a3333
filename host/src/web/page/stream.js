// What the server tells: a stream of events, which begins anew when it breaks, and what is asked besides.

/** Tells `onNews` what happens, and `onStatus` whether anything is heard. */
export class Stream {
  constructor(onNews, onStatus) {
    this.onNews = onNews;
    this.onStatus = onStatus;
    this.number = null;
  }

  /** Begins anew, with what is wanted. */
  open({ filter, pins, overlays }) {
    this.close();
    const query = new URLSearchParams();
    if (filter) query.set("filter", filter);
    pins.forEach((name) => query.append("pin", name));
    overlays.forEach((path) => query.append("overlay", path));
    const source = new EventSource(`./api/live?${query}`);
    this.source = source;
    source.onmessage = (event) => {
      const news = JSON.parse(event.data);
      this.number = news.stream;
      this.onNews(news);
      this.onStatus(true);
    };
    source.onerror = () => {
      this.onStatus(false);
      if (source.readyState !== EventSource.CLOSED) return;
      // It was refused, which browsers do not try again.
      this.timer = setTimeout(() => this.open({ filter, pins, overlays }), 5000);
    };
  }

  close() {
    clearTimeout(this.timer);
    this.source?.close();
  }
}

/** Says what is wrong with a filter, or null. */
export async function problem(filter) {
  const answer = await fetch(`./api/filter?${new URLSearchParams({ filter })}`);
  const found = await answer.json();
  return found.error === null ? null : found;
}

/** How series were before, since a time. */
export async function histories(ids, since, stream) {
  const query = new URLSearchParams({ since: Math.max(since, 0).toFixed(3) });
  ids.forEach((id) => query.append("id", id));
  if (stream !== null) query.set("stream", stream);
  const answer = await fetch(`./api/series?${query}`);
  if (!answer.ok) return [];
  return (await answer.json()).histories;
}
