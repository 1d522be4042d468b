# SPDX-License-Identifier: MIT
#
# Sourced behind packages.sh: MPICH 4.0.2 in $root, a compiler call and a launcher call for it.

unpack mpich=4.0.2-3+b1 libmpich12=4.0.2-3+b1 libmpich-dev=4.0.2-3+b1 libhwloc15=2.9.0-1 libucx0=1.13.1-1 \
    libslurm38=22.05.8-4+deb12u3 libnuma1=2.0.16-1
libraries=$root/usr/lib/x86_64-linux-gnu
export LD_LIBRARY_PATH=$libraries

# compile_mpich PROGRAM SOURCE
compile_mpich() {
    cc -o "$1" "$2" -I"$root/usr/include/x86_64-linux-gnu/mpich" -L"$libraries" -lmpich -Wl,-rpath-link,"$libraries"
}

# run_two_ranks PROGRAM [ARGUMENT…]: leaves the launcher's exit status in $status; output in $work/out and $work/err.
run_two_ranks() {
    status=0
    timeout 60 "$root/usr/bin/mpiexec.hydra" -launcher fork -n 2 "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
}
