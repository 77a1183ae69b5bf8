//! Tables: captions, header cells and the scroll region (reader.md 1).
//!
//! - A **caption** is a paragraph that starts with `Table:` directly before or after the table, or the line right
//!   under it. One that stands between two tables belongs to the one it touches; touching neither or both, to the
//!   first if that has none yet, else to the second.
//! - **Row headers**: the first column's cells are `th scope="row"`, since that column nearly always names its rows.
//!   They are plain cells where they cannot be names: one is empty, two are alike, the column is right-aligned or
//!   headed "Sources", it is the only one, or its alignment is written out as left (`|:---|`), which is how a writer
//!   says "no header column". Bold in a header cell is dropped, the style sheet makes headers bold.
//! - An **empty header cell** is a `td`: an empty `th` names nothing.
//! - **Width**: four columns and more are set wider than the text.
//! - In a column headed "Sources" citations are plain numbers.

use std::collections::{HashMap, HashSet};

use comrak::nodes::{Node, NodeTable, NodeValue, TableAlignment};

use crate::core::limits::{TABLE_CELL_CHARS_ADVISED, TABLE_COLUMNS_ADVISED, TABLE_COLUMNS_WIDE};
use crate::render::citations::{self, MarkStyle};
use crate::render::finding::FindingLevel;
use crate::render::html::{push_attribute, push_escaped};
use crate::render::markdown::{RenderError, Writer, line};

/// The word a caption line starts with.
const CAPTION: &str = "Table:";

/// Which blocks of a list are captions, and of which table.
pub(super) struct Captions {
    of_table: HashMap<usize, usize>,
    used: HashSet<usize>,
}

impl Captions {
    /// Whether the block at this place is a table's caption.
    pub(super) fn is_caption(&self, at: usize) -> bool {
        self.used.contains(&at)
    }

    /// The place of the caption of the table at this place.
    pub(super) fn of(&self, at: usize) -> Option<usize> {
        self.of_table.get(&at).copied()
    }
}

/// Pairs captions with tables in one list of blocks.
pub(super) fn captions(blocks: &[Node<'_>]) -> Captions {
    let mut captions = Captions { of_table: HashMap::new(), used: HashSet::new() };
    for (at, block) in blocks.iter().enumerate().filter(|(_, block)| is_caption(block)) {
        let table_at = |at: Option<usize>| at.filter(|at| blocks.get(*at).is_some_and(|block| is_table(block)));
        let before = table_at(at.checked_sub(1)).filter(|table| captions.of(*table).is_none());
        let after = table_at(at.checked_add(1));
        let ends = |at: usize| blocks.get(at).map_or(0, |block| block.data().sourcepos.end.line);
        let touches_before = before.is_some_and(|table| ends(table) + 1 == line(block));
        let touches_after = after.is_some_and(|table| blocks.get(table).map_or(0, |block| line(block)) == ends(at) + 1);
        let table = match (before, after) {
            (Some(_), Some(after)) if touches_after && !touches_before => Some(after),
            (Some(before), _) => Some(before),
            (None, after) => after,
        };
        if let Some(table) = table {
            captions.of_table.insert(table, at);
            captions.used.insert(at);
        }
    }
    captions
}

fn is_table(node: Node<'_>) -> bool {
    matches!(node.data().value, NodeValue::Table(_))
}

fn is_caption(node: Node<'_>) -> bool {
    matches!(node.data().value, NodeValue::Paragraph) && starts_with_caption(node)
}

fn starts_with_caption(node: Node<'_>) -> bool {
    node.first_child().is_some_and(|child| match &child.data().value {
        NodeValue::Text(text) => text.starts_with(CAPTION),
        _ => false,
    })
}

/// Takes the word `Table:` off a caption's first text.
fn drop_caption_word(node: Node<'_>) {
    let Some(child) = node.first_child() else {
        return;
    };
    if let NodeValue::Text(text) = &mut child.data_mut().value
        && let Some(rest) = text.strip_prefix(CAPTION)
    {
        *text = rest.trim_start().to_owned().into();
    }
}

/// How a column is drawn.
struct Column {
    class: Option<&'static str>,
    marks: MarkStyle,
    row_headers: bool,
}

impl Writer<'_> {
    /// Draws a table under its caption.
    pub(super) fn table<'a>(
        &mut self,
        node: Node<'a>,
        table: &NodeTable,
        caption: Option<Node<'a>>,
    ) -> Result<(), RenderError> {
        let mut rows: Vec<Node<'a>> = node.children().collect();
        let caption = caption.or_else(|| self.caption_row(&mut rows));
        self.table_count += 1;
        let id = format!("t{}", self.table_count);
        self.check_table(node, table, &rows, caption.is_some());
        let wide = if table.num_columns >= TABLE_COLUMNS_WIDE { "tbl is-wide" } else { "tbl" };
        self.out.push_str("<div");
        push_attribute(&mut self.out, "class", wide);
        self.out.push_str(">\n");
        let spoken = self.caption(&id, caption);
        self.out.push_str("<div class=\"tbl__scroll\" role=\"region\"");
        push_attribute(&mut self.out, "aria-labelledby", &id);
        self.out.push_str(" tabindex=\"0\">\n<table>\n<caption class=\"visually-hidden\">");
        push_escaped(&mut self.out, &spoken);
        self.out.push_str("</caption>\n");
        let columns = columns(table, &rows);
        if let Some((head, body)) = rows.split_first() {
            self.out.push_str("<thead>\n");
            self.head_row(head, &columns);
            self.out.push_str("</thead>\n");
            if !body.is_empty() {
                self.out.push_str("<tbody>\n");
                for row in body {
                    self.body_row(row, &columns)?;
                }
                self.out.push_str("</tbody>\n");
            }
        }
        self.out.push_str("</table>\n</div>\n</div>\n");
        Ok(())
    }

    /// A caption on the line right under a table is parsed as its last row.
    fn caption_row<'a>(&self, rows: &mut Vec<Node<'a>>) -> Option<Node<'a>> {
        let row = rows.last().copied().filter(|_| rows.len() > 1)?;
        let source = self.lines.get(line(row).checked_sub(1)?)?;
        let cell = row.first_child()?;
        if source.contains('|') || !starts_with_caption(cell) {
            return None;
        }
        rows.pop();
        Some(cell)
    }

    /// Writes the visible caption and returns the words for the hidden one.
    fn caption(&mut self, id: &str, caption: Option<Node<'_>>) -> String {
        let number = self.table_count;
        self.out.push_str("<span class=\"tbl__cap\"");
        push_attribute(&mut self.out, "id", id);
        self.out.push('>');
        let spoken = if let Some(caption) = caption {
            drop_caption_word(caption);
            self.line_of(&format!("Table {number}. "), caption, "");
            citations::strip(&caption.collect_text())
        } else {
            self.out.push_str("Table ");
            self.out.push_str(&number.to_string());
            String::new()
        };
        self.out.push_str("</span>\n");
        if spoken.trim().is_empty() { format!("Table {number}") } else { spoken }
    }

    fn check_table(&mut self, node: Node<'_>, table: &NodeTable, rows: &[Node<'_>], captioned: bool) {
        let at = line(node);
        if !captioned {
            let text = "This table has no caption. Write a line “Table: …” next to it.";
            self.find("table.caption", FindingLevel::Warns, at, text, "");
        }
        if table.num_columns > TABLE_COLUMNS_ADVISED {
            let text = "A table this wide is hard to read on a phone. Consider splitting it.";
            self.find("table.wide", FindingLevel::Note, at, text, &table.num_columns.to_string());
        }
        let long = rows
            .iter()
            .flat_map(|row| row.children())
            .find(|cell| cell.collect_text().chars().count() > TABLE_CELL_CHARS_ADVISED);
        if let Some(cell) = long {
            let start: String = cell.collect_text().chars().take(40).collect();
            let text = "This cell holds a lot of text. Consider splitting the table.";
            self.find("table.cell", FindingLevel::Note, line(cell), text, &start);
        }
    }

    fn head_row(&mut self, row: Node<'_>, columns: &[Column]) {
        self.out.push_str("<tr>");
        for (cell, column) in row.children().zip(columns) {
            let tag = if cell.first_child().is_some() { "th" } else { "td" };
            self.out.push('<');
            self.out.push_str(tag);
            if tag == "th" {
                self.out.push_str(" scope=\"col\"");
            }
            self.cell(cell, column, tag, column.row_headers);
        }
        self.out.push_str("</tr>\n");
    }

    fn body_row(&mut self, row: Node<'_>, columns: &[Column]) -> Result<(), RenderError> {
        self.out.push_str("<tr>");
        for (cell, column) in row.children().zip(columns) {
            if column.row_headers && cell.first_child().is_some() {
                self.out.push_str("<th scope=\"row\"");
                self.cell(cell, column, "th", true);
            } else {
                self.out.push_str("<td");
                self.cell(cell, column, "td", false);
            }
        }
        self.out.push_str("</tr>\n");
        if self.out.len() > crate::core::limits::ARTICLE_HTML_BYTES_MAX {
            return Err(RenderError::TooLarge);
        }
        Ok(())
    }

    /// The rest of a cell, from its class on.
    fn cell(&mut self, cell: Node<'_>, column: &Column, tag: &str, drop_bold: bool) {
        if let Some(class) = column.class {
            push_attribute(&mut self.out, "class", class);
        }
        self.out.push('>');
        let style = std::mem::replace(&mut self.mark_style, column.marks);
        let inside = if drop_bold { sole_bold(cell).unwrap_or(cell) } else { cell };
        self.line_of("", inside, "");
        self.mark_style = style;
        self.out.push_str("</");
        self.out.push_str(tag);
        self.out.push('>');
    }
}

fn columns(table: &NodeTable, rows: &[Node<'_>]) -> Vec<Column> {
    let heads: Vec<Node<'_>> = rows.first().map(|row| row.children().collect()).unwrap_or_default();
    let row_headers = first_column_heads(table, rows);
    let mut columns = Vec::with_capacity(table.num_columns);
    for (at, (head, alignment)) in heads.iter().zip(&table.alignments).enumerate() {
        columns.push(Column {
            class: match alignment {
                TableAlignment::Center => Some("is-center"),
                TableAlignment::Right => Some("is-end"),
                TableAlignment::Left | TableAlignment::None => None,
            },
            marks: if is_sources(head) { MarkStyle::Plain } else { MarkStyle::Raised },
            row_headers: at == 0 && row_headers,
        });
    }
    columns
}

fn is_sources(head: Node<'_>) -> bool {
    let name = head.collect_text().trim().to_lowercase();
    matches!(name.as_str(), "sources" | "source" | "references" | "reference")
}

/// Whether the first column names its rows: see the module's rules.
fn first_column_heads(table: &NodeTable, rows: &[Node<'_>]) -> bool {
    let Some((head, body)) = rows.split_first() else { return false };
    let aligned = matches!(table.alignments.first(), Some(TableAlignment::Left | TableAlignment::Right));
    if table.num_columns < 2 || aligned || head.first_child().is_some_and(is_sources) {
        return false;
    }
    let mut names = HashSet::new();
    body.iter().all(|row| {
        let name = row.first_child().map(|cell| cell.collect_text().trim().to_lowercase()).unwrap_or_default();
        !name.is_empty() && names.insert(name)
    })
}

/// The bold that is all a cell holds.
fn sole_bold(cell: Node<'_>) -> Option<Node<'_>> {
    let bold = cell.first_child().filter(|child| matches!(child.data().value, NodeValue::Strong))?;
    bold.next_sibling().is_none().then_some(bold)
}
