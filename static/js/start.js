/**
 * Runs each feature once; a failing one is told to the console and left out. What only adds to the look comes `later`,
 * each when the browser has a moment: a long page is laid out first.
 */
export function start(features, later = {}) {
  for (const [name, feature] of Object.entries(features)) run(name, feature);
  const idle = globalThis.requestIdleCallback ?? ((act) => setTimeout(act, 1));
  for (const [name, feature] of Object.entries(later)) idle(() => run(name, feature));
}

function run(name, feature) {
  try {
    feature();
  } catch (error) {
    console.error(`stet: ${name} is off`, error);
  }
}
