#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Question: Erlang starts a program as a port. Which signals does that program ignore, and in whose session is it?
# Guess:    none, as the runtime starts ports through a process of its own for this; and in the session of the runtime.
# Truth:    SIGPIPE and SIGFPE are ignored, also in all that the program starts in turn, and it leads a session of its own.
#           A pipeline whose reader leaves early complains about a broken pipe, where in a terminal it ends quietly;
#           a signal to the runtime's process group or terminal does not reach the program.
# Seen with: Erlang/OTP 25 (erlang-base 25.2.3, Debian 12).
# For pools: workers of a program that is a port inherit this, unless the pool sets what they begin with.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

unpack erlang-base=1:25.2.3+dfsg-1+deb12u4 libsctp1=1.0.19+dfsg-2 libsystemd0=252.39-1~deb12u2
export ROOTDIR=$root/usr/lib/erlang EMU=beam PROGNAME=erl
BINDIR=$(echo "$ROOTDIR"/erts-*/bin)
export BINDIR LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu

cat >"$work/program" <<'SH'
#!/bin/bash
ignored=$((16#$(sed -n 's/^SigIgn:[[:space:]]*//p' /proc/self/status)))
names=
for number in {1..31}; do
    if (((ignored >> (number - 1)) & 1)); then names+="$(kill -l "$number") "; fi
done
read -r _ _ _ _ _ session _ </proc/$$/stat
leads=no
[[ $session == "$$" ]] && leads=yes
yes 2>complaint | head -n 1 >/dev/null
echo "ignored: ${names:-none }leads a session: $leads complaints of a pipeline: $(wc -l <complaint)"
SH
chmod +x "$work/program"
as_a_port='Port = open_port({spawn_executable, "./program"}, [exit_status]),
    Read = fun Read() -> receive {Port, {data, Text}} -> io:format("~s", [Text]), Read(); {Port, {exit_status, _}} -> ok end end,
    Read(), halt().'
cd "$work"
echo "Erlang/OTP 25, erlang-base 25.2.3"
expect "started by a shell" "$(env --default-signal ./program)" \
    "ignored: none leads a session: no complaints of a pipeline: 0"
expect "started as a port" \
    "$(env --default-signal timeout 60 "$BINDIR/erlexec" -noshell -boot "$ROOTDIR/bin/no_dot_erlang" -eval "$as_a_port" </dev/null)" \
    "ignored: FPE PIPE leads a session: yes complaints of a pipeline: 1"
