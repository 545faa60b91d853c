//! A squarified treemap: areas in proportion to sizes, each as near to a square as it can be.
//!
//! Source: Bruls, Huizing and van Wijk, "Squarified Treemaps" (2000).

/// A rectangle in units of the map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Area {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Area {
    pub(super) fn size(&self) -> f64 {
        self.width * self.height
    }

    /// The area without a strip at its top and a border around the rest.
    pub(super) fn inner(&self, top: f64, border: f64) -> Self {
        Self {
            x: self.x + border,
            y: self.y + top,
            width: (self.width - 2.0 * border).max(0.0),
            height: (self.height - top - border).max(0.0),
        }
    }
}

/// An area for each size, in their order; `sizes` are sorted, the largest first.
pub(super) fn squares(sizes: &[u64], within: Area) -> Vec<Area> {
    let total: f64 = sizes.iter().map(|size| number(*size)).sum();
    if total <= 0.0 || within.size() <= 0.0 {
        return vec![
            Area {
                width: 0.0,
                height: 0.0,
                ..within
            };
            sizes.len()
        ];
    }
    let scale = within.size() / total;
    let areas: Vec<f64> = sizes.iter().map(|size| number(*size) * scale).collect();
    let mut placed = Vec::with_capacity(areas.len());
    let (mut left, mut rest) = (within, &areas[..]);
    while !rest.is_empty() {
        let side = left.width.min(left.height);
        let mut count = 1;
        while count < rest.len() && worst(&rest[..=count], side) <= worst(&rest[..count], side) {
            count += 1;
        }
        let (row, after) = rest.split_at(count);
        left = lay(row, left, &mut placed);
        rest = after;
    }
    placed
}

#[expect(clippy::cast_precision_loss, reason = "a part of a picture is shown")]
fn number(size: u64) -> f64 {
    size as f64
}

/// The worst of the ratios between the sides of a row's parts.
fn worst(row: &[f64], side: f64) -> f64 {
    let sum: f64 = row.iter().sum();
    let ratio = |area: &f64| {
        let length = area * side / sum;
        let thickness = sum / side;
        (length / thickness).max(thickness / length)
    };
    row.iter().map(ratio).fold(0.0, f64::max)
}

/// Puts a row along the shorter side of `left`; what is left then.
fn lay(row: &[f64], left: Area, placed: &mut Vec<Area>) -> Area {
    let sum: f64 = row.iter().sum();
    let along_height = left.width >= left.height;
    let side = left.width.min(left.height);
    let thickness = if side > 0.0 { sum / side } else { 0.0 };
    let mut at = 0.0;
    for area in row {
        let length = if sum > 0.0 { area / sum * side } else { 0.0 };
        placed.push(match along_height {
            true => Area {
                x: left.x,
                y: left.y + at,
                width: thickness,
                height: length,
            },
            false => Area {
                x: left.x + at,
                y: left.y,
                width: length,
                height: thickness,
            },
        });
        at += length;
    }
    match along_height {
        true => Area {
            x: left.x + thickness,
            width: (left.width - thickness).max(0.0),
            ..left
        },
        false => Area {
            y: left.y + thickness,
            height: (left.height - thickness).max(0.0),
            ..left
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What rounding may do to an area that is next to nothing.
    const SLACK: f64 = 0.1;

    #[test]
    fn areas_are_in_proportion_and_stay_inside() {
        let within = Area {
            x: 10.0,
            y: 20.0,
            width: 600.0,
            height: 400.0,
        };
        for sizes in [
            &[6, 6, 4, 3, 2, 2, 1][..],
            &[1],
            &[1_000_000_000_000, 1],
            &[5, 5, 5, 0, 0],
            &[u64::MAX, u64::MAX],
        ] {
            let placed = squares(sizes, within);
            let total: f64 = sizes.iter().map(|size| number(*size)).sum();
            assert_eq!(placed.len(), sizes.len());
            for (area, size) in placed.iter().zip(sizes) {
                let wanted = number(*size) / total * within.size();
                assert!((area.size() - wanted).abs() < 1e-3, "{sizes:?}: {area:?}");
                assert!(
                    area.x >= 10.0 - SLACK && area.x + area.width <= 610.0 + SLACK,
                    "{area:?}"
                );
                assert!(
                    area.y >= 20.0 - SLACK && area.y + area.height <= 420.0 + SLACK,
                    "{area:?}"
                );
            }
        }
        let nothing = squares(&[0, 0], within);
        assert!(nothing.iter().all(|area| area.size() == 0.0));
    }
}
