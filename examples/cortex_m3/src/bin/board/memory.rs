//! How much memory a program takes, by its own sections.

use std::path::Path;

use object::{Object, ObjectSection, SectionFlags, SectionKind, elf};

use crate::Failure;

/// Bytes of each kind of memory that are taken when the program is linked.
pub struct Memory {
    /// What is in the chip for good, the first values of variables included.
    pub flash: u64,
    /// Variables; what is left of 64 KiB is the stack.
    pub ram: u64,
}

impl Memory {
    /// What this program takes.
    pub fn of(program: &Path) -> Result<Self, Failure> {
        let data = std::fs::read(program)?;
        let file = object::File::parse(&*data)?;
        let mut memory = Self { flash: 0, ram: 0 };
        for section in file.sections() {
            let SectionFlags::Elf { sh_flags } = section.flags() else { return Err("it is no ELF file".into()) };
            if sh_flags & u64::from(elf::SHF_ALLOC) == 0 {
                continue;
            }
            let variable = sh_flags & u64::from(elf::SHF_WRITE) != 0;
            let filled = section.kind() != SectionKind::UninitializedData;
            if filled {
                memory.flash += section.size();
            }
            if variable {
                memory.ram += section.size();
            }
        }
        if memory.flash == 0 { Err("it takes no memory at all".into()) } else { Ok(memory) }
    }
}
