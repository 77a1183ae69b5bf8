// a[data-report]: the form of its page comes in a dialog. What it answers, [data-report-done], stands where the link
// was. The pages hold [data-report-heading], form[data-report-form] and in it a[data-report-cancel].

import { words } from "./words.js";

export function report() {
  if (!globalThis.HTMLDialogElement) return;
  const dialog = document.createElement("dialog");
  dialog.className = "pop dialog";
  dialog.setAttribute("aria-labelledby", "report-h");
  let from = null;

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-report]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    ask(link.href).then(
      (page) => {
        from = link;
        show(dialog, page);
        document.body.append(dialog);
        dialog.showModal();
      },
      () => location.assign(link.href),
    );
  });
  dialog.addEventListener("click", (event) => {
    if (!event.target.closest("[data-report-cancel]")) return;
    event.preventDefault();
    dialog.close();
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (from?.isConnected) from.focus();
  });
  dialog.addEventListener("submit", (event) => {
    const form = event.target;
    event.preventDefault();
    const fields = new URLSearchParams(new FormData(form));
    ask(form.action, { method: "POST", body: fields }).then(
      (page) => {
        const done = page.querySelector("[data-report-done]");
        if (!done) return show(dialog, page);
        thank(from, done.textContent);
        dialog.close();
      },
      // The page itself says what went wrong.
      () => HTMLFormElement.prototype.submit.call(form),
    );
  });
}

async function ask(address, options) {
  const answer = await fetch(address, options);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!page.querySelector("[data-report-form], [data-report-done]")) throw new Error(`status ${answer.status}`);
  return page;
}

function show(dialog, page) {
  const heading = document.createElement("h2");
  heading.id = "report-h";
  heading.tabIndex = -1;
  heading.textContent = page.querySelector("[data-report-heading]").textContent;
  const form = page.querySelector("[data-report-form]");
  dialog.replaceChildren(heading, form);
  (form.querySelector(".field--error :is(input, textarea), [role=alert]") ?? heading).focus();
}

/** In the link's place that it was reported, and the answer below, where the reader is now. */
function thank(link, sentence) {
  const acts = link.parentElement;
  const said = document.createElement("span");
  said.dataset.report = "";
  said.textContent = words.reported;
  link.replaceWith(said);
  const answer = document.createElement("p");
  answer.className = "held notice notice--ok";
  answer.tabIndex = -1;
  answer.textContent = sentence;
  acts.after(answer);
  // The dialog gives the focus back when it closes: this comes after.
  setTimeout(() => answer.focus());
}
