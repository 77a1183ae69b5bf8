// form[data-submission]: a fresh random key per text, so that a second press of the button is recognised, and
// how long the page was open. Only into fields the form has; a key from the server is left alone.

export function submission() {
  for (const form of document.querySelectorAll("form[data-submission]")) {
    const key = form.elements.namedItem("submission_key");
    const dwell = form.elements.namedItem("dwell_ms");
    const fromServer = Boolean(key?.value);
    let sent = null;
    form.addEventListener("submit", () => {
      if (dwell) dwell.value = String(Math.round(performance.now())); // since the page was asked for
      if (!key || fromServer) return;
      // A page taken from the browser's history may carry another comment: another text, another key.
      const text = `${form.elements.namedItem("parent")?.value ?? ""}\n${form.elements.namedItem("body")?.value ?? ""}`;
      if (text !== sent) key.value = fresh();
      sent = text;
    });
  }
}

/** 128 bits as hexadecimal digits. */
function fresh() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
