//! The pages: every link between them leads somewhere.

use crate::{files, read, root};

#[test]
fn every_link_between_pages_leads_somewhere() {
    let pages = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"].map(str::to_owned);
    let mut links = 0;
    for page in pages
        .into_iter()
        .chain(files("docs", ".md"))
        .chain(files("infra", ".md"))
    {
        let text = read(&page);
        let folder = root().join(&page);
        let folder = folder.parent().unwrap();
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split(')').next().unwrap();
            if target.contains("://") || target.starts_with('#') {
                continue;
            }
            let file = target.split('#').next().unwrap();
            assert!(folder.join(file).exists(), "{page} links to {target}");
            links += 1;
        }
    }
    assert!(links > 10, "{links} links were found");
}

#[test]
fn every_picture_is_shown_described_and_small() {
    const MOST: u64 = 60_000;
    let readme = read("README.md");
    let shown: Vec<&str> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("<img src=\"")?.split('"').next())
        .collect();
    for picture in &shown {
        let length = root().join(picture).metadata().map(|file| file.len());
        let length = length.unwrap_or_else(|error| panic!("{picture}: {error}"));
        assert!(length <= MOST, "{picture} has {length} octets");
        let described = format!("<img src=\"{picture}\" height=\"400\" alt=\"");
        assert!(readme.contains(&described), "{picture} is not described");
    }
    assert_eq!(files("docs/images", ".png").len(), shown.len());
}
