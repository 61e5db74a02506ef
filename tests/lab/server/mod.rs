//! What this process serves to a machine.

pub mod export;
mod nbd;
