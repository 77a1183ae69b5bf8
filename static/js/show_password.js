// [data-show-password="ID"]: a check box that shows what is typed in that field. Hidden until script runs.

export function showPassword() {
  for (const box of document.querySelectorAll("[data-show-password]")) {
    const field = document.getElementById(box.dataset.showPassword);
    if (!field) continue;
    box.closest("[hidden]")?.removeAttribute("hidden");
    const show = () => {
      field.type = box.checked ? "text" : "password";
    };
    box.addEventListener("change", show);
    // Never sent, nor kept by the browser, as readable text.
    field.form?.addEventListener("submit", () => {
      field.type = "password";
    });
    show();
  }
}
