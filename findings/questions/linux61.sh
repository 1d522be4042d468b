#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Questions of docs/surroundings.md about control groups of version 2, Linux 6.1 and 5-level page tables.
# Boots Debian 12's kernel in qemu with system.c and nothing else, needs no rights, and prints what it sees:
#     ./linux61.sh [PROGRAM…]     # programs that are run there in a group with little memory, e.g. one with a pool
# Needs qemu-system-x86_64, busybox-static, cpio and a C compiler; takes a minute.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR
source "$here/../packages.sh"

unpack linux-image-6.1.0-57-cloud-amd64=6.1.192-3 busybox-static=1:1.35.0-4+deb12u1+b1
disk=$work/disk
mkdir -p "$disk"/{bin,proc,sys,dev,tmp}
cp "$root/bin/busybox" "$disk/bin/"
cc -O1 -pthread -static -o "$disk/system" "$here/system.c"
for program in "$@"; do
    for file in "$program" $(ldd "$program" | grep -o '/[^ ]*'); do cp -L --parents "$file" "$disk"; done
done
cat >"$disk/init" <<'SH'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir /dev/shm && mount -t tmpfs shm /dev/shm
mount -t cgroup2 groups /sys/fs/cgroup
echo 1 >/proc/sys/kernel/printk
ifconfig lo 127.0.0.1
cd /sys/fs/cgroup
echo "+cpu +memory +pids +cpuset" >cgroup.subtree_control
mkdir quota high limit outer narrow few
mask() { grep Cpus_allowed_list "/proc/$1/status"; }
{
    echo "Linux $(uname -r)"
    echo 50000 100000 >quota/cpu.max
    echo "cpu.max 50000 100000:"
    /system burst quota
    echo 50000 >quota/cpu.max.burst
    echo "with cpu.max.burst 50000:"
    /system burst quota
    echo "memory.high 32M, 96 MiB, after 20 s:"
    echo 32M >high/memory.high
    timeout -s KILL 20 /system take high 96
    echo "ended with $?"
    echo 64M >limit/memory.max
    for group in 0 1; do
        echo "memory.max 64M, memory.oom.group $group:"
        echo $group >limit/memory.oom.group
        sh -c 'echo $$ >limit/cgroup.procs; /system take limit 100; echo "child ended with $?, parent goes on"'
        echo "parent ended with $?"
    done
    echo 0 >limit/memory.oom.group
    echo "killed in a child group; memory.events and memory.events.local of the outer group:"
    echo +memory >outer/cgroup.subtree_control
    mkdir outer/inner
    echo 64M >outer/inner/memory.max
    /system take outer/inner 100
    grep oom_kill outer/memory.events outer/memory.events.local
    echo "pinned to processor 1, cpuset narrowed to 0, widened to 0-1, emptied:"
    echo 0-1 >narrow/cpuset.cpus
    /system pinned narrow & pinned=$!
    sleep 1
    mask $pinned
    echo 0 >narrow/cpuset.cpus
    mask $pinned
    echo 0-1 >narrow/cpuset.cpus
    mask $pinned
    echo >narrow/cpuset.cpus
    mask $pinned
    echo "pids.max 5:"
    echo 5 >few/pids.max
    /system threads few
    cat few/pids.events
    echo "autogroup:"
    echo 1 >/proc/sys/kernel/sched_autogroup_enabled
    for session in own same; do
        taskset 1 /system spin $session 0 & first=$!
        taskset 1 /system spin $session 19
        wait $first
    done
    for mode in never always advise; do
        echo $mode >/sys/kernel/mm/transparent_hugepage/shmem_enabled
        echo "shmem_enabled $mode, one byte of a memfd: $(/system huge); with advice: $(/system huge advise)"
    done
    echo never >/sys/kernel/mm/transparent_hugepage/enabled
    echo always >/sys/kernel/mm/transparent_hugepage/shmem_enabled
    echo "shmem_enabled always, never for other memory: $(/system huge)"
    echo "5-level page tables: $(grep -c la57 /proc/cpuinfo) processors"
    /system map
    /system ended
    /system memfd
    for program in PROGRAMS; do
        for overcommit in 0 2; do
            echo "$program, memory.max 64M, vm.overcommit_memory $overcommit:"
            echo $overcommit >/proc/sys/vm/overcommit_memory
            sh -c "echo \$\$ >limit/cgroup.procs; exec $program"
        done
    done
} 2>&1
poweroff -f
SH
sed -i "s|for program in PROGRAMS|for program in $*|" "$disk/init"
[[ $# -gt 0 ]] || sed -i '/for program in ;/,/^    done/d' "$disk/init"
chmod +x "$disk/init"
ln -s busybox "$disk/bin/sh"
(cd "$disk" && find . | cpio -o -H newc --quiet | gzip -1) >"$work/initrd"
timeout 300 qemu-system-x86_64 -accel tcg -cpu max -smp 2 -m 1500 -nographic -no-reboot \
    -kernel "$root"/boot/vmlinuz-* -initrd "$work/initrd" -append "console=ttyS0 quiet panic=-1" </dev/null | tr -d '\r' | sed -n '/Linux 6.1/,/Power down/p'
