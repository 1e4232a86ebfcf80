//! Whose code a program is made of, by the lines that each instruction was made from.

use std::borrow::Cow;
use std::path::Path;

use addr2line::Context;
use addr2line::gimli::{DwarfSections, EndianSlice, Error, LittleEndian, SectionId};
use object::{Object, ObjectSection};

/// How many bytes of a Cortex-M's program were made from the files below this folder. What they inlined from the libraries of
/// the language and of containers counts as theirs.
#[must_use]
pub fn bytes_of(program: &Path, folder: &Path) -> u64 {
    let bytes = std::fs::read(program).expect("the program has just been built");
    let file = object::File::parse(&*bytes).expect("what a linker makes is an object file");
    let load = |id: SectionId| -> Result<Cow<'_, [u8]>, Error> {
        let section = file.section_by_name(id.name()).and_then(|section| section.uncompressed_data().ok());
        Ok(section.unwrap_or_default())
    };
    let sections = DwarfSections::load(load).expect("a section that is not there is empty");
    let dwarf = sections.borrow(|section| EndianSlice::new(section, LittleEndian));
    let lines = Context::from_dwarf(dwarf).expect("the program was built with its lines");
    let text = file.section_by_name(".text").expect("a program has code");
    // Instructions begin at even addresses.
    let places = (text.address()..text.address() + text.size()).step_by(2);
    2 * places.filter(|place| is_of(&lines, *place, folder)).count() as u64
}

fn is_of(lines: &Context<EndianSlice<'_, LittleEndian>>, place: u64, folder: &Path) -> bool {
    let mut frames = lines.find_frames(place).skip_all_loads().expect("lines can be read");
    // From what was inlined to where it was.
    while let Some(frame) = frames.next().expect("lines can be read") {
        match frame.location.and_then(|location| location.file) {
            Some(file) if file.contains("/library/") || file.contains("/heapless-") => {}
            file => return file.is_some_and(|file| Path::new(file).starts_with(folder)),
        }
    }
    false
}
