// A check's line leads into the text: the caret stands there, and the rest of the line is marked.

export function place() {
  for (const link of document.querySelectorAll("a[data-place]")) {
    link.addEventListener("click", (event) => {
      const box = document.getElementById(link.hash.slice(1));
      if (!box?.setSelectionRange) return;
      event.preventDefault();
      const from = link.dataset.place ? Number(link.dataset.place) : startOf(box.value, Number(link.dataset.line));
      const end = box.value.indexOf("\n", from);
      box.blur();
      box.setSelectionRange(from, end < 0 ? box.value.length : end);
      box.focus();
    });
  }
}

function startOf(text, line) {
  let at = 0;
  for (let number = 1; number < line; number += 1) at = text.indexOf("\n", at) + 1 || text.length;
  return at;
}
