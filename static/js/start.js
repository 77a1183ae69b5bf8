/** Runs each feature once; a failing one is told to the console and left out. */
export function start(features) {
  for (const [name, feature] of Object.entries(features)) {
    try {
      feature();
    } catch (error) {
      console.error(`stet: ${name} is off`, error);
    }
  }
}
