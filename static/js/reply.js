// a[data-reply="381"]: the form comes to the comment, without a reload, with what was typed.
//
// [data-reply-form] is the section around the form, with its h2 and [data-reply-intro]; in the form stands the
// hidden field `parent`. A comment is an article with its name in h3 and its text in [data-comment-body].

import { words } from "./words.js";

export function reply() {
  const section = document.querySelector("[data-reply-form]");
  const form = section?.querySelector("form");
  const parent = form?.elements.namedItem("parent");
  const box = form?.elements.namedItem("body");
  const heading = section?.querySelector("h2");
  // A form the server has put under a comment already stays there.
  if (!parent || !box || !heading || parent.value !== "") return;

  const home = { heading: heading.textContent, place: document.createComment("the form's place") };
  section.before(home.place);
  const extras = [];
  let back = null;

  const clear = () => {
    for (const extra of extras.splice(0)) extra.remove();
  };
  const goHome = () => {
    clear();
    parent.value = "";
    heading.textContent = home.heading;
    home.place.after(section);
    form.dispatchEvent(new CustomEvent("stet:moved"));
    back?.focus();
    back = null;
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-reply]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const comment = link.closest("article");
    const name = comment?.querySelector("h3")?.textContent.trim();
    if (!comment || !name) return;
    event.preventDefault();
    const picked = selectionIn(comment);
    clear();
    back = link;
    parent.value = link.dataset.reply;
    heading.textContent = words.replyTo(name);
    extras.push(quote(comment), cancel(goHome));
    heading.after(...extras.filter(Boolean));
    extras.push(wayBack(goHome));
    home.place.after(extras.at(-1));
    comment.after(section);
    form.dispatchEvent(new CustomEvent("stet:moved"));
    if (picked) insertQuote(box, picked);
    box.focus();
    section.scrollIntoView({ block: "nearest" });
  });
  section.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.isComposing && parent.value !== "" && box.value.trim() === "") goHome();
  });
}

/** What the reader has selected inside this comment's text. */
function selectionIn(comment) {
  const body = comment.querySelector("[data-comment-body]");
  const selection = getSelection();
  if (!body || !selection || selection.isCollapsed || !body.contains(selection.anchorNode)) return "";
  return body.contains(selection.focusNode) ? selection.toString().trim() : "";
}

function insertQuote(box, text) {
  const quoted = text.split(/\n+/).map((line) => `> ${line}`).join("\n> \n");
  box.value = box.value.trim() === "" ? `${quoted}\n\n` : `${box.value.trimEnd()}\n\n${quoted}\n\n`;
  box.setSelectionRange(box.value.length, box.value.length);
  box.dispatchEvent(new Event("input", { bubbles: true }));
}

/** Two lines of the comment answered. */
function quote(comment) {
  const body = comment.querySelector("[data-comment-body]");
  if (!body) return null;
  const made = document.createElement("blockquote");
  made.className = "reply-form__quote";
  made.dir = "auto";
  made.textContent = [...body.children].map((part) => part.textContent.trim()).join(" ").replace(/\s+/g, " ");
  return made;
}

function cancel(goHome) {
  const line = document.createElement("p");
  line.className = "reply-form__intro";
  line.append(link(words.cancelReply, goHome));
  return line;
}

/** Stands where the form was. */
function wayBack(goHome) {
  const line = document.createElement("p");
  line.className = "more";
  const made = link(words.newComment, goHome);
  made.className = "btn";
  line.append(made);
  return line;
}

function link(text, act) {
  const made = document.createElement("a");
  made.href = "#reply";
  made.textContent = text;
  made.addEventListener("click", (event) => {
    event.preventDefault();
    act();
    const section = document.querySelector("[data-reply-form]");
    section?.scrollIntoView({ block: "nearest" });
    section?.querySelector("textarea")?.focus();
  });
  return made;
}
