//! The messages of the engine's own build API, read for [`Progress`].

use bollard::models::{BuildInfo, BuildInfoAux};

use crate::build::engine::progress::Progress;

/// Handles one message. An error is the engine's reason why the build failed.
pub(crate) fn message(progress: &mut Progress, info: BuildInfo) -> Result<(), String> {
    if let Some(error) = info.error_detail.and_then(|detail| detail.message) {
        return Err(progress.harmless(&error));
    }
    match info.aux {
        Some(BuildInfoAux::BuildKit(status)) => progress.buildkit(status),
        Some(BuildInfoAux::Default(image)) => progress.image_made(image.id),
        None => {}
    }
    if let Some(text) = info.stream {
        progress.stream(&text);
    }
    if let Some(status) = info.status {
        let bytes = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok());
        let detail = info.progress_detail.unwrap_or_default();
        progress.pulled(info.id, &status, bytes(detail.current), bytes(detail.total));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use bollard::models::{BuildInfo, BuildInfoAux};
    use bollard_buildkit_proto::{
        google::protobuf::Timestamp,
        moby::buildkit::v1::{StatusResponse, Vertex, VertexLog},
    };

    use crate::build::{docker::message::message, engine::progress::Progress};
    use crate::event::{Event, Events};

    fn heard(
        secrets: &[&[u8]],
        messages: Vec<BuildInfo>,
    ) -> (Progress, Vec<String>, Option<String>) {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let events = Events::new({
            let lines = lines.clone();
            move |event| {
                if let Event::Output { line } = event {
                    lines.lock().expect("a list").push(line);
                }
            }
        });
        let mut progress = Progress::new(events, secrets.iter().copied());
        let failed = messages
            .into_iter()
            .find_map(|info| message(&mut progress, info).err());
        let lines = lines.lock().expect("a list").clone();
        (progress, lines, failed)
    }

    fn json(text: &str) -> BuildInfo {
        serde_json::from_str(text).expect("a message")
    }

    fn status(vertexes: Vec<Vertex>, logs: &[(&str, &str)]) -> BuildInfo {
        let log = |(vertex, text): &(&str, &str)| VertexLog {
            vertex: (*vertex).to_owned(),
            msg: text.as_bytes().to_vec(),
            ..VertexLog::default()
        };
        BuildInfo {
            aux: Some(BuildInfoAux::BuildKit(StatusResponse {
                vertexes,
                logs: logs.iter().map(log).collect(),
                ..StatusResponse::default()
            })),
            ..BuildInfo::default()
        }
    }

    fn vertex(digest: &str, seconds: Option<i64>, error: &str) -> Vertex {
        let at = |seconds| Timestamp {
            seconds,
            nanos: 500_000_000,
        };
        Vertex {
            digest: digest.to_owned(),
            name: format!("RUN {digest}"),
            started: Some(at(10)),
            completed: seconds.map(|seconds| at(10 + seconds)),
            error: error.to_owned(),
            ..Vertex::default()
        }
    }

    #[test]
    fn the_classic_builder_s_last_image_counts() {
        let (progress, lines, failed) = heard(
            &[],
            vec![
                json(r#"{"stream":"Step 1/2 : FROM scratch\n"}"#),
                json(r#"{"stream":" ---> 1a2b3c4d5e6f\n"}"#),
                json(r#"{"aux":{"ID":"sha256:aaa"}}"#),
                json(r#"{"status":"Pulling from library/alpine","id":"3.20"}"#),
                json(r#"{"stream":" ---> Running in 1a2b3c4d5e6f\n"}"#),
                json(r#"{"aux":{"ID":"sha256:bbb"}}"#),
            ],
        );
        assert_eq!(failed, None);
        assert_eq!(progress.image(), Some("sha256:bbb"));
        let made: Vec<&String> = progress.made().iter().collect();
        assert_eq!(made, ["sha256:1a2b3c4d5e6f", "sha256:aaa", "sha256:bbb"]);
        assert_eq!(
            lines[..2],
            ["Step 1/2 : FROM scratch", " ---> 1a2b3c4d5e6f"]
        );
    }

    #[test]
    fn steps_are_numbered_and_lines_put_together() {
        let (_, lines, _) = heard(
            &[],
            vec![
                status(
                    vec![vertex("a", None, "")],
                    &[("a", "one\ntw"), ("b", "other\n")],
                ),
                status(vec![], &[("a", "o\n10%\r20%\r\n\x1b[31mred\nend")]),
                status(vec![vertex("a", Some(2), "")], &[]),
            ],
        );
        assert_eq!(
            lines,
            [
                "#1 RUN a",
                "#1 one",
                "#2 other",
                "#1 two",
                "#1 20%",
                "#1 red",
                "#1 end",
                "#1 DONE 2.0 s"
            ]
        );
    }

    #[test]
    fn secrets_are_never_shown() {
        let (mut progress, lines, failed) = heard(
            &[b"hunter2\n", b"hunter2-and-more", b"abc"],
            vec![
                status(
                    vec![vertex("a", None, "")],
                    &[("a", "token hunter2-and-more hunt"), ("a", "er2 abc\n")],
                ),
                status(vec![vertex("a", Some(1), "exit 1: hunter2")], &[]),
                json(r#"{"errorDetail":{"message":"process hunter2 failed"}}"#),
            ],
        );
        assert_eq!(failed.as_deref(), Some("process *** failed"));
        assert_eq!(lines[1..], ["#1 token *** *** abc", "#1 ERROR exit 1: ***"]);
        let failed = progress.failed_step().expect("a step");
        assert_eq!(failed.name, "RUN a");
        assert_eq!(failed.last.into_lines(), ["token *** *** abc"]);
    }
}
