//! Reads descriptions of legs.

use crate::{
    build::join::{
        leg::{LEG_FORMAT, Leg},
        refusal::{not_a_leg, of_newer_hoist},
    },
    error::Result,
};

impl Leg {
    /// Reads the description in `text`, which comes from `file`.
    ///
    /// # Errors
    /// Refused (exit 4): it is not a leg, or one of a newer hoist.
    pub(crate) fn parse(text: &str, file: &str) -> Result<Self> {
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|error| not_a_leg(file, &error.to_string()))?;
        let kind = value.get("type").and_then(serde_json::Value::as_str);
        if kind != Some(Self::TYPE) {
            let says = kind.map_or_else(
                || "it does not say `\"type\":\"leg\"`".to_owned(),
                |kind| format!("its type is `{kind}`, and not `leg`"),
            );
            return Err(not_a_leg(file, &says));
        }
        if let Some(v) = value.get("v").and_then(serde_json::Value::as_u64)
            && v > LEG_FORMAT
        {
            return Err(of_newer_hoist(file, v));
        }
        serde_json::from_value(value).map_err(|error| not_a_leg(file, &error.to_string()))
    }

    /// Every description in `text`: one for each line, or one that is spread over several lines.
    ///
    /// # Errors
    /// As [`Leg::parse`]; there is none.
    pub(crate) fn parse_all(text: &str, file: &str) -> Result<Vec<Self>> {
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        let each_line = lines
            .iter()
            .all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok());
        if lines.is_empty() {
            return Err(not_a_leg(file, "it is empty"));
        }
        if !each_line {
            return Self::parse(text, file).map(|leg| vec![leg]);
        }
        lines.iter().map(|line| Self::parse(line, file)).collect()
    }
}
