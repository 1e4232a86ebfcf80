//! How long Stheno's parts take: `cargo bench --features parts`.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use stheno_rivals::parts::ALL;

fn parts(criterion: &mut Criterion) {
    for part in ALL {
        let (group, what) = part.name.split_once('/').expect("each part is one of a group");
        let mut group = criterion.benchmark_group(group);
        group.throughput(Throughput::Elements(part.of));
        let mut again = (part.set_up)().expect("it was set up before");
        group.bench_function(what, |bencher| bencher.iter(&mut again));
        group.finish();
    }
}

criterion_group!(benches, parts);
criterion_main!(benches);
