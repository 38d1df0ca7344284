//! The queue of faults, and the requests they apply to.

use http::Method;
use http::header::EXPECT;
use http::request::Parts;

use super::Fault;

/// The requests that a fault applies to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(super) method: Option<Method>,
    pub(super) path: Option<String>,
    pub(super) expecting: bool,
}

impl Filter {
    pub(crate) fn matches(&self, request: &Parts) -> bool {
        self.method.as_ref().is_none_or(|method| request.method == method)
            && self.path.as_deref().is_none_or(|part| request.uri.path().contains(part))
            && (!self.expecting || request.headers.contains_key(EXPECT))
    }
}

/// The queued faults, in order.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn push(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes the first fault that applies to this request.
    pub(crate) fn take(&mut self, request: &Parts) -> Fault {
        self.0.retain(|fault| fault.times != Some(0));
        let Some(fault) = self.0.iter_mut().find(|fault| fault.filter.matches(request)) else {
            return Fault::none();
        };
        let taken = fault.clone();
        if let Some(times) = &mut fault.times {
            *times -= 1;
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::answer::Answer;

    fn request(method: &str, path: &str) -> Parts {
        Request::builder().method(method).uri(path).body(()).unwrap().into_parts().0
    }

    fn status(fault: &Fault) -> Option<u16> {
        fault.answer.as_ref().filter(|answer| !answer.real).map(|answer| answer.status.as_u16())
    }

    #[test]
    fn faults_are_taken_in_order_and_once() {
        let mut faults = Faults::default();
        faults.push(Fault::answer(Answer::new(500)));
        faults.push(Fault::answer(Answer::new(503)).times(2));
        let taken: Vec<_> = (0..4).map(|_| status(&faults.take(&request("GET", "/")))).collect();
        assert_eq!(taken, [Some(500), Some(503), Some(503), None]);
    }

    #[test]
    fn a_fault_waits_for_a_request_that_it_applies_to() {
        let mut faults = Faults::default();
        faults.push(Fault::answer(Answer::new(500)).on_put().on_path("/package"));
        assert_eq!(status(&faults.take(&request("GET", "/package"))), None);
        assert_eq!(status(&faults.take(&request("PUT", "/lock"))), None);
        assert_eq!(status(&faults.take(&request("PUT", "/package"))), Some(500));
    }

    #[test]
    fn a_fault_for_every_request_stays() {
        let mut faults = Faults::default();
        faults.push(Fault::answer(Answer::new(500)).every_time());
        for _ in 0..3 {
            assert_eq!(status(&faults.take(&request("GET", "/"))), Some(500));
        }
    }
}
