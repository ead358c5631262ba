//! Takes one stream out of an Office container (the outer shell of XLS). Reads only, trusts no number in it, and gives up
//! where a chain of sectors does not end.

use super::binary::{u16_at, u32_at, wide_at};

/// Sectors beyond this number mark the end of a chain, or free space.
const LAST_SECTOR: u32 = 0xffff_fffa;
const DIRECTORY_ENTRY_BYTES: usize = 128;
/// Streams below this size live in the small sectors of the root's own stream.
const SMALL_STREAM_BYTES: usize = 4096;

/// The bytes of the first stream that has one of the names; `None` when there is none or the container is broken.
pub(super) fn stream(container: &[u8], names: &[&str]) -> Option<Vec<u8>> {
    let file = Container::of(container)?;
    let directory = file.chain(u32_at(container, 48)?)?;
    let mut entries = directory.chunks_exact(DIRECTORY_ENTRY_BYTES);
    let root = entries.next()?;
    let entry = names.iter().find_map(|name| {
        directory
            .chunks_exact(DIRECTORY_ENTRY_BYTES)
            .find(|entry| entry_name(entry).is_some_and(|found| found.eq_ignore_ascii_case(name)))
    })?;
    let (first, size) = (u32_at(entry, 116)?, u32_at(entry, 120)? as usize);
    let mut bytes = if size < SMALL_STREAM_BYTES {
        file.small_chain(root, first)?
    } else {
        file.chain(first)?
    };
    if bytes.len() < size {
        return None;
    }
    bytes.truncate(size);
    Some(bytes)
}

fn entry_name(entry: &[u8]) -> Option<String> {
    let length = usize::from(u16_at(entry, 64)?);
    wide_at(entry, 0, length.checked_sub(2)? / 2)
}

struct Container<'a> {
    bytes: &'a [u8],
    sector_bytes: usize,
    /// For each sector the next one of its chain.
    next: Vec<u32>,
}

impl<'a> Container<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let shift = u16_at(bytes, 30)?;
        if !matches!(shift, 9 | 12) {
            return None;
        }
        let mut file = Container {
            bytes,
            sector_bytes: 1 << shift,
            next: Vec::new(),
        };
        let mut tables: Vec<u32> = (0..109)
            .filter_map(|at| u32_at(bytes, 76 + at * 4))
            .collect();
        let mut more = u32_at(bytes, 68)?;
        let mut followed = 0;
        while more < LAST_SECTOR && followed <= bytes.len() / file.sector_bytes {
            let sector = file.sector(more)?;
            let (list, link) = sector.split_at(sector.len() - 4);
            tables.extend(numbers(list));
            more = u32_at(link, 0)?;
            followed += 1;
        }
        for table in tables.into_iter().filter(|&table| table < LAST_SECTOR) {
            let entries: Vec<u32> = numbers(file.sector(table)?).collect();
            file.next.extend(entries);
        }
        Some(file)
    }

    fn sector(&self, number: u32) -> Option<&'a [u8]> {
        let start = (number as usize)
            .checked_add(1)?
            .checked_mul(self.sector_bytes)?;
        // The last sector of a file may be cut short by its writer.
        let end = (start + self.sector_bytes).min(self.bytes.len());
        self.bytes.get(start..end)
    }

    fn chain(&self, first: u32) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut sector = first;
        while sector < LAST_SECTOR {
            // A chain longer than the file goes in circles.
            if bytes.len() > self.bytes.len() {
                return None;
            }
            bytes.extend_from_slice(self.sector(sector)?);
            sector = *self.next.get(sector as usize)?;
        }
        Some(bytes)
    }

    fn small_chain(&self, root: &[u8], first: u32) -> Option<Vec<u8>> {
        let small_bytes = 1usize << u16_at(self.bytes, 32)?.min(12);
        let small = self.chain(u32_at(root, 116)?)?;
        let table = self.chain(u32_at(self.bytes, 60)?)?;
        let next: Vec<u32> = numbers(&table).collect();
        let mut bytes = Vec::new();
        let mut sector = first;
        while sector < LAST_SECTOR {
            if bytes.len() > small.len() {
                return None;
            }
            let start = (sector as usize).checked_mul(small_bytes)?;
            bytes.extend_from_slice(small.get(start..(start + small_bytes).min(small.len()))?);
            sector = *next.get(sector as usize)?;
        }
        Some(bytes)
    }
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes
        .chunks_exact(4)
        .map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
}
