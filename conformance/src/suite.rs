//! Which cases there are, and how they are run on which backends.

use std::path::{Path, PathBuf};

use stheno::{Backend, Open, Os};

use crate::contract::{self, Case};
use crate::ground::{Ground, Need};
use crate::matrix::{Cell, Evidence};
use crate::probe::World;
use crate::report::difference::nearest;
use crate::run::Settings;
use crate::scenario::{Malformed, Scenario};
use crate::sim::Sim;
use crate::story::{agrees, in_normal_form, witness};
use crate::telling::Telling;
use crate::walk::walk;

/// A backend that the suite can be run on: its name, how it tells stories and stands to the contract, and what it lacks.
#[derive(Clone)]
pub struct Backing {
    name: String,
    tell: Teller,
    contract: Vec<Case>,
    lacks: Vec<(Need, String)>,
    /// Cases that are not run, by their full names.
    leaves_out: Vec<(String, String)>,
    one_at_a_time: bool,
}

type Teller = fn(&Scenario, &Settings) -> Telling;

impl Backing {
    /// A backend over the operating system's sockets by its type, under this name.
    pub fn of<B: Backend<World> + Backend<Os> + Open + 'static>(name: &str) -> Self {
        let contract = [contract::cases::<Os, B>(), contract::os_cases::<B>()].concat();
        Self::new(name, |story, _| witness::<Os, B>(story), contract)
    }

    /// A backend over a network of its own.
    ///
    /// What only an operating system has is skipped, by name.
    pub fn on<G: Ground, B: Backend<World<G>> + Backend<G> + Open + 'static>(name: &str) -> Self {
        // Any backend will do to name the cases that are not run.
        let contract = [contract::cases::<G, B>(), contract::os_cases::<stheno::Poll>()].concat();
        let backing = Self::new(name, |story, _| witness::<G, B>(story), contract);
        backing.without(Need::Descriptors, "the network is not an operating system's")
    }

    /// A backend over the [simulated network](crate::sim), without the cases that it does not know.
    pub fn simulated<B: Backend<World<Sim>> + Backend<Sim> + Open + 'static>(name: &str) -> Self {
        Self::on::<Sim, B>(name)
            .without(Need::TwoLoops, "a simulated network is one loop's own")
            .without(Need::Waker, "no other thread can reach a simulated network")
    }

    fn new(name: &str, tell: Teller, contract: Vec<Case>) -> Self {
        Self { name: name.into(), tell, contract, lacks: Vec::new(), leaves_out: Vec::new(), one_at_a_time: false }
    }

    /// The same, without something that not every network has: the cases that need it are skipped, by name and with this
    /// reason. [`Need::Sockets`] says how many sockets are too many.
    #[must_use]
    pub fn without(mut self, need: Need, why: &str) -> Self {
        self.lacks.push((need, why.into()));
        self
    }

    /// The same, for at most so many sockets at once, those of the far ends included where they come from the same table.
    ///
    /// Contract cases say how many they need only where that is more than 16; on a network with fewer, those that run out
    /// are to be [left out](Self::leaving_out).
    #[must_use]
    pub fn with_at_most(self, sockets: u32, why: &str) -> Self {
        self.without(Need::Sockets(sockets.saturating_add(1)), why)
    }

    /// The same, without one case, by its full name as the matrix shows it: it is skipped with this reason.
    ///
    /// For what [`without`](Self::without) has no word for.
    #[must_use]
    pub fn leaving_out(mut self, case: &str, why: &str) -> Self {
        self.leaves_out.push((case.into(), why.into()));
        self
    }

    /// The same, for a network that there is but one of in a process, so that stories must not be told at the same time:
    /// they would take each other's sockets.
    #[must_use]
    pub fn one_at_a_time(mut self) -> Self {
        self.one_at_a_time = true;
        self
    }

    pub(crate) const fn is_one_at_a_time(&self) -> bool {
        self.one_at_a_time
    }

    /// What the backend is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What comes of a story on this backend.
    pub fn tell(&self, story: &Scenario, settings: &Settings) -> Telling {
        (self.tell)(story, settings)
    }

    /// Tells a story and compares what came of it with what should have.
    pub(crate) fn judge(&self, story: &Scenario, settings: &Settings) -> (Cell, Option<Evidence>) {
        let accepted = story.accepted();
        if accepted.is_empty() {
            let why = "no transcript to compare with: neither `--- expect` nor `--- asyncore`";
            return (Cell::Skipped(why.into()), None);
        }
        if let Some(why) = self.skips(&story.full_name(), &story.needs()) {
            return (Cell::Skipped(why), None);
        }
        let telling = self.tell(story, settings);
        let why = match &telling.broke {
            Some(why) => why.clone(),
            None if agrees(story, &telling.transcript) => return (Cell::Passed, None),
            None => "the transcript differs".into(),
        };
        let told = in_normal_form(story, &telling.transcript);
        let accepted: Vec<_> = accepted.into_iter().map(|lines| in_normal_form(story, lines)).collect();
        let accepted: Vec<_> = accepted.iter().map(|lines| &lines[..]).collect();
        let expected = nearest(&accepted, &told);
        (Cell::Failed(why), Some(Evidence::new(story, expected, Telling { transcript: told, ..telling })))
    }

    /// The contract case of this name.
    pub(crate) fn case(&self, name: &str) -> Option<&Case> {
        self.contract.iter().find(|case| case.name == name)
    }

    /// Why what needs all this cannot be asked of this backend; `None` where it can.
    pub fn lacks(&self, needs: &[Need]) -> Option<String> {
        let lacking = |need: &&Need| match need {
            Need::Sockets(count) => {
                self.lacks.iter().find(|(lack, _)| matches!(lack, Need::Sockets(most) if most <= count))
            }
            need => self.lacks.iter().find(|(lack, _)| lack == *need),
        };
        needs.iter().find_map(|need| lacking(&need).map(|(_, why)| format!("it needs {need}: {why}")))
    }

    /// Why this case is not run here, needing what it does; `None` where it is.
    pub(crate) fn skips(&self, name: &str, needs: &[Need]) -> Option<String> {
        let left_out = self.leaves_out.iter().find(|(case, _)| case == name);
        left_out.map(|(_, why)| format!("left out: {why}")).or_else(|| self.lacks(needs))
    }

    /// What is declared, each with the cases of the suite that it keeps from being run.
    pub(crate) fn declarations(&self, suite: &Suite) -> Vec<Declaration> {
        let stories = suite.scenarios.iter().map(|story| (format!("scenario/{}", story.name), story.needs()));
        let cases = self.contract.iter().map(|case| (case.full_name(), case.needs.to_vec()));
        let (names, needs): (Vec<_>, Vec<_>) = stories.chain(cases).unzip();
        let lacks = self.lacks.iter().map(|(need, why)| {
            let alone = Self { lacks: vec![(*need, why.clone())], ..self.clone() };
            let kept = names.iter().zip(&needs).filter(|(_, needs)| alone.lacks(needs).is_some());
            Declaration { text: format!("without {need}"), keeps: kept.map(|(name, _)| name.clone()).collect() }
        });
        let left_out = self.leaves_out.iter().map(|(case, _)| Declaration {
            text: format!("leaving out {case}"),
            keeps: names.iter().filter(|name| *name == case).cloned().collect(),
        });
        lacks.chain(left_out).collect()
    }

    /// The same, with nothing declared; but an operating system is nothing that a network could have unawares.
    pub(crate) fn with_everything(&self) -> Self {
        let system = self.lacks.iter().filter(|(need, _)| *need == Need::Descriptors).cloned().collect();
        Self { lacks: system, leaves_out: Vec::new(), ..self.clone() }
    }
}

/// Something that is declared of a backend, and the cases that are not run because of it.
pub(crate) struct Declaration {
    pub(crate) text: String,
    pub(crate) keeps: Vec<String>,
}

/// A part of the suite, small enough for a test function.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Part {
    /// The stories that were written down.
    Scenarios,
    /// The stories that a seed tells.
    Walks,
    /// The contract cases that ask what the net promises.
    Net,
    /// The contract cases that ask what conversations and outboxes promise.
    Chat,
    /// The other contract cases: of the backend and of the loop.
    Contract,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 5] = [Self::Scenarios, Self::Walks, Self::Net, Self::Chat, Self::Contract];

    fn tells(self, story: &Scenario) -> bool {
        match self {
            Self::Scenarios => !story.name.starts_with(WALK),
            Self::Walks => story.name.starts_with(WALK),
            Self::Net | Self::Chat | Self::Contract => false,
        }
    }

    fn asks(self, case: &Case) -> bool {
        let of_the_net = case.clauses.split_whitespace().any(|clause| clause.starts_with('N'));
        let of_chat = ["chat-", "outbox-"].iter().any(|subject| case.name.starts_with(subject));
        match self {
            Self::Scenarios | Self::Walks => false,
            Self::Net => of_the_net,
            Self::Chat => of_chat,
            Self::Contract => !of_the_net && !of_chat,
        }
    }
}

/// How the name of a walk begins.
const WALK: &str = "walk-";

/// The seed of the walk that is called so.
fn seed_of(name: &str) -> Option<u64> {
    let seed = name.strip_prefix("scenario/")?.strip_prefix(WALK)?;
    u64::from_str_radix(seed, 16).ok()
}

/// A set of cases.
#[derive(Clone, Debug, Default)]
pub struct Suite {
    scenarios: Vec<Scenario>,
    malformed: Vec<Malformed>,
    contract: bool,
    folder: Option<PathBuf>,
    part: Option<Part>,
    filter: String,
    exact: bool,
}

impl Suite {
    /// How many random walks there are among the project's own cases.
    pub const WALKS: u64 = 8;

    /// Every contract case, the stories that the project holds itself, and a few random walks.
    pub fn with_own_scenarios() -> Self {
        let parsed = |(name, source): (&str, &str)| match Scenario::parse(name, source) {
            Ok(story) => story,
            // A test of this crate parses them all.
            Err((line, what)) => unreachable!("{name}.scn:{line}: {what}"),
        };
        let scenarios = Scenario::own().map(parsed).collect();
        Self { scenarios, contract: true, ..Self::default() }.with_walks(1, Self::WALKS)
    }

    /// The same with other random walks: so many, of this seed and those that follow it.
    #[must_use]
    pub fn with_walks(mut self, first: u64, count: u64) -> Self {
        self.scenarios.retain(|story| !story.name.starts_with(WALK));
        self.scenarios.extend((0..count).map(|at| walk(first.wrapping_add(at))));
        self
    }

    /// The stories of a folder, and nothing else. A file that is malformed is a case that fails.
    pub fn from_folder(folder: &Path) -> Result<Self, Malformed> {
        let mut suite = Self { folder: Some(folder.into()), ..Self::default() };
        for loaded in Scenario::load_all(folder)? {
            match loaded {
                Ok(story) => suite.scenarios.push(story),
                Err(why) => suite.malformed.push(why),
            }
        }
        Ok(suite)
    }

    /// Only the cases whose name contains this.
    #[must_use]
    pub fn filter(mut self, text: &str) -> Self {
        (self.filter, self.exact) = (text.into(), false);
        self
    }

    /// Only the random walk of this name; or, if it is none's, only the cases whose name contains this.
    pub(crate) fn called(self, text: &str) -> Self {
        match seed_of(text) {
            Some(_) => self.only(text),
            None => self.filter(text),
        }
    }

    /// Only the case whose name is this. A random walk need not be among the suite's own: its name says its seed.
    #[must_use]
    pub fn only(mut self, name: &str) -> Self {
        (self.filter, self.exact) = (name.into(), true);
        match seed_of(name) {
            Some(seed) if self.folder.is_none() => self.with_walks(seed, 1),
            _ => self,
        }
    }

    /// The seed of a story in whose place later rounds tell others: it is a walk, and not one that was asked for by its name.
    pub(crate) fn walk_of(&self, story: &Scenario) -> Option<u64> {
        if self.folder.is_some() || self.exact { None } else { seed_of(&story.full_name()) }
    }

    /// The folder that the stories are from, if they are not the project's own.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Only this part.
    #[must_use]
    pub fn part(mut self, part: Part) -> Self {
        self.part = Some(part);
        self
    }

    /// The stories that the filter lets through.
    pub fn scenarios(&self) -> impl Iterator<Item = &Scenario> {
        let stories = self.scenarios.iter().filter(|story| self.part.is_none_or(|part| part.tells(story)));
        stories.filter(|story| self.lets_through(&story.full_name()))
    }

    /// The files that the filter lets through and that are no stories, each with the name of its case.
    pub fn malformed(&self) -> impl Iterator<Item = (String, &Malformed)> {
        let name = |why: &Malformed| format!("scenario/{}", why.file.file_stem().unwrap_or_default().display());
        self.malformed.iter().map(move |why| (name(why), why)).filter(|(name, _)| self.lets_through(name))
    }

    /// The name of each case that would be run on these backends, and what it is about.
    pub fn list(&self, backings: &[Backing]) -> Vec<(String, String)> {
        let stories = self.scenarios().map(|story| (story.full_name(), story.about.clone()));
        let cases = self.contract_cases(backings).into_iter().map(|case| (case.full_name(), case.clauses.to_string()));
        let malformed = self.malformed().map(|(name, why)| (name, why.to_string()));
        stories.chain(malformed).chain(cases).collect()
    }

    pub(crate) fn contract_cases<'a>(&self, backings: &'a [Backing]) -> Vec<&'a Case> {
        let cases = backings.first().into_iter().flat_map(|backing| &backing.contract);
        let cases = cases.filter(|case| self.part.is_none_or(|part| part.asks(case)));
        cases.filter(|case| self.contract && self.lets_through(&case.full_name())).collect()
    }

    fn lets_through(&self, name: &str) -> bool {
        if self.exact { name == self.filter } else { name.contains(&self.filter) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_stories_can_be_read() {
        let suite = Suite::with_own_scenarios();
        assert!(suite.scenarios().count() >= 28);
        assert!(suite.scenarios().all(|story| !story.about.is_empty() && !story.accepted().is_empty()));
    }

    #[test]
    fn a_filter_lets_some_through() {
        let suite = Suite::with_own_scenarios().filter("scenario/accept");
        let names: Vec<_> = suite.scenarios().map(|story| story.name.as_str()).collect();
        assert_eq!(names, ["accept-burst", "accept"]);
    }

    #[test]
    fn an_exact_name_lets_one_through() {
        let suite = Suite::with_own_scenarios().only("scenario/accept");
        let names: Vec<_> = suite.scenarios().map(|story| story.name.as_str()).collect();
        assert_eq!(names, ["accept"]);
        assert_eq!(suite.only("scenario/accep").scenarios().count(), 0);
    }

    #[test]
    fn a_walk_is_found_by_its_name_and_is_the_same_in_every_round() {
        let suite = Suite::with_own_scenarios();
        let seeds = |suite: &Suite| suite.scenarios().map(|story| suite.walk_of(story)).collect::<Vec<_>>();
        assert_eq!(seeds(&suite.clone().filter("walk-7")), [Some(7)]);
        assert_eq!(seeds(&suite.clone().filter("scenario/accept")), [None, None]);
        let far = suite.clone().called("scenario/walk-beef");
        assert_eq!(far.scenarios().map(|story| story.name.as_str()).collect::<Vec<_>>(), ["walk-beef"]);
        assert_eq!(seeds(&far), [None]);
        assert_eq!(suite.called("scenario/walk-").scenarios().count(), Suite::WALKS as usize);
    }
}
