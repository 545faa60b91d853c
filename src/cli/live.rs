//! Lines on the terminal that change while work goes on: one for each step that is under way, and some
//! for what is transferred. They are as wide as the terminal and are gone when the work is done.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use console::{Term, measure_text_width, truncate_str};
use indicatif::{
    MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle, TermLike,
};

use crate::text::{bytes, elapsed, sanitize_line};

/// How often a spinner turns.
const TURN: Duration = Duration::from_millis(120);
/// Most transfers that are shown at once.
const MOST_TRANSFERS: usize = 6;
/// What a step's line has before its text: the verb's column, the spinner and blanks.
const BEFORE_TEXT: usize = 15;
/// The last columns that live lines leave free. Some terminals break a line that fills the last one; and where
/// `^C` is written behind a line without room for it, the line is broken, and cannot be taken away any more.
const KEPT_FREE: usize = 3;
/// How often the lines are drawn in a second, at most.
const REDRAWS: u8 = 20;
/// Terminals from this width on have room for a graph of each transfer.
const ROOM_FOR_GRAPH: usize = 72;
/// The width of such a graph.
const GRAPH: usize = 20;

/// The live lines of this process; none where standard error is not a terminal.
#[derive(Debug, Clone, Default)]
pub(super) struct Live {
    bars: Option<MultiProgress>,
    /// How many steps are under way, with a terminal and without.
    steps: Arc<AtomicUsize>,
    transfers: Arc<AtomicUsize>,
}

/// The width of the terminal that standard error, or standard output, leads to.
pub(super) fn width(terminal: &Term) -> Option<usize> {
    if !terminal.is_term() {
        return None;
    }
    terminal.size_checked().map(|(_, columns)| columns.into())
}

impl Live {
    /// On standard error, where that is a terminal.
    pub(super) fn on_stderr() -> Self {
        Self {
            bars: Term::stderr().is_term().then(|| {
                let narrow = Box::new(NarrowTerm(Term::buffered_stderr()));
                let target = ProgressDrawTarget::term_like_with_hz(narrow, REDRAWS);
                MultiProgress::with_draw_target(target)
            }),
            ..Self::default()
        }
    }

    /// Whether there are live lines.
    pub(super) fn is_shown(&self) -> bool {
        self.bars.is_some()
    }

    /// Whether a step is under way.
    pub(super) fn is_busy(&self) -> bool {
        self.steps.load(Ordering::Relaxed) > 0
    }

    /// Takes the live lines away for good: the process ends.
    pub(super) fn end(&self) {
        if let Some(bars) = &self.bars {
            let _ = bars.clear();
            bars.set_draw_target(ProgressDrawTarget::hidden());
        }
    }

    /// Writes something above the live lines.
    pub(super) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }

    /// The line of a step that begins.
    pub(super) fn step(&self, verb: &'static str, what: String) -> LiveStep {
        self.steps.fetch_add(1, Ordering::Relaxed);
        let detail = Arc::<Mutex<String>>::default();
        let bar = self.bars.as_ref().map(|bars| {
            let shown = detail.clone();
            let text = move |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                let detail = shown.lock().unwrap_or_else(PoisonError::into_inner);
                let room = room(BEFORE_TEXT);
                let _ = out.write_str(&step_text(&what, &detail, state.elapsed(), room));
            };
            let style =
                ProgressStyle::with_template("{prefix:>12.cyan.bold} {spinner:.cyan} {text}")
                    .expect("the template is fixed")
                    .with_key("text", text);
            let bar = ProgressBar::new_spinner()
                .with_style(style)
                .with_prefix(verb);
            let bar = bars.add(bar);
            bar.enable_steady_tick(TURN);
            bar
        });
        LiveStep {
            bar,
            detail,
            steps: self.steps.clone(),
        }
    }

    /// The line of a transfer; `None` where there is no room for another one.
    pub(super) fn transfer(&self, label: &str, total: Option<u64>) -> Option<LiveTransfer> {
        let bars = self.bars.as_ref()?;
        if self.transfers.load(Ordering::Relaxed) >= MOST_TRANSFERS {
            return None;
        }
        self.transfers.fetch_add(1, Ordering::Relaxed);
        let label = sanitize_line(label, 200);
        let text = move |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            let (done, total) = (state.pos(), state.len().filter(|_| total.is_some()));
            let rate = state.per_sec();
            let _ = out.write_str(&transfer_text(&label, done, total, rate, room(BEFORE_TEXT)));
        };
        let style = ProgressStyle::with_template("               {text}")
            .expect("the template is fixed")
            .with_key("text", text);
        let bar = ProgressBar::new(total.unwrap_or(0)).with_style(style);
        Some(LiveTransfer {
            bar: bars.add(bar),
            transfers: self.transfers.clone(),
        })
    }
}

/// What the terminal leaves behind `taken` columns.
fn room(taken: usize) -> usize {
    room_of(width(&Term::stderr()).unwrap_or(80), taken)
}

fn room_of(width: usize, taken: usize) -> usize {
    width.saturating_sub(taken + KEPT_FREE)
}

/// The terminal, but for its last columns: the live lines are filled with blanks up to its width.
#[derive(Debug)]
struct NarrowTerm(Term);

impl TermLike for NarrowTerm {
    fn width(&self) -> u16 {
        let free = u16::try_from(KEPT_FREE).unwrap_or(u16::MAX);
        self.0.size().1.saturating_sub(free).max(1)
    }

    fn height(&self) -> u16 {
        self.0.size().0
    }

    fn move_cursor_up(&self, lines: usize) -> std::io::Result<()> {
        self.0.move_cursor_up(lines)
    }

    fn move_cursor_down(&self, lines: usize) -> std::io::Result<()> {
        self.0.move_cursor_down(lines)
    }

    fn move_cursor_right(&self, columns: usize) -> std::io::Result<()> {
        self.0.move_cursor_right(columns)
    }

    fn move_cursor_left(&self, columns: usize) -> std::io::Result<()> {
        self.0.move_cursor_left(columns)
    }

    fn write_line(&self, text: &str) -> std::io::Result<()> {
        self.0.write_line(text)
    }

    fn write_str(&self, text: &str) -> std::io::Result<()> {
        self.0.write_str(text)
    }

    fn clear_line(&self) -> std::io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// What is done, for how long, and what is heard of it, cut to `room` columns.
fn step_text(what: &str, detail: &str, time: Duration, room: usize) -> String {
    let text = match detail {
        "" => format!("{what}, {}", elapsed(time)),
        detail => format!("{what}, {}: {detail}", elapsed(time)),
    };
    truncate_str(&text, room, "…").into_owned()
}

/// A transfer: its label, how much of it is done, and how fast.
fn transfer_text(label: &str, done: u64, total: Option<u64>, rate: f64, room: usize) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bytes in a second: not negative, and far from the limits"
    )]
    let rate = format!("{}/s", bytes(rate as u64));
    let text = match total.filter(|total| *total > 0) {
        None => format!("{label} {}, {rate}", bytes(done)),
        Some(total) => {
            let numbers = format!("{} of {}, {rate}", bytes(done), bytes(total));
            match room + BEFORE_TEXT >= ROOM_FOR_GRAPH {
                true => format!("{label} {} {numbers}", graph(done, total)),
                false => format!("{label} {numbers}"),
            }
        }
    };
    // The numbers say more than the whole label.
    let over = measure_text_width(&text).saturating_sub(room);
    match over {
        0 => text,
        _ => {
            let kept = measure_text_width(label).saturating_sub(over);
            let label_cut = truncate_str(label, kept.max(1), "…");
            let text = format!("{label_cut}{}", &text[label.len()..]);
            truncate_str(&text, room, "…").into_owned()
        }
    }
}

fn graph(done: u64, total: u64) -> String {
    let full = u64::try_from(GRAPH).expect("it is small");
    let filled = done.min(total).saturating_mul(full) / total;
    let filled = usize::try_from(filled).unwrap_or(GRAPH);
    let mut graph = "=".repeat(filled);
    if filled < GRAPH {
        graph.push('>');
    }
    format!("[{graph:GRAPH$}]")
}

/// The line of one step. It is gone when this is dropped.
#[derive(Debug)]
pub(super) struct LiveStep {
    bar: Option<ProgressBar>,
    detail: Arc<Mutex<String>>,
    steps: Arc<AtomicUsize>,
}

impl LiveStep {
    /// The last thing that was heard of the step.
    pub(super) fn hear(&self, detail: &str) {
        let mut last = self.detail.lock().unwrap_or_else(PoisonError::into_inner);
        detail.clone_into(&mut last);
    }
}

impl Drop for LiveStep {
    fn drop(&mut self) {
        self.steps.fetch_sub(1, Ordering::Relaxed);
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// The line of one transfer. It is gone when this is dropped.
#[derive(Debug)]
pub(super) struct LiveTransfer {
    bar: ProgressBar,
    transfers: Arc<AtomicUsize>,
}

impl LiveTransfer {
    pub(super) fn set(&self, done: u64) {
        self.bar.set_position(done);
    }
}

impl Drop for LiveTransfer {
    fn drop(&mut self) {
        self.transfers.fetch_sub(1, Ordering::Relaxed);
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The terminal writes `^C` behind the line, and must not break it.
    #[test]
    fn a_line_leaves_room_for_an_interrupt() {
        for width in [20, 60, 80] {
            let room = room_of(width, BEFORE_TEXT);
            let text = step_text("x", &"y".repeat(200), Duration::ZERO, room);
            let taken = BEFORE_TEXT + measure_text_width(&text);
            assert!(taken + "^C".len() < width, "{taken} of {width}");
        }
    }

    #[test]
    fn a_step_fits_its_line() {
        let text = |room| {
            step_text(
                "3/8 the image",
                "[build 4/4] RUN make",
                Duration::from_secs(75),
                room,
            )
        };
        assert_eq!(text(80), "3/8 the image, 1 min 15 s: [build 4/4] RUN make");
        assert_eq!(text(35), "3/8 the image, 1 min 15 s: [build …");
        assert_eq!(text(3), "3/…");
        let plain = step_text("5/8 origin", "", Duration::from_millis(400), 80);
        assert_eq!(plain, "5/8 origin, 0.4 s");
    }

    #[test]
    fn a_transfer_fits_its_line() {
        let text =
            |room, total| transfer_text("6384fb28f175", 15_000_000, total, 28_570_000.0, room);
        let total = Some(60_000_000);
        assert_eq!(
            text(80, total),
            "6384fb28f175 [=====>              ] 15.0 MB of 60.0 MB, 28.6 MB/s"
        );
        assert_eq!(
            text(50, total),
            "6384fb28f175 15.0 MB of 60.0 MB, 28.6 MB/s"
        );
        assert_eq!(text(35, total), "6384… 15.0 MB of 60.0 MB, 28.6 MB/s");
        assert_eq!(text(80, None), "6384fb28f175 15.0 MB, 28.6 MB/s");
        assert_eq!(graph(60, 60), format!("[{}]", "=".repeat(GRAPH)));
        for room in 0..90 {
            let width = measure_text_width(&text(room, total));
            assert!(width <= room.max(1), "{width} of {room}");
        }
    }
}
