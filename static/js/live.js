// [data-live="ID"]: the conversation, on its first page. While it is in view, new comments are told of above it, and shown when asked for.
// Without a connection, or without room on the server, the page stays as it is.

import { announce } from "./status.js";
import { words } from "./words.js";

export function live() {
  const talk = document.querySelector("[data-live]");
  const list = talk?.querySelector(".thread");
  if (!list || !globalThis.EventSource) return;
  let source = null;
  let isNear = false;
  const turn = () => {
    const wanted = isNear && document.visibilityState === "visible";
    if (wanted && !source) {
      source = new EventSource(`/events?article=${talk.dataset.live}`);
      source.addEventListener("changed", () => setTimeout(() => look(talk).catch(() => {}), Math.random() * 2000));
    } else if (!wanted && source) {
      source.close();
      source = null;
    }
  };
  new IntersectionObserver(
    ([entry]) => {
      isNear = entry.isIntersecting;
      turn();
    },
    { rootMargin: "50% 0px" },
  ).observe(talk);
  document.addEventListener("visibilitychange", turn);
}

/** Looks at the page again, and says how many comments on it are new. */
async function look(talk) {
  const answer = await fetch(location.pathname + location.search, { headers: { Accept: "text/html" } });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = [...page.querySelectorAll(".thread article[id]")].filter((comment) => !document.getElementById(comment.id));
  talk.querySelector("[data-news]")?.remove();
  if (fresh.length === 0) return;
  const line = document.createElement("p");
  line.className = "notice";
  line.dataset.news = "";
  const button = document.createElement("button");
  button.className = "btn btn--small";
  button.textContent = words.showThem;
  button.addEventListener("click", () => show(talk, page, fresh, line));
  line.append(words.newComments(fresh.length), " ", button);
  talk.querySelector(".talk__bar").after(line);
  announce(words.newComments(fresh.length));
}

/** The thread of this page that is the same as one of the page that was fetched. */
function standing(thread) {
  const top = thread.querySelector("article[id]");
  return top && document.getElementById(top.id)?.closest(".thread > li");
}

/** Each new comment goes where it stands on the page that was fetched; what is open or being written stays. */
function show(talk, page, fresh, line) {
  for (const comment of fresh) {
    if (document.getElementById(comment.id)) continue; // came with the thread it stands in
    const item = comment.closest("li");
    const thread = item.closest(".thread > li");
    const here = standing(thread);
    if (!here) {
      // Before the thread it stands before there, whatever the order; else at the end.
      let next = thread.nextElementSibling;
      while (next && !standing(next)) next = next.nextElementSibling;
      talk.querySelector(".thread").insertBefore(document.adoptNode(thread), next && standing(next));
      continue;
    }
    const replies = here.querySelector(":scope > [data-thread]");
    const theirs = thread.querySelector(":scope > [data-thread]");
    if (!replies) here.append(document.adoptNode(theirs));
    else {
      replies.querySelector("summary").textContent = theirs.querySelector("summary").textContent;
      [...replies.querySelectorAll(":scope > ol")].at(-1)?.append(document.adoptNode(item));
    }
  }
  const heading = document.getElementById("talk-h");
  heading.textContent = page.getElementById("talk-h").textContent;
  line.remove();
  document.dispatchEvent(new CustomEvent("stet:more"));
  const first = document.getElementById(fresh[0].id);
  first.tabIndex = -1;
  first.focus();
}
