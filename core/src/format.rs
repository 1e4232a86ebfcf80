//! For `defmt`: the values whose derived form would show their insides.

use defmt::{Format, Formatter, write};

use crate::imply::Steps;
use crate::{Instant, Interest, Key, Readiness};

impl Format for Key {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "#{=usize}.{=u32}", self.index(), self.generation());
    }
}

impl Format for Instant {
    fn format(&self, f: Formatter<'_>) {
        if *self == Self::NEVER { write!(f, "never") } else { write!(f, "{=u64}ns", self.as_nanos()) }
    }
}

impl Format for Interest {
    fn format(&self, f: Formatter<'_>) {
        names(f, Self::NAMES.iter().map(|(name, bit)| (*name, self.intersects(*bit))));
    }
}

impl Format for Readiness {
    fn format(&self, f: Formatter<'_>) {
        names(f, Self::NAMES.iter().map(|(name, bit)| (*name, self.intersects(*bit))));
    }
}

impl Format for Steps {
    fn format(&self, f: Formatter<'_>) {
        let mut between = "";
        for step in *self {
            write!(f, "{=str}{}", core::mem::replace(&mut between, ", "), step);
        }
    }
}

/// The names of those that are there.
fn names(f: Formatter<'_>, all: impl Iterator<Item = (&'static str, bool)>) {
    let mut between = "";
    for (name, _) in all.filter(|(_, there)| *there) {
        write!(f, "{=str}{=str}", core::mem::replace(&mut between, " | "), name);
    }
    if between.is_empty() {
        write!(f, "nothing");
    }
}
