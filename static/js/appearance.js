// Auto, Light, Dark without a reload: [data-appearance] is the form, its buttons carry the choice.

export function appearance() {
  for (const form of document.querySelectorAll("[data-appearance]")) {
    form.addEventListener("submit", (event) => {
      const button = event.submitter;
      if (!button?.value) return;
      event.preventDefault();
      const body = new URLSearchParams(new FormData(form));
      body.set(button.name, button.value);
      fetch(form.action, { method: "POST", body, redirect: "manual" })
        .then((answer) => {
          // A redirect followed by hand is opaque: it is the success of a form post.
          if (!answer.ok && answer.type !== "opaqueredirect") throw new Error(`status ${answer.status}`);
          show(button.value);
        })
        .catch(() => {
          // The plain way: post the form as if there were no script.
          const choice = document.createElement("input");
          choice.type = "hidden";
          choice.name = button.name;
          choice.value = button.value;
          form.append(choice);
          form.submit();
        });
    });
  }
}

function show(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  const scheme = document.querySelector("meta[name=color-scheme]");
  if (scheme) scheme.content = theme === "auto" ? "light dark" : theme;
  for (const button of document.querySelectorAll("[data-appearance] button")) {
    button.setAttribute("aria-pressed", String(button.value === theme));
  }
}
