// time[data-relative]: "38 minutes ago" for the first day, the exact time in the title. The server prints dates
// in the site's zone, as its pages are stored.

import { words } from "./words.js";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

export function times() {
  const language = document.documentElement.lang || undefined;
  const distance = new Intl.RelativeTimeFormat(language, { numeric: "always" });
  const exact = new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "short" });
  const dates = new Map();

  const write = () => {
    for (const mark of document.querySelectorAll("time[data-relative][datetime]")) {
      if (!dates.has(mark)) dates.set(mark, mark.textContent);
    }
    for (const [mark, date] of dates) {
      const at = Date.parse(mark.dateTime);
      // A day without an hour is all there is to say.
      if (Number.isNaN(at) || !mark.dateTime.includes("T")) continue;
      const age_ms = Date.now() - at;
      mark.title = exact.format(at);
      if (age_ms < -MINUTE_MS || age_ms >= DAY_MS) mark.textContent = date;
      else if (age_ms < MINUTE_MS) mark.textContent = words.now;
      else if (age_ms < HOUR_MS) mark.textContent = distance.format(-Math.floor(age_ms / MINUTE_MS), "minute");
      else mark.textContent = distance.format(-Math.floor(age_ms / HOUR_MS), "hour");
    }
  };
  write();
  setInterval(write, MINUTE_MS);
  // Replies that came later.
  document.addEventListener("stet:more", write);
}
