//! The services, their versions, and their packages.

use std::collections::BTreeMap;

use fastly_package_archive::CheckReport;
use sha2::{Digest, Sha512};

use crate::answer::Answer;
use crate::clock::now;
use crate::config::Config;
use crate::rate_limit::RateLimit;
use crate::refusal::Result;
use crate::stored_package::StoredPackage;

/// The characters of Fastly's IDs.
const ALPHANUMERICS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A version of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) service_id: String,
    pub(crate) version: u32,
}

pub(crate) struct State {
    /// Whether every service exists with every version.
    open: bool,
    /// In the order of their IDs.
    pub(crate) services: BTreeMap<String, Service>,
    pub(crate) rate_limit: RateLimit,
}

#[derive(Default)]
pub(crate) struct Service {
    pub(crate) versions: BTreeMap<u32, Version>,
}

pub(crate) struct Version {
    pub(crate) locked: bool,
    pub(crate) active: bool,
    pub(crate) package: Option<StoredPackage>,
    /// In seconds since the epoch.
    pub(crate) created_at: u64,
}

impl Default for Version {
    fn default() -> Self {
        Self { locked: false, active: false, package: None, created_at: now() }
    }
}

impl State {
    pub(crate) fn new(config: &Config) -> Self {
        let mut state = Self {
            open: config.services.is_none(),
            services: BTreeMap::new(),
            rate_limit: RateLimit::new(config.writes_per_hour),
        };
        for (id, versions) in config.services.iter().flatten() {
            let versions = (1..=*versions).map(|number| (number, Version::default())).collect();
            state.services.insert(id.clone(), Service { versions });
        }
        for (id, version) in &config.locked {
            state.lock(id, *version);
        }
        state
    }

    /// Returns a service. If every service exists, it is created with a version 1.
    pub(crate) fn service(&mut self, id: &str) -> Result<&mut Service> {
        if self.open {
            let first = || Service { versions: [(1, Version::default())].into() };
            return Ok(self.services.entry(id.to_owned()).or_insert_with(first));
        }
        self.services.get_mut(id).ok_or_else(|| Answer::no_such_service(id).into())
    }

    /// Returns a version. If every version exists, it is created.
    pub(crate) fn version(&mut self, target: &Target) -> Result<&mut Version> {
        let open = self.open;
        let versions = &mut self.service(&target.service_id)?.versions;
        if open {
            return Ok(versions.entry(target.version).or_default());
        }
        versions
            .get_mut(&target.version)
            .ok_or_else(|| Answer::no_such_version(target.version).into())
    }

    pub(crate) fn package(&self, service_id: &str, version: u32) -> Option<&StoredPackage> {
        self.services.get(service_id)?.versions.get(&version)?.package.as_ref()
    }

    pub(crate) fn lock(&mut self, service_id: &str, version: u32) {
        let service = self.services.entry(service_id.to_owned()).or_default();
        service.versions.entry(version).or_default().locked = true;
    }

    /// Makes a version the active one, which locks it.
    pub(crate) fn activate(&mut self, target: &Target) -> Result<()> {
        self.version(target)?;
        for version in self.service(&target.service_id)?.versions.values_mut() {
            version.active = false;
        }
        let version = self.version(target)?;
        (version.active, version.locked) = (true, true);
        Ok(())
    }

    /// Adds a version after the last one, with the package of `target`.
    pub(crate) fn clone_version(&mut self, target: &Target) -> Result<Target> {
        let package = self.version(target)?.package.clone();
        let versions = &mut self.service(&target.service_id)?.versions;
        let number = versions.keys().last().map_or(1, |last| last.saturating_add(1));
        let mut version = Version::default();
        version.package = package.map(|package| StoredPackage {
            id: package_id(&target.service_id, number),
            version: number,
            created_at: version.created_at,
            updated_at: version.created_at,
            uploads: 0,
            ..package
        });
        versions.insert(number, version);
        Ok(Target { version: number, ..target.clone() })
    }

    /// Replaces a version's package.
    pub(crate) fn store(
        &mut self,
        target: &Target,
        archive: CheckReport,
        now: u64,
    ) -> Result<&StoredPackage> {
        let version = self.version(target)?;
        let before = version.package.take();
        Ok(version.package.insert(StoredPackage {
            id: package_id(&target.service_id, target.version),
            service_id: target.service_id.clone(),
            version: target.version,
            archive,
            created_at: before.as_ref().map_or(now, |package| package.created_at),
            updated_at: now,
            uploads: before.map_or(0, |package| package.uploads) + 1,
        }))
    }
}

/// Returns 22 alphanumeric characters that depend only on the service and the version.
fn package_id(service_id: &str, version: u32) -> String {
    let hash = Sha512::digest(format!("{version}/{service_id}"));
    let character = |byte: &u8| char::from(ALPHANUMERICS[usize::from(*byte) % ALPHANUMERICS.len()]);
    hash.iter().take(22).map(character).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fastly_package_archive::ReadLimits;
    use std::io::Cursor;

    fn target(service_id: &str, version: u32) -> Target {
        Target { service_id: service_id.into(), version }
    }

    #[test]
    fn without_a_list_of_services_everything_exists() {
        let mut state = State::new(&Config::default());
        assert!(state.version(&target("any", 56)).is_ok());
        assert_eq!(state.service("other").unwrap().versions.len(), 1);
    }

    #[test]
    fn a_list_of_services_determines_which_versions_exist() {
        let services = Some([("known".to_owned(), 2)].into());
        let mut state = State::new(&Config { services, ..Config::default() });
        assert!(state.version(&target("known", 2)).is_ok());
        for (service_id, version, missing) in [("known", 3, "Version"), ("Known", 1, "Service")] {
            let refusal = state.version(&target(service_id, version)).err();
            assert!(
                format!("{refusal:?}").contains(&format!("Couldn't find {missing} ")),
                "{refusal:?}"
            );
        }
    }

    #[test]
    fn a_clone_is_unlocked_and_comes_after_the_last_version() {
        let services = Some([("s".to_owned(), 3)].into());
        let mut state = State::new(&Config { services, ..Config::default() });
        state.activate(&target("s", 1)).unwrap();
        assert_eq!(state.clone_version(&target("s", 1)).unwrap(), target("s", 4));
        assert!(state.version(&target("s", 1)).unwrap().locked);
        assert!(!state.version(&target("s", 4)).unwrap().locked);
    }

    #[test]
    fn a_second_upload_keeps_the_time_of_the_first_and_the_id() {
        let package = crate::sample::package(crate::sample::SampleOptions::default());
        let archive =
            fastly_package_archive::check(&mut Cursor::new(package), ReadLimits::default())
                .unwrap();
        let mut state = State::new(&Config::default());
        let first = state.store(&target("s", 1), archive.clone(), 10).unwrap().clone();
        let second = state.store(&target("s", 1), archive, 20).unwrap();
        assert_eq!((first.created_at, first.updated_at, first.uploads), (10, 10, 1));
        assert_eq!((second.created_at, second.updated_at, second.uploads), (10, 20, 2));
        assert_eq!(first.id, second.id);
    }

    #[test]
    fn a_package_id_looks_like_those_of_fastly() {
        let id = package_id("SU1Z0isxPaozGVKXdv0eY", 3);
        assert_eq!(id.len(), 22);
        assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_eq!(id, package_id("SU1Z0isxPaozGVKXdv0eY", 3));
        assert_ne!(id, package_id("SU1Z0isxPaozGVKXdv0eY", 4));
    }
}
