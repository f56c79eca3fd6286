//! Namespaces, mounts and cgroups.
