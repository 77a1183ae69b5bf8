// details[data-thread]: threads that a reader closes stay closed for this visit, page after page.

const KEY = "stet:closed";

export function threads() {
  const all = document.querySelectorAll("details[data-thread]");
  if (all.length === 0) return;
  // Where the browser keeps nothing, this part is off.
  const visit = sessionStorage;
  const closed = new Set(read(visit));
  const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (const thread of all) {
    // What the address points at is never hidden.
    if (closed.has(thread.dataset.thread) && !(target && thread.contains(target))) thread.open = false;
    thread.addEventListener("toggle", () => {
      if (thread.open) closed.delete(thread.dataset.thread);
      else closed.add(thread.dataset.thread);
      visit.setItem(KEY, JSON.stringify([...closed]));
    });
  }
}

function read(visit) {
  try {
    return JSON.parse(visit.getItem(KEY)) ?? [];
  } catch {
    return [];
  }
}
