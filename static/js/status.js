/** Says a sentence to screen readers through the page's one live region, [data-status]. */
export function announce(sentence) {
  const region = document.querySelector("[data-status]");
  if (!region) return;
  // The same sentence twice is a change only if the region was empty between.
  region.textContent = "";
  setTimeout(() => {
    region.textContent = sentence;
  }, 50);
}
