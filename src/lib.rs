//! stopctl: stopping a program well is a request, not a shot.


