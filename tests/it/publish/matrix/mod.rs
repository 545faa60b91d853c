//! The ways in which registries are known to fail, named by the rows of `docs/failures.md` and
//! their words. Where one fault strikes one run, the row stands in a table.

mod commit;
mod reading;
mod restoring;
mod row;
mod several;
mod staging;
