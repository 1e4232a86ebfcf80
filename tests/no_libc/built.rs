//! The programs for other ground than std's: built here, and what was linked into them.

use std::path::{Path, PathBuf};
use std::process::Command;

use object::{Object, ObjectSection, ObjectSymbol};

/// A package beside the workspace, built for a target.
pub struct Package {
    /// Its folder below `examples`.
    pub name: &'static str,
    pub target: &'static str,
    pub features: &'static str,
}

impl Package {
    /// A package without features.
    #[must_use]
    pub const fn plain(name: &'static str, target: &'static str) -> Self {
        Self { name, target, features: "" }
    }
}

pub const X86_64: &str = "x86_64-unknown-linux-gnu";
pub const AARCH64: &str = "aarch64-unknown-linux-gnu";
pub const CORTEX_M3: &str = "thumbv7m-none-eabi";

impl Package {
    /// Builds it, and says where its programs are; `None` where the toolchain has nothing for that target.
    #[must_use]
    pub fn build(&self) -> Option<PathBuf> {
        if !has_target(self.target) {
            return None;
        }
        // Beside the tests' own, so that neither waits for the other's lock; a folder for each choice of features, so that
        // neither is built again for the other.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent()?.join(format!("{}{}", self.name, self.features));
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--release", "--target", self.target, "--features", self.features])
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(self.name))
            .env("CARGO_TARGET_DIR", &folder)
            // Beside the code, and nothing of it changes.
            .env("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only")
            // The package's own configuration says how to link, which these would take the place of.
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env_remove("CARGO_BUILD_TARGET")
            .output()
            .expect("cargo builds these tests, so it is there");
        let said = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success(), "{} does not build for {}:\n{said}", self.name, self.target);
        Some(folder.join(self.target).join("release"))
    }
}

fn has_target(target: &str) -> bool {
    let asked = Command::new("rustc").args(["--print", "target-libdir", "--target", target]).output();
    asked.is_ok_and(|asked| Path::new(String::from_utf8_lossy(&asked.stdout).trim()).is_dir())
}

/// What a linked program is made of.
#[derive(Debug)]
pub struct Parts {
    pub text: u64,
    pub rodata: u64,
    pub data: u64,
    pub bss: u64,
    /// Names of functions and variables, and how long each is.
    pub symbols: Vec<(String, u64)>,
    pub undefined: Vec<String>,
}

impl Parts {
    #[must_use]
    pub fn of(program: &Path) -> Self {
        let bytes = std::fs::read(program).expect("the program has just been built");
        let file = object::File::parse(&*bytes).expect("what a linker makes is an object file");
        assert!(file.section_by_name(".interp").is_none(), "{} is linked dynamically", program.display());
        let size = |section: &str| file.section_by_name(section).map_or(0, |section| section.size());
        let named = |symbol: &object::Symbol<'_, '_>| symbol.name().unwrap_or("?").to_owned();
        let (undefined, defined): (Vec<_>, Vec<_>) = file
            .symbols()
            .filter(|symbol| symbol.name().is_ok_and(|name| !name.is_empty()))
            .partition(|symbol| symbol.is_undefined());
        Self {
            text: size(".text"),
            rodata: size(".rodata"),
            data: size(".data") + size(".data.rel.ro"),
            bss: size(".bss"),
            symbols: defined.iter().map(|symbol| (named(symbol), symbol.size())).collect(),
            undefined: undefined.iter().map(named).collect(),
        }
    }

    /// The length of the one variable whose mangled name ends in this.
    #[must_use]
    pub fn length_of(&self, name: &str) -> u64 {
        let mut found = self.symbols.iter().filter(|(symbol, _)| symbol.contains(name)).map(|(_, size)| *size);
        found.next().unwrap_or_else(|| panic!("there is no {name}"))
    }
}
