//! What the emulator stores: services, their versions, their packages.

use std::collections::{BTreeMap, HashMap};

use sha2::{Digest, Sha512};

use crate::clock::now;
use crate::config::Config;
use crate::route::Target;
use crate::stored_package::StoredPackage;
use fastly_package_archive::Report;

/// Characters of an id of Fastly's.
const ALPHANUMERICS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Why a service or a version isn't there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    Service,
    Version,
}

/// All services.
pub(crate) struct State {
    /// Whether a service or version that nobody named exists.
    open: bool,
    services: HashMap<String, Service>,
}

/// One service.
#[derive(Default)]
pub(crate) struct Service {
    pub(crate) versions: BTreeMap<u32, Version>,
}

/// One version of a service.
#[derive(Clone)]
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
        let mut state = Self { open: config.services.is_none(), services: HashMap::new() };
        for (id, versions) in config.services.iter().flatten() {
            let versions = (1..=*versions).map(|number| (number, Version::default())).collect();
            state.services.insert(id.clone(), Service { versions });
        }
        for (id, version) in &config.locked {
            state.lock(id, *version);
        }
        state
    }

    /// The service. Where every service exists, it has at least a version 1.
    pub(crate) fn service(&mut self, id: &str) -> Result<&mut Service, Missing> {
        if self.open {
            let service = self.services.entry(id.to_owned()).or_default();
            if service.versions.is_empty() {
                service.versions.insert(1, Version::default());
            }
            return Ok(service);
        }
        self.services.get_mut(id).ok_or(Missing::Service)
    }

    /// The version. Where every version exists, it is there from now on.
    pub(crate) fn version(&mut self, target: &Target) -> Result<&mut Version, Missing> {
        let open = self.open;
        let service = self.service(&target.service_id)?;
        if open {
            return Ok(service.versions.entry(target.version).or_default());
        }
        service.versions.get_mut(&target.version).ok_or(Missing::Version)
    }

    /// The services that somebody named so far, in the order of their ids.
    pub(crate) fn service_ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.services.keys().cloned().collect();
        ids.sort();
        ids
    }

    pub(crate) fn package(&self, service_id: &str, version: u32) -> Option<&StoredPackage> {
        self.services.get(service_id)?.versions.get(&version)?.package.as_ref()
    }

    pub(crate) fn lock(&mut self, service_id: &str, version: u32) {
        let service = self.services.entry(service_id.to_owned()).or_default();
        service.versions.entry(version).or_default().locked = true;
    }

    /// Makes this version the active one; that locks it for good.
    pub(crate) fn activate(&mut self, target: &Target) -> Result<(), Missing> {
        self.version(target)?;
        for (number, version) in &mut self.service(&target.service_id)?.versions {
            version.active = *number == target.version;
            version.locked |= version.active;
        }
        Ok(())
    }

    /// Makes a version behind the last one, with this version's package, and returns its number.
    pub(crate) fn clone_version(&mut self, target: &Target, now: u64) -> Result<u32, Missing> {
        let package = self.version(target)?.package.clone();
        let service = self.service(&target.service_id)?;
        let number = service.versions.keys().last().map_or(1, |last| last.saturating_add(1));
        let package = package.map(|package| StoredPackage {
            id: package_id(&target.service_id, number),
            version: number,
            created_at: now,
            updated_at: now,
            uploads: 0,
            ..package
        });
        service.versions.insert(number, Version { package, ..Version::default() });
        Ok(number)
    }

    /// Replaces the version's package.
    pub(crate) fn store(
        &mut self,
        target: &Target,
        archive: Report,
        now: u64,
    ) -> Result<StoredPackage, Missing> {
        let version = self.version(target)?;
        let before = version.package.take();
        let package = StoredPackage {
            id: package_id(&target.service_id, target.version),
            service_id: target.service_id.clone(),
            version: target.version,
            archive,
            created_at: before.as_ref().map_or(now, |package| package.created_at),
            updated_at: now,
            uploads: before.map_or(0, |package| package.uploads) + 1,
        };
        version.package = Some(package.clone());
        Ok(package)
    }
}

/// 22 alphanumerics that depend on nothing but the service and the version.
fn package_id(service_id: &str, version: u32) -> String {
    let hash = Sha512::digest(format!("{version}/{service_id}"));
    let character = |byte: &u8| char::from(ALPHANUMERICS[usize::from(*byte) % ALPHANUMERICS.len()]);
    hash.iter().take(22).map(character).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fastly_package_archive::Limits;
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
    fn a_list_of_services_says_which_versions_exist() {
        let services = Some([("known".to_owned(), 2)].into());
        let mut state = State::new(&Config { services, ..Config::default() });
        assert!(state.version(&target("known", 2)).is_ok());
        assert_eq!(state.version(&target("known", 3)).err(), Some(Missing::Version));
        assert_eq!(state.version(&target("Known", 1)).err(), Some(Missing::Service));
    }

    #[test]
    fn a_clone_is_unlocked_and_comes_behind_the_last_version() {
        let services = Some([("s".to_owned(), 3)].into());
        let mut state = State::new(&Config { services, ..Config::default() });
        state.activate(&target("s", 1)).unwrap();
        assert_eq!(state.clone_version(&target("s", 1), 0), Ok(4));
        assert!(state.version(&target("s", 1)).unwrap().locked);
        assert!(!state.version(&target("s", 4)).unwrap().locked);
    }

    #[test]
    fn a_second_upload_keeps_the_time_of_the_first_and_the_id() {
        let package = crate::sample::package(crate::sample::SampleOptions::default());
        let archive =
            fastly_package_archive::check(&mut Cursor::new(package), Limits::default()).unwrap();
        let mut state = State::new(&Config::default());
        let first = state.store(&target("s", 1), archive.clone(), 10).unwrap();
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
