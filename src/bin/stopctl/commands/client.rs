//! `stopctl client`: the one-file clients of `clients/`, which the program carries.

use crate::cli::{ClientArgs, Language};
use crate::exit::Leave;
use crate::show;

pub(crate) fn client(args: &ClientArgs) -> Leave {
    show::out(match args.language {
        Language::C => include_str!("../../../../clients/c/stopctl.h"),
        Language::Cpp => include_str!("../../../../clients/cpp/stopctl.hpp"),
        Language::Go => include_str!("../../../../clients/go/stopctl.go"),
        Language::Java => include_str!("../../../../clients/java/Stopctl.java"),
        Language::Node => include_str!("../../../../clients/node/stopctl.mjs"),
        Language::Python => include_str!("../../../../clients/python/stopctl/__init__.py"),
        Language::Sh => include_str!("../../../../clients/sh/stopctl.sh"),
    })
}
