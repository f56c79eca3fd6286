# What podman and Docker need, in namespaces of their own; sourced as their first process.

set -euo pipefail
trap 'echo "line $LINENO: $BASH_COMMAND" >&2; exit 125' ERR

# A view of the control groups whose root has no process in it, as engines want it.
mount -n -t sysfs -o nosuid,nodev,noexec sysfs /sys
mount -n -t cgroup2 -o nosuid,nodev,noexec cgroup2 /sys/fs/cgroup
mkdir /sys/fs/cgroup/command
echo 1 >/sys/fs/cgroup/command/cgroup.procs
ip link set lo up

# A root directory for containers: busybox under all its names, and the program under test.
image=/run/image
mkdir -p "$image/bin" "$image/tmp"
cp "$(command -v busybox)" "$image/bin/busybox"
cp "$STOPCTL" "$image/bin/stopctl"
for name in $("$image/bin/busybox" --list); do
    [ "$name" = busybox ] || ln -s busybox "$image/bin/$name"
done
