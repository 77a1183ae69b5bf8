// a[data-copy-link]: copies its address and says so in its place. [data-copy-label] in it holds the words.

import { announce } from "./status.js";
import { words } from "./words.js";

export function copyLink() {
  if (!navigator.clipboard) return;
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-copy-link]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    navigator.clipboard.writeText(link.href).then(
      () => {
        const label = link.querySelector("[data-copy-label]");
        if (label) label.textContent = words.linkCopied;
        announce(words.linkCopied);
      },
      () => location.assign(link.href),
    );
  });
}
