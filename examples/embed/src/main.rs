//! Releases every image of the repository in the current directory, and shows what happens in one
//! table, a row for each image.
//!
//! What hoist does comes as events to a callback, from whichever thread it happens on. The callback
//! only puts them into a channel; the display is a task of its own.

use std::{collections::BTreeMap, io::Write as _, process::ExitCode};

use hoist::{
    Cancel, Environment, Error, Event, Events, Location, Planned, ProjectSet, ReleaseRequest,
    ReleaseResult, ReleaseSet,
};
use tokio::sync::mpsc;

/// An event, and the image that it is about.
type Message = (String, Event);

#[tokio::main]
async fn main() -> ExitCode {
    match release().await {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            print_error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

/// Plans all images, carries exactly those plans out, and returns the most severe exit code.
async fn release() -> Result<u8, Error> {
    let projects = ProjectSet::all(&Location::default(), &Environment::from_process())?;
    let cancel = Cancel::new();
    tokio::spawn(cancel_at_ctrl_c(cancel.clone()));
    let (sender, receiver) = mpsc::unbounded_channel();
    let set = ReleaseSet::new(projects, &cancel, |label| {
        let (label, sender) = (label.unwrap_or("image").to_owned(), sender.clone());
        Events::new(move |event| drop(sender.send((label.clone(), event))))
    });
    drop(sender);

    let request = ReleaseRequest::default();
    let planned = set.plan(&request).await;
    for image in &planned {
        if let Ok(Planned::Release(plan)) = &image.result {
            let label = image.config.as_deref().unwrap_or("image");
            println!("{label}: {} ({})", plan.version, plan.why);
        }
    }

    let display = tokio::spawn(display(receiver));
    let results = set.execute(planned, &request).await;
    // The display ends with the last sender, and the senders are in the set.
    drop(set);
    let _ = display.await;

    let mut codes = Vec::new();
    for image in results {
        match image.result {
            Ok(ReleaseResult::Nothing(nothing)) => println!("nothing to release: {}", nothing.why),
            Ok(ReleaseResult::Ended(outcome)) => {
                codes.push(outcome.exit_code());
                if let Some(error) = &outcome.error {
                    print_error(error);
                }
                for image in &outcome.images {
                    println!("{}", image.repository.digest(&image.digest));
                }
            }
            Err(error) => {
                codes.push(error.exit_code());
                print_error(&error);
            }
        }
    }
    Ok(hoist::exit::most_severe(codes))
}

/// The first signal ends the run in a named state; the journal says what is left to do.
async fn cancel_at_ctrl_c(cancel: Cancel) {
    if tokio::signal::ctrl_c().await.is_ok() {
        cancel.cancel();
    }
}

/// One line for each image, drawn again with every event.
async fn display(mut events: mpsc::UnboundedReceiver<Message>) {
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    while let Some((label, event)) = events.recv().await {
        let drawn = rows.len();
        rows.entry(label).or_default().show(event);
        draw(&rows, drawn);
    }
}

/// What is known of one image.
#[derive(Default)]
struct Row {
    /// Bytes done and to do, by the identity of the transfer.
    transfers: BTreeMap<String, (u64, u64)>,
    tags: Vec<String>,
    /// The step that began last.
    step: String,
    note: String,
}

impl Row {
    /// Events can be added in later versions, so the last arm is there for good.
    fn show(&mut self, event: Event) {
        match event {
            Event::Progress {
                id, done, total, ..
            } => {
                let transfer = (done, total.unwrap_or(done));
                self.transfers.insert(id, transfer);
            }
            Event::Started(started) => self.step = format!("{:?}", started.step()),
            Event::Tagged { tag, .. } => self.tags.push(tag.to_string()),
            Event::Restored { tag, .. } => self.note = format!("put {tag} back"),
            Event::Note { text } | Event::Warning { text } => self.note = text,
            _ => {}
        }
    }

    fn percent(&self) -> u64 {
        let done: u64 = self.transfers.values().map(|(done, _)| done).sum();
        let total: u64 = self.transfers.values().map(|(_, total)| total).sum();
        (done * 100).checked_div(total).unwrap_or(0)
    }
}

fn draw(rows: &BTreeMap<String, Row>, drawn: usize) {
    let mut out = std::io::stderr().lock();
    if drawn > 0 {
        let _ = write!(out, "\x1b[{drawn}A");
    }
    for (label, row) in rows {
        let (percent, tags) = (row.percent(), row.tags.join(" "));
        let _ = writeln!(out, "\x1b[2K{label}  {}  {percent:>3}%  {tags}  {}", row.step, row.note);
    }
}

fn print_error(error: &Error) {
    eprintln!("error: {error:#}");
    for text in error.state_now().into_iter().chain(error.first_hint()) {
        eprintln!("{text}");
    }
}
