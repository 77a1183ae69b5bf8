// textarea[data-count="5000"]: from 500 before the limit on, how many characters are left.

import { announce } from "./status.js";
import { words } from "./words.js";

const SHOWN_FROM = 500;
const SPOKEN_EVERY = 100;

export function count() {
  for (const box of document.querySelectorAll("textarea[data-count]")) {
    const limit = Number(box.dataset.count);
    if (!limit) continue;
    const line = document.createElement("span");
    line.className = "field__hint";
    line.hidden = true;
    box.after(line);
    let spoken = null;
    const tell = () => {
      // Characters as the server counts them: code points, not halves of them.
      const left = limit - [...box.value.trim()].length;
      line.hidden = left > SHOWN_FROM;
      line.textContent = left >= 0 ? words.charactersLeft(left) : words.charactersOver(-left);
      const step = Math.floor(left / SPOKEN_EVERY);
      if (!line.hidden && step !== spoken) announce(line.textContent);
      spoken = line.hidden ? null : step;
    };
    box.addEventListener("input", tell);
    tell();
  }
}
