// [data-sort]: the form of a sort order sends itself when another order is chosen; its button goes.

export function sort() {
  for (const form of document.querySelectorAll("[data-sort]")) {
    const button = form.querySelector("button");
    if (button) button.hidden = true;
    form.addEventListener("change", () => form.requestSubmit());
  }
}
