//! A report as one page: no script, nothing from a network, every name escaped.

use serde::Serialize;

use crate::{
    error::{Error, Result},
    plan::inspect::{
        layer_tree::TreePart,
        report::{Layer, Report},
        squares::{Area, squares},
    },
    text::{bytes, page::html, sanitize_line},
};

const TEMPLATE: &str = include_str!("page.html");
/// How many colours the layers take turns with.
const COLOURS: usize = 8;
/// The strip with a layer's or directory's name, in units of the map.
const STRIP: f64 = 16.0;
/// A part with less than this is not divided further.
const DIVIDED: f64 = 2_600.0;
/// A part with less than this is not drawn.
const DRAWN: f64 = 12.0;

/// What the template gets. Every text in it is escaped by the template.
#[derive(Serialize)]
struct PageView<'r> {
    report: &'r Report,
    left_out: Vec<String>,
    wide: Map,
    tall: Map,
    layers: Vec<LayerRow<'r>>,
    bars: Vec<Bar>,
    omitted_changes: Option<String>,
    omitted_waste: Option<String>,
    omitted_duplicates: Option<String>,
    omitted_secrets: Option<String>,
    omitted_caches: Option<String>,
    without_advice: Option<String>,
}

/// One drawing of the treemap.
#[derive(Serialize)]
struct Map {
    width: u32,
    height: u32,
    cells: Vec<Cell>,
}

/// A rectangle of the treemap, in percent of the map.
#[derive(Serialize)]
struct Cell {
    left: String,
    top: String,
    width: String,
    height: String,
    colour: usize,
    /// 0 for a layer.
    depth: usize,
    wasted: bool,
    label: String,
    title: String,
}

#[derive(Serialize)]
struct LayerRow<'r> {
    number: usize,
    colour: usize,
    short: &'r str,
    layer: &'r Layer,
    parts: Vec<PartRow>,
}

#[derive(Serialize)]
struct PartRow {
    path: String,
    size: u64,
    wasted: u64,
}

#[derive(Serialize)]
struct Bar {
    name: String,
    size: u64,
    /// In percent of the longest.
    width: String,
    now: bool,
}

/// The page as HTML.
///
/// # Errors
/// A bug: the template does not fit the report.
pub(crate) fn page(report: &Report) -> Result<String> {
    let rows = report.layers.iter().enumerate();
    let page = PageView {
        wide: map(report, 1200, 600),
        tall: map(report, 360, 620),
        layers: rows
            .map(|(index, layer)| row(report, index, layer))
            .collect(),
        bars: bars(report),
        left_out: report.left_out(),
        omitted_changes: report
            .changes
            .as_ref()
            .and_then(|changes| changes.omitted.words()),
        omitted_waste: report.omitted_waste.words(),
        omitted_duplicates: report.omitted_duplicates.words(),
        omitted_secrets: report.omitted_secrets.words(),
        omitted_caches: report.omitted_caches.words(),
        without_advice: report.without_advice(),
        report,
    };
    html(TEMPLATE, &page)
        .map_err(|error| Error::bug("the page of an image cannot be written").because(&error))
}

fn row<'r>(report: &'r Report, index: usize, layer: &'r Layer) -> LayerRow<'r> {
    let parts = report.tree.get(index).map_or(&[][..], |tree| &tree.parts);
    let mut rows = Vec::new();
    for part in parts.iter().take(12) {
        rows.push(part_row(part));
        rows.extend(part.parts.iter().take(4).map(part_row));
    }
    LayerRow {
        number: index + 1,
        colour: index % COLOURS,
        short: layer.digest.short(),
        layer,
        parts: rows,
    }
}

fn part_row(part: &TreePart) -> PartRow {
    PartRow {
        path: sanitize_line(&part.path, 400),
        size: part.size,
        wasted: part.wasted,
    }
}

fn bars(report: &Report) -> Vec<Bar> {
    let past = report
        .past
        .iter()
        .map(|past| (past.name.clone(), past.size, false));
    let now = (report.image.clone(), report.size, true);
    let all: Vec<_> = past.chain([now]).collect();
    let most = all.iter().map(|(_, size, _)| *size).max().unwrap_or(0);
    let bar = |(name, size, now): (String, u64, bool)| Bar {
        width: percent(size as f64, most as f64),
        name: sanitize_line(&name, 200),
        size,
        now,
    };
    match all.len() {
        1 => Vec::new(),
        _ => all.into_iter().map(bar).collect(),
    }
}

fn percent(part: f64, whole: f64) -> String {
    match whole > 0.0 {
        true => format!("{:.2}", part / whole * 100.0),
        false => "0".to_owned(),
    }
}

fn map(report: &Report, width: u32, height: u32) -> Map {
    let whole = Area {
        x: 0.0,
        y: 0.0,
        width: f64::from(width),
        height: f64::from(height),
    };
    let mut order: Vec<usize> = (0..report.layers.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(report.layers[*index].unpacked));
    let sizes: Vec<u64> = order
        .iter()
        .map(|index| report.layers[*index].unpacked)
        .collect();
    let mut drawing = Drawing {
        whole,
        cells: Vec::new(),
    };
    for (index, area) in order.into_iter().zip(squares(&sizes, whole)) {
        let layer = &report.layers[index];
        let made = layer.created_by.as_deref().unwrap_or("layer");
        let part = TreePart {
            path: format!("{} {made}", index + 1),
            size: layer.unpacked,
            wasted: layer.wasted,
            parts: report
                .tree
                .get(index)
                .map_or_else(Vec::new, |tree| tree.parts.clone()),
        };
        drawing.part(&part, area, index % COLOURS, 0, 0);
    }
    Map {
        width,
        height,
        cells: drawing.cells,
    }
}

struct Drawing {
    whole: Area,
    cells: Vec<Cell>,
}

impl Drawing {
    /// `above`: how much of the path the part around it has said already.
    fn part(&mut self, part: &TreePart, area: Area, colour: usize, depth: usize, above: usize) {
        if area.size() < DRAWN || area.width < 1.0 || area.height < 1.0 {
            return;
        }
        let is_layer = depth == 0;
        let name = part.path.get(above..).unwrap_or(&part.path);
        let slash = if is_layer { "" } else { "/" };
        let wasted = match part.wasted {
            0 => String::new(),
            wasted => format!(", {} wasted", bytes(wasted)),
        };
        let has_room = area.width > 34.0 && area.height > STRIP - 2.0;
        self.cells.push(Cell {
            left: percent(area.x, self.whole.width),
            top: percent(area.y, self.whole.height),
            width: percent(area.width, self.whole.width),
            height: percent(area.height, self.whole.height),
            colour,
            depth,
            wasted: part.wasted * 2 > part.size,
            label: if has_room {
                sanitize_line(name, 80)
            } else {
                String::new()
            },
            title: format!(
                "{slash}{}: {}{wasted}",
                sanitize_line(&part.path, 200),
                bytes(part.size)
            ),
        });
        if area.size() < DIVIDED || part.parts.is_empty() {
            return;
        }
        let strip = if has_room { STRIP } else { 1.0 };
        let sizes: Vec<u64> = part.parts.iter().map(|part| part.size).collect();
        let mut order: Vec<usize> = (0..sizes.len()).collect();
        order.sort_by_key(|index| std::cmp::Reverse(sizes[*index]));
        let sorted: Vec<u64> = order.iter().map(|index| sizes[*index]).collect();
        let areas = squares(&sorted, area.inner(strip, 1.0));
        for (index, area) in order.into_iter().zip(areas) {
            let above = if is_layer { 0 } else { part.path.len() + 1 };
            self.part(&part.parts[index], area, colour, depth + 1, above);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        oci::{Contents, Digest, LayerContents, LayerEntry, LayerEntryKind},
        plan::inspect::{PastSize, inspect, page::*},
    };

    /// Names that would do something if they were not escaped, in each place of the page.
    #[test]
    fn no_name_is_more_than_text() {
        let hostile =
            "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&lt;{{ 7*7 }}\u{202e}";
        let layer = |number: u64| LayerContents {
            unread: None,
            digest: Digest::of(&number.to_le_bytes()),
            diff_id: Digest::of(&number.to_le_bytes()),
            size: 900,
            created_by: Some(hostile.to_owned()),
            entries: [
                format!("{hostile}/a"),
                format!("{hostile}/.env"),
                format!("tmp/{hostile}"),
            ]
            .map(|path| LayerEntry {
                path,
                size: 2_000_000 * number,
                kind: LayerEntryKind::File,
                content: None,
                private_key: false,
            })
            .to_vec(),
        };
        let contents = Contents {
            user: Some(hostile.to_owned()),
            distribution: Some(hostile.to_owned()),
            layers: vec![layer(1), layer(2)],
            ..Contents::default()
        };
        let mut report = inspect(hostile, &contents, Some((hostile, &Contents::default())));
        report.past = vec![PastSize {
            name: hostile.to_owned(),
            size: 7,
        }];
        let page = page(&report).expect("it is written");
        for never in ["<script", "<img", "\u{202e}", "href=", "url("] {
            let found = page.find(never).map(|at| &page[at.saturating_sub(60)..at]);
            assert_eq!(found, None, "{never}");
        }
        assert!(page.contains("&lt;script&gt;"));
        assert!(page.contains("default-src 'none'"));
        // Each tag and each quote is ours: there are as many as with a harmless name.
        let tame = tame(&report, hostile);
        for mark in ["<", ">", "\"", "'"] {
            assert_eq!(
                page.matches(mark).count(),
                tame.matches(mark).count(),
                "{mark}"
            );
        }
        assert_eq!(page.matches("<div").count(), page.matches("</div>").count());
    }

    /// The page of the same report with harmless names.
    fn tame(report: &Report, hostile: &str) -> String {
        let mut report = report.clone();
        let tame = |text: &mut String| *text = text.replace(hostile, "name");
        tame(&mut report.image);
        report.user.name.as_mut().map(tame);
        if let Some(base) = &mut report.base {
            base.distribution.as_mut().map(tame);
        }
        report
            .layers
            .iter_mut()
            .filter_map(|it| it.created_by.as_mut())
            .for_each(tame);
        report.largest.iter_mut().for_each(|it| tame(&mut it.path));
        report.waste.iter_mut().for_each(|it| tame(&mut it.path));
        report.secrets.iter_mut().for_each(|it| tame(&mut it.path));
        report.past.iter_mut().for_each(|it| tame(&mut it.name));
        if let Some(changes) = &mut report.changes {
            tame(&mut changes.since);
            changes.largest.iter_mut().for_each(|it| tame(&mut it.path));
        }
        page(&report).expect("it is written")
    }

    #[test]
    fn an_image_without_anything_has_a_page() {
        let report = inspect("x", &Contents::default(), None);
        let page = page(&report).expect("it is written");
        assert!(page.contains("no bytes that can be read"));
        assert!(!page.contains("Against past releases"));
    }
}
