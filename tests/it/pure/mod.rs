//! Decisions without the outside world: golden tables, laws, the shape of the source.

mod architecture;
mod cases;
mod fuzz_laws;
mod history_graphs;
mod names;
mod odd_histories;
mod reverts;
