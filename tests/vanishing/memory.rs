//! Flags as memory: who maps them, and how little there may be of it.
