//! To come.
use super::Case;
use stheno::{Backend, Open, Os};
pub(super) fn cases<B: Backend<Os> + Open>() -> Vec<Case> {
    Vec::new()
}
