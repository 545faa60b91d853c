//! The figures of a report are those of an independent count.

use std::{fs, path::PathBuf};

use hoist::{Report, ShownImage, inspect_path};

use super::{
    count::{Count, Unpacked, difference, unpack},
    images,
    recipe::Recipe,
};

/// The image in a folder of its own, unpacked, and the folder of its layout.
pub fn unpacked(folder: &tempfile::TempDir, recipe: &Recipe, name: &str) -> (PathBuf, Unpacked) {
    let layout = folder.path().join(name).join("layout");
    fs::create_dir_all(&layout).unwrap();
    recipe.write(&layout);
    let root = folder.path().join(name).join("root");
    let unpacked = unpack(&layout, &root);
    (layout, unpacked)
}

fn counted(report: &Report) -> Count {
    let layers = report.layers.iter();
    Count {
        size: report.size,
        unpacked: report.unpacked,
        visible: report.visible,
        files: report.files,
        duplicated: report.duplicated,
        layers: layers
            .map(|layer| (layer.unpacked, layer.files, layer.wasted))
            .collect(),
    }
}

#[test]
#[expect(
    clippy::print_stderr,
    reason = "the figures are the result of a run by hand"
)]
fn every_figure_is_that_of_an_independent_count() {
    let folder = tempfile::tempdir().unwrap();
    let all = images::all();
    assert!(all.len() > 20);
    let mut last: Option<(PathBuf, Unpacked)> = None;
    for (index, recipe) in all.iter().enumerate() {
        let (layout, unpacked) = unpacked(&folder, recipe, &index.to_string());
        let since = last.as_ref().map(|(layout, _)| &**layout);
        let report = inspect_path(&layout, since, &ShownImage::default()).unwrap();
        assert_eq!(counted(&report), unpacked.count, "{}", recipe.name);
        assert_eq!(
            report.unpacked,
            report.visible + report.wasted,
            "{}",
            recipe.name
        );
        eprintln!(
            "{:32} pull {:>8} unpacked {:>8} visible {:>8} wasted {:>8} files {:>3} duplicated {:>8}",
            recipe.name,
            report.size,
            report.unpacked,
            report.visible,
            report.wasted,
            report.files,
            report.duplicated
        );
        if let (Some(changes), Some((_, before))) = (&report.changes, &last) {
            let files = (
                changes.files.added,
                changes.files.removed,
                changes.files.changed,
            );
            assert_eq!(
                files,
                difference(&before.root, &unpacked.root),
                "{}",
                recipe.name
            );
            let now = i64::try_from(unpacked.count.visible).unwrap();
            assert_eq!(
                changes.visible,
                now - i64::try_from(before.count.visible).unwrap()
            );
            let size = i64::try_from(unpacked.count.size).unwrap();
            assert_eq!(
                changes.size,
                size - i64::try_from(before.count.size).unwrap()
            );
        }
        last = Some((layout, unpacked));
    }
}

/// What is listed adds up where nothing is cut off.
#[test]
fn what_is_listed_adds_up() {
    let folder = tempfile::tempdir().unwrap();
    for (index, recipe) in images::all().iter().enumerate() {
        let layout = folder.path().join(index.to_string());
        recipe.write(&layout);
        let report = inspect_path(&layout, None, &ShownImage::default()).unwrap();
        let wasted: u64 = report.waste.iter().map(|waste| waste.size).sum();
        let extra: u64 = report
            .duplicates
            .iter()
            .map(|duplicate| duplicate.extra)
            .sum();
        let seen: u64 = report.largest.iter().map(|file| file.size).sum();
        let figures = (report.wasted, report.duplicated, report.visible);
        assert_eq!((wasted, extra, seen), figures, "{}", recipe.name);
        let empty = hoist::inspect_path(&layout, Some(&layout), &ShownImage::default())
            .unwrap()
            .changes
            .unwrap();
        assert_eq!(
            (empty.size, empty.visible, empty.to_pull),
            (0, 0, 0),
            "{}",
            recipe.name
        );
        assert_eq!(empty.largest, [], "{}", recipe.name);
    }
}
