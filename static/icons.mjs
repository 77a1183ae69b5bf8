// What stands under every comment: files of their own, drawn by the style sheet, so that a long page does not name them
// hundreds of times.
export const ACTS = ["reply", "link", "flag", "thumbs-up"];

// The icons of the sprite, by lucide's names. A drawing of ours in icons/NAME.svg goes first.

export const ICONS = [
  // reader
  "menu", "search", "chevron-down", "chevron-right", "book-open", "message-square", "reply", "link", "flag",
  "pencil", "trash-2", "pin", "clock", "check", "shield-check", "info", "triangle-alert", "lock",
  "external-link", "rss", "printer", "arrow-left", "x",
  // desk
  "ban", "undo-2", "user", "users", "mail", "sticky-note", "keyboard", "ellipsis", "filter", "history", "send",
  "eye", "settings", "layout-grid", "file-text", "image",
  // editor
  "bold", "italic", "heading-2", "heading-3", "list", "list-ordered", "quote", "code", "table", "superscript",
  "plus", "columns-2", "git-compare", "calendar", "upload", "copy", "rotate-ccw", "wifi-off", "key-round",
  "log-out",
  // also used by the pages
  "arrow-right", "chevron-left", "download", "scroll-text", "globe",
];
