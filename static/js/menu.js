// [data-menu]: the link to the menu in the footer opens the same links under the masthead.

import { words } from "./words.js";

export function menu() {
  const link = document.querySelector("a[data-menu]");
  const source = document.querySelector("[data-menu-links]");
  if (!link || !source || !("popover" in HTMLElement.prototype)) return;
  const sheet = document.createElement("nav");
  sheet.className = "pop masthead__sheet";
  sheet.popover = "auto";
  sheet.id = "menu";
  // The links in the masthead go when there is no room for them; this is that list then.
  sheet.setAttribute("aria-label", source.getAttribute("aria-label") ?? words.menu);
  sheet.append(...[...source.children].map((child) => child.cloneNode(true)));

  // A button in the link's place: it opens something, it leads nowhere.
  const button = document.createElement("button");
  button.type = "button";
  button.className = link.className;
  button.setAttribute("aria-label", link.getAttribute("aria-label") ?? words.menu);
  button.append(...link.childNodes);
  button.popoverTargetElement = sheet;
  link.replaceWith(button);
  button.after(sheet);
}
