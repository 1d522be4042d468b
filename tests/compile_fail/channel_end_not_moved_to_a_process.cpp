// expect-error: the end of a channel goes away with the argument that it is in
// SPDX-License-Identifier: MIT
//
// A channel's end that stays here by mistake.
#include <concurrent/futures/process.hpp>

namespace cf = concurrent::futures;

void work(cf::Sender<int>) {}

void start(cf::Sender<int>& sender) { const cf::Process process(work, sender); }
