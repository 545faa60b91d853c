//! Variables for later jobs: lines of `NAME=value`, as GitLab's `artifacts:reports:dotenv` reads
//! them. Such a value is one line without quotes.

use super::report::{RunReport, json_of_all};

pub(super) fn text(reports: &[RunReport<'_>]) -> String {
    let line = |name: &str, value: &str| {
        let name = name.replace('-', "_").to_uppercase();
        format!("HOIST_{name}={}\n", value.replace(['\n', '\r'], " "))
    };
    match reports {
        [one] if one.label.config().is_none() => {
            let outputs = one.outputs().into_iter();
            outputs.map(|(name, value)| line(name, &value)).collect()
        }
        several => line("releases", &json_of_all(several)),
    }
}
