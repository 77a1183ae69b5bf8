// The desk, sign-in and first run. Each feature is bound by its own data-* hook and fails alone.

import { appearance } from "./appearance.js";
import { count } from "./count.js";
import { focusFirst } from "./focus_first.js";
import { place } from "./place.js";
import { showPassword } from "./show_password.js";
import { sort } from "./sort.js";
import { start } from "./start.js";
import { tables } from "./tables.js";
import { times } from "./times.js";

start({ focusFirst, showPassword, place, sort, count, times, tables, appearance });
