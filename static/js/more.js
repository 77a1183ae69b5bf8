// a[data-more]: the rest of a folded thread comes in its place, out of the thread's own page, where [data-replies]
// holds the replies and an a[data-more] leads further down.

import { words } from "./words.js";

export function more() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("[data-thread] a[data-more]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    if (link.getAttribute("aria-busy") === "true") return;
    link.setAttribute("aria-busy", "true");
    bring(link).catch(() => location.assign(link.href));
  });
}

async function bring(link) {
  const answer = await fetch(link.href);
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const list = page.querySelector("[data-replies] > ol");
  const next = page.querySelector("a[data-more]");
  const thread = link.closest("[data-thread]");
  // On a page of their own the numbers of references lead to this one.
  for (const mark of list?.querySelectorAll("[data-comment-body] a[href*='#r']") ?? []) {
    if (mark.pathname === location.pathname) mark.setAttribute("href", mark.hash);
  }
  if (!list || !thread.contains(link)) throw new Error("no replies there");

  // The first page of a thread begins with what is shown, and takes its place; a later one follows. The reader's own
  // waiting comment and the form they may be writing in are not in it: they stay.
  const form = thread.querySelector("[data-reply-form]");
  const under = form?.previousElementSibling?.id;
  const known = new Set([...thread.querySelectorAll("article[id]")].map((comment) => comment.id));
  const line = link.parentElement;
  if (!thread.hasAttribute("data-whole")) {
    const lists = [...thread.children].filter((child) => child.matches("ol"));
    for (const old of lists) {
      list.append(...[...old.querySelectorAll("li")].filter((item) => item.querySelector(":scope > .is-held")));
      old.remove();
    }
    thread.setAttribute("data-whole", "");
  }
  line.before(list);
  if (next) {
    link.href = next.href;
    link.textContent = words.moreReplies;
    link.removeAttribute("aria-busy");
  } else line.remove();
  if (form && !form.isConnected) (document.getElementById(under) ?? thread.previousElementSibling).after(form);

  const first = [...list.querySelectorAll("article[id]")].find((comment) => !known.has(comment.id));
  document.dispatchEvent(new CustomEvent("stet:more"));
  if (!first) return;
  first.tabIndex = -1;
  first.focus({ preventScroll: true });
}
