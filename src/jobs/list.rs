//! The drives of this machine, and what is in them.
