//! One disc as the program sees it: what lies where on it ([`Layout`]), and whether it is the same one ([`Identity`]).

mod facts;
mod hurt;
mod identity;
mod layout;
mod origin;
mod record;
mod region;

pub use facts::Facts;
pub use hurt::{Hurt, HurtFile, HurtStructure, Listed, Unknown};
pub use identity::{Compared, Identity, Sameness, SystemArea};
pub use layout::{Candidate, Layout, Refusal, SizeDecision, Track, TrackKind, cd_data_tracks};
pub use origin::Origin;
pub use record::{Damage, DriveName, Record, RunRecord, SensedExtent};
pub use region::{Region, RegionClass};
