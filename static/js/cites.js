// A citation's source, one tap away: the list item on the page, cloned into a popover beside the marker.
//
// Markers are a[role=doc-noteref] with #rN, and what points there in comments; a run's text is "4–8". In the list
// item #rN:
// data-source is the work's title, [data-source-text] the whole citation; [data-source-links] holds badge and
// links, [data-source-back] in it is left out.

import { words } from "./words.js";

const MARKER = "a[role=doc-noteref], [data-comment-body] a[href^='#r']";
const OPEN_AFTER_MS = 250;
const CLOSE_AFTER_MS = 200;
const SCROLLED_AWAY_PX = 200;
const GAP_PX = 10;
const EDGE_PX = 12;
// Under this width the popover is a sheet at the bottom edge; reader.css says the same.
const SHEET = matchMedia("(max-width: 39.99rem)");

let box = null;
let marker = null;
let openedAt = 0;
let timer = 0;

export function cites() {
  if (!("popover" in HTMLElement.prototype) || !document.querySelector(MARKER)) return;
  let wasOpenFor = null;
  document.addEventListener(
    "pointerdown",
    (event) => {
      // The browser closes the popover before the click arrives.
      const pressed = event.target.closest?.(MARKER);
      wasOpenFor = pressed && pressed === marker ? pressed : null;
    },
    true,
  );
  document.addEventListener("click", (event) => {
    const pressed = event.target.closest?.(MARKER);
    if (!pressed || event.defaultPrevented || event.button !== 0) return;
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    if (pressed.closest("[popover]")) return;
    const hovered = wasOpenFor === pressed && box?.dataset.how === "hover";
    const again = wasOpenFor === pressed && !hovered;
    wasOpenFor = null;
    if (again || open(pressed, "press")) event.preventDefault();
  });
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType !== "mouse" || SHEET.matches) return;
    const over = event.target.closest?.(MARKER);
    if (over && over !== marker) later(() => open(over, "hover"), OPEN_AFTER_MS);
    else if (over || (box && box.contains(event.target))) clearTimeout(timer);
    else if (marker && box?.dataset.how === "hover") later(close, CLOSE_AFTER_MS);
    else if (!marker) clearTimeout(timer);
  });
  document.addEventListener(
    "scroll",
    () => {
      if (!marker) return;
      if (Math.abs(scrollY - openedAt) > SCROLLED_AWAY_PX) close();
      else place();
    },
    { passive: true },
  );
  addEventListener("resize", () => marker && place());
}

function later(act, delay_ms) {
  clearTimeout(timer);
  timer = setTimeout(act, delay_ms);
}

/** Shows the sources of a marker; false when they are not on this page, so that the link is followed. */
function open(target, how) {
  clearTimeout(timer);
  const items = sources(target);
  if (items.length === 0) return false;
  if (marker) close();
  box ??= make();
  box.dataset.how = how;
  box.setAttribute("aria-label", target.getAttribute("aria-label") ?? target.textContent);
  box.replaceChildren(closeButton(), ...items);
  marker = target;
  openedAt = scrollY;
  marker.setAttribute("aria-expanded", "true");
  // Next to its marker, so that Tab goes on from there; the closest block, as a popover can't be in a sentence.
  box.lang = target.closest("[lang]")?.lang ?? "";
  box.showPopover();
  place();
  if (how === "press") box.focus({ preventScroll: true });
  return true;
}

function close() {
  clearTimeout(timer);
  if (box?.matches(":popover-open")) box.hidePopover();
}

function make() {
  const made = document.createElement("div");
  made.className = "pop src";
  made.popover = "auto";
  made.tabIndex = -1;
  made.setAttribute("role", "dialog");
  document.body.append(made);
  made.addEventListener("beforetoggle", (event) => {
    if (event.newState !== "closed" || !marker) return;
    const hadFocus = made.contains(document.activeElement);
    const back = marker;
    marker = null;
    back.removeAttribute("aria-expanded");
    if (hadFocus) back.focus({ preventScroll: true });
  });
  made.addEventListener("keydown", (event) => {
    if (event.key !== "Tab") return;
    const stops = [...made.querySelectorAll("a[href], button")].filter((stop) => stop.checkVisibility?.() ?? true);
    const past = event.shiftKey ? [made, stops[0]] : [stops.at(-1) ?? made];
    if (!past.includes(document.activeElement)) return;
    event.preventDefault();
    close();
  });
  made.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (link) close();
  });
  return made;
}

function closeButton() {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "src__close btn btn--quiet btn--small";
  button.textContent = words.close;
  button.addEventListener("click", close);
  return button;
}

/** The first two sources of a marker, and a link to the rest. */
function sources(target) {
  const first = Number(/^#r(\d+)$/.exec(target.getAttribute("href") ?? "")?.[1]);
  if (!first) return [];
  const last = Number(/^\s*\d+\s*[–-]\s*(\d+)/.exec(target.textContent)?.[1] ?? first);
  const shown = [];
  for (let number = first; number <= Math.min(last, first + 1); number += 1) {
    const item = document.getElementById(`r${number}`);
    if (item) shown.push(source(item, number));
  }
  if (shown.length > 0 && last > first + 1) {
    const rest = piece("p", "src__row");
    rest.append(link(`#r${first + 2}`, last > first + 2 ? words.references(first + 2, last) : words.reference(last)));
    shown.push(rest);
  }
  return shown;
}

function source(item, number) {
  const made = piece("div", "src__item");
  const text = copy(item.querySelector("[data-source-text]") ?? item.firstElementChild);
  const title = text.querySelector("[data-source-title]");
  if (title) {
    const head = piece("p", "src__title");
    head.append(...text.querySelectorAll(".badge"), " ", ...title.childNodes);
    const after = title.nextSibling;
    if (after) after.textContent = after.textContent.replace(/^[.\s]+/, "");
    title.remove();
    made.append(head);
  }
  const meta = piece("p", title ? "src__meta" : "src__whole");
  meta.append(...text.childNodes);
  const row = piece("p", "src__row");
  const links = item.querySelector("[data-source-links]");
  if (links) {
    const copied = copy(links);
    copied.querySelector("[data-source-back]")?.remove();
    row.append(...copied.childNodes);
  }
  row.append(link(`#r${number}`, words.reference(number)));
  made.append(meta, row);
  return made;
}

/** A copy without ids: each id stands once on a page. */
function copy(element) {
  const copied = element.cloneNode(true);
  copied.removeAttribute("id");
  for (const inner of copied.querySelectorAll("[id]")) inner.removeAttribute("id");
  return copied;
}

function piece(tag, name) {
  const made = document.createElement(tag);
  made.className = name;
  return made;
}

function link(href, text) {
  const made = document.createElement("a");
  made.href = href;
  made.textContent = text;
  return made;
}

/** Under the marker, above it when there is no room, never outside the window. */
function place() {
  if (SHEET.matches) {
    box.style.removeProperty("left");
    box.style.removeProperty("top");
    return;
  }
  const mark = marker.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = box;
  const room = document.documentElement.clientWidth;
  const left = Math.max(EDGE_PX, Math.min(mark.left + mark.width / 2 - width / 2, room - width - EDGE_PX));
  const under = mark.bottom + GAP_PX;
  const above = mark.top - GAP_PX - height;
  box.style.left = `${left}px`;
  box.style.top = `${under + height > innerHeight - EDGE_PX && above >= EDGE_PX ? above : under}px`;
}
