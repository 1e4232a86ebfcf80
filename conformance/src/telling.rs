//! What is left of a story once it is told.

use alloc::string::String;
use alloc::vec::Vec;

use stheno_core::Readiness;

use crate::probe::Transcript;

/// What one wait of a backend reported: each channel by its name, in the backend's own order.
pub type Wait = Vec<(String, Readiness)>;

/// What is left of a story once it is told.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Telling {
    /// What the channels were told, by channel.
    pub transcript: Vec<String>,
    /// What each wait reported.
    pub waits: Vec<Wait>,
    /// Why the story was not told to its end, if it was not.
    pub broke: Option<String>,
}

impl Telling {
    pub(crate) fn new(mut transcript: Transcript, broke: Option<String>) -> Self {
        let waits = core::mem::take(&mut transcript.waits);
        Self { transcript: transcript.into_lines(), waits, broke }
    }

    /// A story that never began.
    pub(crate) fn unbegun(why: String) -> Self {
        Self { broke: Some(why), ..Self::default() }
    }

    /// The transcript, or why it is not whole.
    pub fn into_result(self) -> Result<Vec<String>, String> {
        match self.broke {
            Some(why) => Err(why),
            None => Ok(self.transcript),
        }
    }
}
