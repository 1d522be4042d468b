#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Question: a node has two processors, and a step of one task is started by srun with --cpu-bind=none, which by its manual binds
#           no task. On how many processors may the task run?
# Guess:    on two, all that the node has.
# Truth:    on one, that of its allocation, as without the option. Several processors come with --cpus-per-task. (With
#           task/none in place of task/affinity the task has both.)
# Seen with: Slurm 22.05.8 (Debian 12) with task/affinity and select/cons_tres; a cluster of this one machine. Needs root.
# For pools: a program that counts its processors finds one, and makes one worker. That the binding was turned off does
#           not mean that there is more.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

[[ $(id -u) == 0 && $(nproc) -ge 2 ]] || { echo "this needs root and two processors" >&2; exit 2; }
unpack slurmd=22.05.8-4+deb12u3 slurmctld=22.05.8-4+deb12u3 slurm-client=22.05.8-4+deb12u3 \
    slurm-wlm-basic-plugins=22.05.8-4+deb12u3 munge=0.5.15-2+deb12u1 libmunge2=0.5.15-2+deb12u1 \
    libhwloc15=2.9.0-1 libnuma1=2.0.16-1
export LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu:$root/usr/lib/x86_64-linux-gnu/slurm-wlm SLURM_CONF=$work/slurm.conf
host=$(uname -n | cut -d. -f1)
mkdir "$work/run" "$work/state"
chmod 755 "$work" "$work/run"
head -c 128 /dev/urandom >"$work/run/key"
chmod 600 "$work/run/key"
cat >"$SLURM_CONF" <<CONF
ClusterName=one
SlurmctldHost=$host(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket=$work/run/munge
CredType=cred/munge
PluginDir=$root/usr/lib/x86_64-linux-gnu/slurm-wlm
SlurmUser=root
ProctrackType=proctrack/linuxproc
TaskPlugin=task/affinity
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/state
SlurmctldPidFile=$work/run/slurmctld.pid
SlurmdPidFile=$work/run/slurmd.pid
SlurmctldPort=26817
SlurmdPort=26818
NodeName=$host NodeAddr=127.0.0.1 CPUs=2
PartitionName=all Nodes=ALL Default=YES
CONF
munge=$work/run/munge
"$root/usr/sbin/munged" --foreground --force --key-file="$work/run/key" --socket="$munge" --pid-file="$munge.pid" \
    --log-file="$munge.log" --seed-file="$munge.seed" >/dev/null 2>&1 &
services=($!)
trap 'kill "${services[@]}" 2>/dev/null; wait; rm -rf "$work"' EXIT
for _ in {1..100}; do [[ -S $munge ]] || sleep 0.1; done
"$root/usr/sbin/slurmctld-wlm" -D >"$work/slurmctld.log" 2>&1 &
services+=($!)
"$root/usr/sbin/slurmd-wlm" -D -d "$root/usr/sbin/slurmstepd-wlm" >"$work/slurmd.log" 2>&1 &
services+=($!)
for _ in {1..100}; do
    timeout 5 "$root/usr/bin/sinfo" -h -o %t 2>/dev/null | grep -q idle && break
    for service in "${services[@]}"; do
        kill -0 "$service" 2>/dev/null || { cat "$work"/*.log >&2; exit 2; }
    done
    sleep 0.2
done
# usable OPTION…: processors of a task
usable() {
    timeout 60 "$root/usr/bin/srun" -Q -n1 "$@" /usr/bin/python3 -c 'import os; print(len(os.sched_getaffinity(0)))'
}
echo "$("$root/usr/bin/srun" --version), slurmd may use $(taskset -cp "${services[2]}" | sed 's/.*: //')"
expect "srun -n1" "$(usable)" 1
expect "srun -n1 --cpu-bind=none" "$(usable --cpu-bind=none)" 1
expect "srun -n1 --cpus-per-task=2 --cpu-bind=none" "$(usable --cpus-per-task=2 --cpu-bind=none)" 2
