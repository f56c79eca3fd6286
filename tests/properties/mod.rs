//! What holds for any bytes that a parser is given: never a panic, and what is read is written
//! and read again as the same. One function for each parser, used by the tests of the committed
//! corpus, by those of random bytes, and by the fuzz targets (tests/fuzz).

pub(crate) mod flag;
pub(crate) mod notify;
pub(crate) mod owner;
pub(crate) mod record;
pub(crate) mod request;
pub(crate) mod typed;
