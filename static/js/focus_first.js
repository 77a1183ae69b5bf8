// What the page answers is read first: the list of what went wrong, else [data-focus] (a result, a preview).

export function focusFirst() {
  const errors = document.querySelector("[data-error-summary]");
  const target = errors ?? document.querySelector("[data-focus]");
  if (!target) return;
  if (!target.hasAttribute("tabindex")) target.tabIndex = -1;
  target.focus();
}
