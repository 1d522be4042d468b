// expect-error: the end of a channel goes away with the value that it is sent in
// SPDX-License-Identifier: MIT
//
// A channel's end that stays here by mistake.
#include <concurrent/futures/channel.hpp>

namespace cf = concurrent::futures;

void pass_on(cf::Sender<cf::Receiver<int>>& sender, const cf::Receiver<int>& receiver) { sender.send(receiver); }
