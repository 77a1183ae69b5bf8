// [data-contents]: in the list beside the text, the section being read is marked. Nothing scrolls by itself.

export function contents() {
  const links = [...document.querySelectorAll("[data-contents] a[href^='#']")];
  const entries = links
    .map((link) => ({ link, heading: document.getElementById(decodeURIComponent(link.hash.slice(1))) }))
    .filter((entry) => entry.heading?.matches("h2, h3"));
  if (entries.length === 0) return;

  const mark = () => {
    // The section being read is the last whose heading has passed the top third of the window.
    const line = innerHeight / 3;
    const passed = entries.filter((entry) => entry.heading.getBoundingClientRect().top <= line);
    const current = passed.at(-1)?.heading;
    for (const { link, heading } of entries) {
      if (heading === current) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  };
  const observer = new IntersectionObserver(mark, { rootMargin: "0px 0px -66% 0px" });
  // Each is told of once at the beginning, too.
  for (const { heading } of entries) observer.observe(heading);
}
