// Public pages. The page works without any of this; each feature makes one thing quicker, is bound by its own
// data-* hook, and fails alone.

import { appearance } from "./appearance.js";
import { cites } from "./cites.js";
import { contents } from "./contents.js";
import { copyLink } from "./copy_link.js";
import { count } from "./count.js";
import { draft } from "./draft.js";
import { focusFirst } from "./focus_first.js";
import { headings } from "./headings.js";
import { live } from "./live.js";
import { menu } from "./menu.js";
import { more } from "./more.js";
import { reply } from "./reply.js";
import { report } from "./report.js";
import { sort } from "./sort.js";
import { start } from "./start.js";
import { submission } from "./submission.js";
import { tables } from "./tables.js";
import { threads } from "./threads.js";
import { times } from "./times.js";
import { unfold } from "./unfold.js";

start(
  {
    focusFirst,
    // Before a fragment is looked for: it opens what it points into.
    threads,
    unfold,
    more,
    cites,
    sort,
    // The count and the reply form listen to what the draft restores.
    count,
    reply,
    draft,
    submission,
    report,
    copyLink,
    menu,
    appearance,
  },
  { times, tables, headings, contents, live },
);
