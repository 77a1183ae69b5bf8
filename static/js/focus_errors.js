// [data-error-summary]: the list of what went wrong gets the focus, so that it is read first.

export function focusErrors() {
  document.querySelector("[data-error-summary]")?.focus();
}
