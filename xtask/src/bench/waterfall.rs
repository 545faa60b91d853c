//! A release as a drawing: what was under way when, from its trace.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use serde_json::Value;

use crate::Result;

/// Columns of the drawing.
const WIDTH: usize = 64;
/// Columns of the names.
const NAMES: usize = 34;

/// What one line of the drawing stands for.
#[derive(Debug, Clone, PartialEq)]
struct Span {
    name: String,
    /// Microseconds since the first one began.
    begun: f64,
    ended: f64,
}

/// Spans of the same name that were under way side by side.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    name: String,
    count: usize,
    begun: f64,
    ended: f64,
}

/// The requests and runs of git in a trace, one below the other, against the time.
pub fn draw(trace: &Path) -> Result<String> {
    let events: Vec<Value> = serde_json::from_slice(&fs::read(trace)?)?;
    Ok(drawing(&rows(spans(&events))))
}

/// The longest chain of requests each of which began when the one before it was over.
pub fn in_a_row(trace: &Path) -> Result<u64> {
    let events: Vec<Value> = serde_json::from_slice(&fs::read(trace)?)?;
    let mut longest = 0;
    let mut open: BTreeMap<u64, u64> = BTreeMap::new();
    for event in events.iter().filter(|event| event["name"] == "request") {
        let id = event["id"].as_u64().unwrap_or_default();
        match event["ph"].as_str() {
            Some("b") => drop(open.insert(id, longest + 1)),
            _ => longest = open.remove(&id).map_or(longest, |depth| longest.max(depth)),
        }
    }
    Ok(longest)
}

fn spans(events: &[Value]) -> Vec<Span> {
    let mut open: BTreeMap<(String, u64), Span> = BTreeMap::new();
    let mut all = Vec::new();
    for event in events {
        let kind = event["name"].as_str().unwrap_or_default().to_owned();
        let (id, time) = (
            event["id"].as_u64().unwrap_or_default(),
            event["ts"].as_f64().unwrap_or_default(),
        );
        let Some(name) = name(&kind, &event["args"]) else {
            continue;
        };
        match event["ph"].as_str() {
            Some("b") => {
                let (begun, ended) = (time, time);
                open.insert((kind, id), Span { name, begun, ended });
            }
            Some("e") => all.extend(open.remove(&(kind, id)).map(|span| Span {
                ended: time,
                ..span
            })),
            _ => {}
        }
    }
    let first = all.iter().map(|span| span.begun).fold(f64::MAX, f64::min);
    for span in &mut all {
        span.begun -= first;
        span.ended -= first;
    }
    all.sort_by(|a, b| a.begun.total_cmp(&b.begun));
    all
}

/// `GET manifests/<tag>`, `git push`; `None`: it is not drawn.
fn name(kind: &str, args: &Value) -> Option<String> {
    let text = |name: &str| {
        let value = args[name].as_str().unwrap_or_default();
        value.trim_matches('"').to_owned()
    };
    match kind {
        "git" => Some(format!("git {}", text("verb"))),
        "request" => {
            let path = text("path");
            // After `/v2/` and the name of the repository.
            let kinds = ["/manifests/", "/blobs/", "/tags/", "/referrers/"];
            let place = kinds.iter().find_map(|kind| path.find(kind));
            let rest = place.map_or(&*path, |place| &path[place + 1..]);
            let rest = match rest.split_once('/') {
                Some(("manifests", what)) if what.contains(':') => "manifests/<digest>",
                Some(("manifests", _)) => "manifests/<tag>",
                Some(("blobs", "uploads/")) => "blobs/uploads/",
                Some(("blobs", what)) if what.starts_with("uploads/") => "blobs/uploads/<id>",
                Some(("blobs", _)) => "blobs/<digest>",
                _ => rest,
            };
            Some(format!("{} {rest}", text("method")))
        }
        _ => None,
    }
}

/// Spans of one name that overlap are one row.
fn rows(spans: Vec<Span>) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for span in spans {
        let same = |row: &&mut Row| row.name == span.name && span.begun < row.ended;
        match rows.iter_mut().rev().find(same) {
            Some(row) => {
                row.count += 1;
                row.ended = row.ended.max(span.ended);
            }
            None => rows.push(Row {
                name: span.name,
                count: 1,
                begun: span.begun,
                ended: span.ended,
            }),
        }
    }
    rows
}

fn drawing(rows: &[Row]) -> String {
    let end = rows.iter().map(|row| row.ended).fold(1.0, f64::max);
    let column = |time: f64| ((time / end) * WIDTH as f64).round() as usize;
    let mut text = format!(
        "{:NAMES$} 0{:>width$} ms\n",
        "",
        format!("{:.0}", end / 1e3),
        width = WIDTH - 1
    );
    for row in rows {
        let name = match row.count {
            1 => row.name.clone(),
            count => format!("{} × {count}", row.name),
        };
        let begun = column(row.begun).min(WIDTH - 1);
        let length = column(row.ended).saturating_sub(begun).max(1);
        let mark = match row.name.starts_with("git ") {
            true => "-",
            false => "=",
        };
        let _ = writeln!(
            text,
            "{name:NAMES$} {}{}",
            " ".repeat(begun),
            mark.repeat(length)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_overlaps_is_one_row_and_what_follows_another() {
        let request = |phase: &str, id: u64, ts: f64, tag: &str| {
            json!({"name": "request", "ph": phase, "id": id, "ts": ts, "args": {
                "method": "\"HEAD\"", "path": format!("\"/v2/acme/api/manifests/{tag}\"")}})
        };
        let git = |phase: &str, ts: f64| json!({"name": "git", "ph": phase, "id": 1, "ts": ts, "args": {"verb": "\"push\""}});
        let events = [
            request("b", 1, 1000.0, "1"),
            request("b", 2, 1500.0, "latest"),
            git("b", 2000.0),
            request("e", 1, 51_000.0, "1"),
            request("e", 2, 52_000.0, "latest"),
            request("b", 1, 52_000.0, "sha256:00"),
            request("e", 1, 101_000.0, "sha256:00"),
            git("e", 101_000.0),
        ];
        let rows = rows(spans(&events));
        let short: Vec<_> = rows
            .iter()
            .map(|row| (&*row.name, row.count, row.ended as u32))
            .collect();
        assert_eq!(
            short,
            [
                ("HEAD manifests/<tag>", 2, 51_000),
                ("git push", 1, 100_000),
                ("HEAD manifests/<digest>", 1, 100_000),
            ]
        );
        let text = drawing(&rows);
        assert_eq!(text.lines().count(), 4, "{text}");
        assert!(
            text.lines()
                .all(|line| line.chars().count() <= NAMES + WIDTH + 4)
        );
    }
}
