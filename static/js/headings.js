// [data-body]: each heading of the text gets a small link to itself, shown on hover and focus.

import { words } from "./words.js";

export function headings() {
  for (const heading of document.querySelectorAll("[data-body] :is(h2, h3)[id]")) {
    const link = document.createElement("a");
    link.className = "anchor";
    link.href = `#${encodeURIComponent(heading.id)}`;
    link.setAttribute("aria-label", words.linkToSection);
    link.textContent = "#";
    heading.append(link);
  }
}
