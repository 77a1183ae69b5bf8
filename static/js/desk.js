// The desk. Every feature stands alone: one that breaks must not stop another.

import { start } from "./start.js";
import { appearance } from "./appearance.js";
import { focusErrors } from "./focus_errors.js";
import { showPassword } from "./show_password.js";

start({ appearance, focusErrors, showPassword });
