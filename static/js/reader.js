// Public pages. Every feature stands alone: one that breaks must not stop another.

import { start } from "./start.js";
import { appearance } from "./appearance.js";
import { sort } from "./sort.js";

start({ appearance, sort });
