//! The queue of faults, and the requests they apply to.

use http::header::EXPECT;
use http::request::Parts;

use super::Fault;

/// Takes the first fault of the queue that applies to this request.
pub(crate) fn take(queue: &mut Vec<Fault>, request: &Parts) -> Fault {
    queue.retain(|fault| fault.times != Some(0));
    let Some(fault) = queue.iter_mut().find(|fault| fault.matches(request)) else {
        return Fault::none();
    };
    let taken = fault.clone();
    if let Some(times) = &mut fault.times {
        *times -= 1;
    }
    taken
}

impl Fault {
    fn matches(&self, request: &Parts) -> bool {
        self.method.as_ref().is_none_or(|method| request.method == method)
            && self.path.as_deref().is_none_or(|part| request.uri.path().contains(part))
            && (!self.expecting || request.headers.contains_key(EXPECT))
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
        let mut faults =
            vec![Fault::answer(Answer::new(500)), Fault::answer(Answer::new(503)).times(2)];
        let taken: Vec<_> =
            (0..4).map(|_| status(&take(&mut faults, &request("GET", "/")))).collect();
        assert_eq!(taken, [Some(500), Some(503), Some(503), None]);
    }

    #[test]
    fn a_fault_waits_for_a_request_that_it_applies_to() {
        let mut faults = vec![Fault::answer(Answer::new(500)).on_put().on_path("/package")];
        assert_eq!(status(&take(&mut faults, &request("GET", "/package"))), None);
        assert_eq!(status(&take(&mut faults, &request("PUT", "/lock"))), None);
        assert_eq!(status(&take(&mut faults, &request("PUT", "/package"))), Some(500));
    }

    #[test]
    fn a_fault_for_every_request_stays() {
        let mut faults = vec![Fault::answer(Answer::new(500)).every_time()];
        for _ in 0..3 {
            assert_eq!(status(&take(&mut faults, &request("GET", "/"))), Some(500));
        }
    }
}
