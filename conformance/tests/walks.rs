//! Random walks on every backend.

use stheno_conformance::{Backing, agrees, walk};

#[test]
fn tmp() {
    let backings = [Backing::of::<stheno::Select>("select"), Backing::of::<stheno::Poll>("poll"), Backing::of::<stheno::Epoll>("epoll")];
    let from: u64 = std::env::var("SEED").map_or(0, |s| s.parse().unwrap());
    let n: u64 = std::env::var("N").map_or(8, |s| s.parse().unwrap());
    for seed in from..from + n {
        let story = walk(seed);
        for b in &backings {
            let told = b.tell(&story).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
            if !agrees(&story, &told) {
                std::fs::write("/tmp/told.txt", told.join("\n")).unwrap();
                let steps: Vec<_> = story.steps.iter().map(|s| s.words.join(" ")).collect();
                std::fs::write("/tmp/steps.txt", steps.join("\n")).unwrap();
                std::fs::write("/tmp/expected.txt", story.accepted()[0].join("\n")).unwrap();
                panic!("seed {seed} on {}", b.name());
            }
        }
    }
}
