// form[data-draft="/sleep"]: what was typed and not yet posted stays in this browser, per article and per
// comment answered. Cleared once the page shows the comment as posted: [data-posted], or the fragment of it.
// Names and addresses are not kept here; that is the reader's own choice, on the form.

import { words } from "./words.js";

const KEPT_MS = 30 * 24 * 3600 * 1000;
const SENT = "stet:sent";

export function draft() {
  const form = document.querySelector("form[data-draft]");
  const box = form?.elements.namedItem("body");
  if (!form || !box) return;
  const key = () => `stet:draft:${form.dataset.draft}:${form.elements.namedItem("parent")?.value ?? ""}`;

  settle(form);
  if (box.value === "") restore(form, box, key());

  let current = key();
  const keep = () => {
    if (box.value.trim() === "") localStorage.removeItem(current);
    else localStorage.setItem(current, JSON.stringify({ text: box.value, at: Date.now() }));
  };
  form.addEventListener("input", (event) => {
    if (event.target === box) keep();
  });
  form.addEventListener("submit", (event) => {
    if (!navigator.onLine) {
      event.preventDefault();
      say(form, words.offline, "notice notice--warn");
      return;
    }
    if (event.submitter?.value === "preview") return;
    sessionStorage.setItem(SENT, JSON.stringify({ key: key(), article: form.dataset.draft }));
  });
  // The reply form moves and takes the words along; an empty one finds what was begun for that comment.
  form.addEventListener("stet:moved", () => {
    const moved = box.value.trim() !== "";
    if (moved) localStorage.removeItem(current);
    current = key();
    if (moved) keep();
    else restore(form, box, current);
  });
}

/** Forgets the draft that was sent, if this page shows that it arrived. */
function settle(form) {
  const sent = read(sessionStorage, SENT);
  if (!sent || sent.article !== form.dataset.draft) return;
  sessionStorage.removeItem(SENT);
  const arrived = document.querySelector("[data-posted]") || /^#comment-\d+$/.test(location.hash);
  if (arrived && !document.querySelector("[data-error-summary]")) localStorage.removeItem(sent.key);
}

function restore(form, box, key) {
  const kept = read(localStorage, key);
  if (!kept?.text) return;
  if (!(Date.now() - kept.at < KEPT_MS)) {
    localStorage.removeItem(key);
    return;
  }
  box.value = kept.text;
  box.dispatchEvent(new Event("input", { bubbles: true }));
  say(form, words.restored, "field__hint");
}

function read(store, key) {
  try {
    return JSON.parse(store.getItem(key));
  } catch {
    return null;
  }
}

function say(form, sentence, look) {
  form.querySelector("[data-draft-note]")?.remove();
  const note = document.createElement("p");
  note.className = look;
  note.dataset.draftNote = "";
  note.setAttribute("role", "status");
  const text = document.createElement("span");
  text.textContent = sentence;
  note.append(text);
  form.prepend(note);
}
