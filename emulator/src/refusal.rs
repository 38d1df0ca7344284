//! The error of a request that doesn't succeed.

use std::io;

use crate::answer::Answer;

#[derive(Debug)]
pub(crate) enum Refusal {
    Answer(Box<Answer>),
    /// The request body is incomplete, so there is nobody to answer.
    Aborted(io::Error),
}

impl From<Answer> for Refusal {
    fn from(answer: Answer) -> Self {
        Self::Answer(Box::new(answer))
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Aborted(error)
    }
}

/// Returns the answer to a request, whether it succeeded or was refused.
pub(crate) fn into_answer(result: Result) -> io::Result<Answer> {
    match result {
        Ok(answer) => Ok(answer),
        Err(Refusal::Answer(answer)) => Ok(*answer),
        Err(Refusal::Aborted(error)) => Err(error),
    }
}

pub(crate) type Result<T = Answer> = std::result::Result<T, Refusal>;
